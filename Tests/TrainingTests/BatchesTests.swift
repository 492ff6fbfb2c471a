import Formats
import TensorCore
import Testing
import Training

@Suite("Batches")
struct BatchesTests {
  @Test("every epoch holds every item once, its last batch filled up")
  func shuffled() {
    let batches = Batches.shuffled(items: 7, size: 3, epochs: 4, seed: 1)
    #expect(batches.count == 12)
    var orders: Set<[Int]> = []
    for epoch in 0..<4 {
      let rows = Array(batches.rows[epoch * 9..<(epoch + 1) * 9])
      #expect(rows[7...] == [-1, -1])
      #expect(rows[..<7].sorted() == Array(0..<7))
      orders.insert(rows)
    }
    #expect(orders.count > 1)
    #expect(batches.itemCount(at: 0) == 3)
    #expect(batches.itemCount(at: 2) == 1)
  }

  @Test("the order depends on the seed alone, and more epochs do not change the first ones")
  func seeded() {
    let two = Batches.shuffled(items: 10, size: 4, epochs: 2, seed: 5)
    let three = Batches.shuffled(items: 10, size: 4, epochs: 3, seed: 5)
    #expect(three.rows.starts(with: two.rows))
    #expect(Batches.shuffled(items: 10, size: 4, epochs: 2, seed: 6) != two)
    // Another batch size cuts the same order.
    let cut = Batches.shuffled(items: 10, size: 5, epochs: 2, seed: 5)
    #expect(cut.rows == two.rows.filter { $0 >= 0 })
  }

  @Test("batches come back from their file")
  func file() throws {
    let folder = try TemporaryFolder()
    let batches = Batches.shuffled(items: 7, size: 3, epochs: 2, seed: 1)
    try batches.write(to: folder.path("batches.npy"))
    #expect(try Batches(path: folder.path("batches.npy"), items: 7) == batches)
    let array = try StoredArray.read(path: folder.path("batches.npy"))
    #expect(array.elementType == .int64)
    #expect(array.shape == [6, 3])
  }

  @Test("a row that is no item is named with its step and column")
  func outOfRange() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("batches.npy")
    for row in [7, -2, Int64.max, Int64.min] as [Int64] {
      try NPY.write(StoredArray([0, 1, 2, 3, row, -1], shape: [2, 3]), to: path)
      #expect(
        message { _ = try Batches(path: path, items: 7) }
          == "\(path): element 4: found row \(row) at step 1, column 1, "
          + "expected -1 or a row of the training set, 0 to 6")
    }
  }

  @Test("a batch of nobody, a flat array and fractions are refused")
  func refused() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("batches.npy")
    try NPY.write(StoredArray([0, -1, -1, -1], shape: [2, 2]), to: path)
    #expect(
      message { _ = try Batches(path: path, items: 2) }
        == "\(path): element 2: found no rows at step 1, expected at least one")
    try NPY.write(StoredArray([0, 1], shape: [2]), to: path)
    #expect(message { _ = try Batches(path: path, items: 2) }.contains("shape [2]"))
    try NPY.write(StoredArray([], shape: [0, 3]), to: path)
    #expect(message { _ = try Batches(path: path, items: 2) }.contains("shape [0, 3]"))
    try NPY.write(Tensor<Double>([1, 2], [0, 0.5]), to: path)
    #expect(message { _ = try Batches(path: path, items: 2) }.contains("element 1: found 0.5"))
  }
}
