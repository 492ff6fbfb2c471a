import Autodiff
import TensorCore
import Testing

/// Products of many matrices, and sums of them.
@Suite struct MatMulTests {
  private func values(_ graph: Graph, _ nodes: [NodeID]) -> [String: Tensor<Float>] {
    var draws = Draws(4)
    return nodes.enumerated().reduce(into: [:]) {
      $0["x\($1.offset)"] = draws.tensor(graph.shape($1.element)).cast()
    }
  }

  /// Fronts of A and B, the summed axes and m, n, k: small ones, tiles of rows and of columns.
  static let cases: [(a: [Int], b: [Int], axes: [Int], extents: [Int])] = [
    ([], [5], [-3], [2, 3, 4]), ([3, 2], [2], [-4], [2, 3, 4]),
    ([3, 1], [1, 4], [-3], [3, 2, 1]),
    ([2, 3, 2], [3, 1], [-5, -3], [2, 2, 2]), ([30], [30], [-3], [40, 9, 200]),
    ([30], [30], [-3], [20, 150, 64]), ([4, 30], [4, 30], [-4], [16, 9, 60]),
    ([5, 0], [5, 1], [-3], [2, 2, 2]),
  ]

  @Test(arguments: cases.indices) func sumsOfProductsAreSums(_ number: Int) throws {
    let (a, b, axes, extents) = Self.cases[number]
    let (m, n, k) = (extents[0], extents[1], extents[2])
    for (transposeA, transposeB) in [(false, false), (false, true), (true, false), (true, true)] {
      var graph = Graph()
      let x = graph.input("x0", Shape(a + (transposeA ? [k, m] : [m, k])))
      let y = graph.input("x1", Shape(b + (transposeB ? [n, k] : [k, n])))
      let products = graph.matmul(x, y, transposeA: transposeA, transposeB: transposeB)
      let wanted = graph.sum(products, axes: axes)
      let sum = graph.matmul(
        x, y, transposeA: transposeA, transposeB: transposeB, summedAxes: axes)
      #expect(graph.shape(sum) == graph.shape(wanted))
      let values = values(graph, [x, y])
      let results = evaluate(graph, [wanted, sum], values)
      #expect(difference(results[0].cast(), results[1].cast()) <= 1e-5)
      for threads in [2, 3] {
        let pool = WorkerPool(threads: threads)
        #expect(evaluate(graph, [products, sum], values, pool: pool)[1] == results[1])
      }
    }
  }

  @Test(arguments: [([] as [Int], [40]), ([40], [40]), ([2, 20], [20]), ([3, 1], [3, 9])])
  func threadsShareTheMatricesAndChangeNoBit(_ a: [Int], _ b: [Int]) {
    var graph = Graph()
    let x = graph.input("x0", Shape(a + [30, 50])), y = graph.input("x1", Shape(b + [50, 40]))
    let product = graph.matmul(x, y)
    let values = values(graph, [x, y])
    let alone = evaluate(graph, [product], values)[0]
    #expect(evaluate(graph, [product], values, pool: WorkerPool(threads: 3))[0] == alone)
  }

  /// The gradient of a matrix that every item meets is summed as it is made.
  @Test func gradientsOfSharedMatricesHaveNoCopyForEachItem() {
    var graph = Graph()
    let w = graph.input("w", [4, 3]), x = graph.input("x", [7, 3, 5])
    let product = graph.matmul(w, x)
    _ = graph.gradient(of: product, withRespectTo: [w])
    #expect(!graph.nodes.contains { $0.shape == [7, 4, 3] })
  }

  @Test func aProductReadsThroughSwappedAxes() {
    var graph = Graph()
    let x = graph.input("x", [2, 4, 3]), w = graph.input("w", [5, 3])
    let swapped = graph.transpose(w, [1, 0])
    #expect(graph.matmul(x, swapped) == graph.matmul(x, w, transposeB: true))
    #expect(
      graph.matmul(swapped, x, transposeA: true, transposeB: true)
        == graph.matmul(w, x, transposeB: true))
    let y = graph.input("y", [2, 6, 3])
    #expect(graph.matmul(x, graph.transpose(y, [0, 2, 1])) == graph.matmul(x, y, transposeB: true))
    // Rows in one product are worth the transpose.
    let columns = graph.input("z", [2, 3, 4])
    let rows = graph.transpose(columns, [0, 2, 1])
    let product = graph.matmul(rows, swapped)
    #expect(graph[product].operands[0] == rows)
  }
}
