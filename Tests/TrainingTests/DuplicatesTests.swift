import TensorCore
import Testing
import Training

@Suite("Duplicates in the data")
struct DuplicatesTests {
  private func dataset<Scalar: TensorScalar>(
    _ rows: [[Scalar]], labels: [Int32]? = nil
  ) -> Dataset<Scalar> {
    Dataset(
      inputs: Tensor([rows.count, rows[0].count], rows.flatMap { $0 }),
      targets: .labels(labels ?? [Int32](repeating: 0, count: rows.count)))
  }

  /// 2⟨x, y⟩ / (|x|² + |y|²) of what is left without the mean, number by number.
  private func naive(_ rows: [[Double]], _ a: Int, _ b: Int) -> Double {
    let mean = rows[0].indices.map { column in
      rows.reduce(0) { $0 + $1[column] } / Double(rows.count)
    }
    let (x, y) = (zip(rows[a], mean).map { $0 - $1 }, zip(rows[b], mean).map { $0 - $1 })
    let product = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
    return max(0, 2 * product / (x.reduce(0) { $0 + $1 * $1 } + y.reduce(0) { $0 + $1 * $1 }))
  }

  @Test("copies are found by content, label included")
  func contentGroups() {
    let data = dataset(
      [[1, 2], [3, 4], [1, 2], [3, 4], [1, 2], [3, 4.5], [3, 4]] as [[Float]],
      labels: [0, 1, 0, 1, 1, 1, 1])
    #expect(data.contentGroups() == [[0, 2], [1, 3, 6]])
    let numbers = Dataset<Float>(
      inputs: Tensor([3, 1], [7, 7, 7]), targets: .values(Tensor([3, 2], [1, 2, 1, 3, 1, 2])))
    #expect(numbers.contentGroups() == [[0, 2]])
    #expect(items(20, inputs: 3, classes: 2, as: Float.self).contentGroups().isEmpty)
  }

  @Test("similarities of more items than a block are those of the definition")
  func definition() throws {
    let data = items(300, inputs: 5, classes: 2, as: Double.self)
    let rows = (0..<300).map { data.inputs.row($0).scalars }
    let found = data.nearDuplicates(of: 280, similarity: 0)
    #expect(found.count == 300)
    #expect(found[0].item == 280 && found[0].similarity == 1)
    for (a, b) in zip(found, found.dropFirst()) { #expect(a.similarity >= b.similarity) }
    for near in found.dropFirst() {
      #expect(abs(near.similarity - naive(rows, 280, near.item)) < 1e-12, "item \(near.item)")
    }
    let threshold = found[12].similarity
    #expect(data.nearDuplicates(of: 280, similarity: threshold) == Array(found[...12]))
    // Half of all point away from it, and share similarity 0 in the order of their rows.
    let away = found.filter { $0.similarity == 0 }.map(\.item)
    #expect(away.count > 50 && away == away.sorted())
  }

  @Test("a brighter digit, a noisy digit and a copy are told apart")
  func digits() {
    let some = Digits.all(as: Float.self)[Array(0..<200)]
    var inputs = some.inputs.scalars
    let digit = Array(inputs[7 * 64..<8 * 64])
    inputs += digit
    inputs += digit.enumerated().map { $0 == 20 ? $1 + 0.001 : $1 }
    inputs += digit.map { $0 * 0.5 }
    // A copy with another label is a copy.
    let data = Dataset(
      inputs: Tensor([203, 64], inputs), targets: .labels((0..<203).map { Int32($0 % 10) }))
    let near = data.nearDuplicates(of: 7, similarity: 0.99)
    #expect(near.map(\.item) == [7, 200, 201])
    #expect(near[1].similarity == 1 && near[2].similarity < 1 && near[2].similarity > 0.9999)
    #expect(data.nearDuplicates(of: 7, similarity: 1).map(\.item) == [7, 200])
    let all = data.nearDuplicates(of: 7, similarity: 0)
    let half = all.first { $0.item == 202 }?.similarity ?? 0
    #expect(half > 0.3 && half < 0.95)
  }

  @Test("similarity 1 is for the same inputs, however near others are")
  func nearest() {
    let data = dataset([[1, 0.5], [Float(1).nextUp, 0.5], [1, 0.5], [-2, 9]])
    let near = data.nearDuplicates(of: 0, similarity: 0.999)
    #expect(near.map(\.item) == [0, 2, 1])
    #expect(near.map { $0.similarity == 1 } == [true, true, false])
  }

  @Test("zeros, constants, huge and tiny numbers give no NaN")
  func extremes() {
    let most = Double.greatestFiniteMagnitude
    let tables: [[[Double]]] = [
      [[0, 0], [0, 0], [0, 0]], [[4, 4], [4, 4], [4, 4]], [[5, 6]],
      [[most, -most], [-most, most], [most, -most]], [[1e-300, 0], [0, 1e-300], [1e-300, 0]],
      // The first is the mean itself.
      [[0, 0], [1, 1], [-1, -1]],
    ]
    for rows in tables {
      let data = dataset(rows)
      for item in rows.indices {
        let near = data.nearDuplicates(of: item, similarity: 0)
        #expect(near.count == rows.count)
        #expect(near.allSatisfy { (0...1).contains($0.similarity) })
        #expect(
          near.filter { $0.similarity == 1 }.map(\.item)
            == rows.indices.filter { rows[$0] == rows[item] })
        #expect(data.nearDuplicates(of: item, similarity: .nan).map(\.item) == [item])
      }
    }
    #expect(dataset(tables[5]).nearDuplicates(of: 1, similarity: 0.1).map(\.item) == [1])
  }
}
