import Formats
import Foundation
import TensorCore
import Testing

@Suite("score matrices written in panels")
struct ScoreMatrixWriterTests {
  /// Columns of a matrix.
  static func panel<Scalar>(_ matrix: Tensor<Scalar>, _ columns: Range<Int>) -> Tensor<Scalar> {
    let rows = (0..<matrix.shape[0]).flatMap { row in columns.map { matrix[row, $0] } }
    return Tensor([matrix.shape[0], columns.count], rows)
  }

  @Test(
    "panels in any order make the file that the whole matrix makes",
    arguments: [[0..<10], [0..<3, 3..<4, 4..<10], [7..<10, 0..<1, 1..<7, 5..<5]])
  func panels(columns: [Range<Int>]) throws {
    let folder = try TemporaryFolder()
    let matrix = randomTensor([4, 10], seed: 5)
    try NPY.write(matrix, to: folder("whole"))
    try NPY.write(matrix.cast(to: Float.self), to: folder("single"))

    let double = try ScoreMatrixWriter<Double>(path: folder("a"), queries: 4, items: 10)
    let single = try ScoreMatrixWriter<Float>(path: folder("b"), queries: 4, items: 10)
    for range in columns {
      let panel = ScoreMatrixWriterTests.panel(matrix, range)
      try double.write(panel, columns: range)
      try single.write(panel.cast(), columns: range)
    }
    #expect(try folder.names().filter { !$0.hasSuffix(".part") } == ["single", "whole"])
    try double.finish()
    try single.finish()
    #expect(try fileBytes(folder("a")) == fileBytes(folder("whole")))
    #expect(try fileBytes(folder("b")) == fileBytes(folder("single")))
  }

  @Test("matrices without rows or columns", arguments: [[0, 3], [3, 0], [0, 0]] as [Shape])
  func empty(shape: Shape) throws {
    let folder = try TemporaryFolder()
    let writer = try ScoreMatrixWriter<Float>(
      path: folder("a"), queries: shape[0], items: shape[1])
    try writer.write(Tensor(shape), columns: 0..<shape[1])
    try writer.finish()
    #expect(try StoredArray.read(path: folder("a")).tensor() == Tensor<Float>(shape))
  }

  @Test("an unfinished matrix leaves nothing") func abandoned() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try ScoreMatrixWriter<Float>(path: folder("a"), queries: 2, items: 2)
      try writer.write(Tensor([2, 1]), columns: 0..<1)
    }
    #expect(try folder.names() == [])
  }

  @Test("finishing with a column missing stops the program") func missingColumn() async throws {
    // The program that stops leaves its temporary file, which goes with the folder.
    let folder = try TemporaryFolder()
    await #expect(processExitsWith: .failure) { [path = folder("a") as String] in
      let writer = try ScoreMatrixWriter<Float>(path: path, queries: 1, items: 2)
      try writer.write(Tensor([1, 1]), columns: 0..<1)
      try writer.finish()
    }
  }
}
