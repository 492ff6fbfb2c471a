import Autodiff
import TensorCore
import Testing

/// What a plan fuses, shares and cuts changes no result.
@Suite struct PlanTests {
  /// A chain whose steps read rows, columns, scalars, each other, and each other reshaped.
  private func chain(_ rows: Int, _ columns: Int) -> (Graph, [NodeID], [String: Tensor<Float>]) {
    var graph = Graph()
    let x = graph.input("x", [rows, columns])
    let row = graph.input("row", [columns])
    let column = graph.input("column", [rows, 1])
    let scalar = graph.input("scalar", [])
    var nodes: [NodeID] = []
    func keep(_ id: NodeID) -> NodeID {
      nodes.append(id)
      return id
    }
    let a = keep(graph.add(x, row))
    let b = keep(graph.unary(.tanh, a))
    let c = keep(graph.multiply(b, column))
    let d = keep(graph.subtract(scalar, c))
    let e = keep(graph.affine(d, scale: -1.5, offset: 0.25))
    let f = keep(graph.multiply(e, b))
    let flat = graph.reshape(f, to: [rows * columns])
    let g = keep(graph.unary(.sigmoid, flat))
    let h = keep(graph.multiply(graph.reshape(g, to: [rows, columns]), f))
    _ = keep(graph.divide(h, graph.unary(.exp, row)))
    var draws = Draws(7)
    let values = ["x": x, "row": row, "column": column, "scalar": scalar].mapValues {
      graph.shape($0)
    }
    var tensors: [String: Tensor<Float>] = [:]
    for (label, shape) in values.sorted(by: { $0.key < $1.key }) {
      tensors[label] = draws.tensor(shape).cast(to: Float.self)
    }
    return (graph, nodes, tensors)
  }

  /// One output holds the rest in scratch; every node an output holds nothing there.
  ///
  /// The larger shapes take several chunks, the last one shorter, and rows longer than a chunk.
  @Test(arguments: [[1, 1], [3, 5], [1, 7], [7, 1], [130, 33], [3, 2500]])
  func fusedChainsGiveTheBitsOfTheirSteps(_ extents: [Int]) throws {
    let (graph, nodes, values) = chain(extents[0], extents[1])
    let steps = evaluate(graph, nodes, values)
    for (node, step) in zip(nodes, steps) {
      #expect(evaluate(graph, [node], values)[0] == step)
    }
    // By plain arithmetic on tensors.
    let x = try #require(values["x"]), row = try #require(values["row"])
    let column = try #require(values["column"]), scalar = try #require(values["scalar"])
    let b = x.zip(.add, row).map(.tanh)
    let d = scalar.zip(.subtract, b.zip(.multiply, column))
    #expect(steps[1] == b)
    #expect(steps[3] == d)
    let f = steps[5]
    #expect(f == steps[4].zip(.multiply, b))
    #expect(steps[7] == f.map(.sigmoid).zip(.multiply, f))
    #expect(steps[8] == steps[7].zip(.divide, row.map(.exp)))
  }

  /// Operands that repeat along the first, the middle, the last axis, or two of them.
  @Test(arguments: [[1, 1, 1], [2, 3, 5], [4, 1, 7], [3, 50, 10], [2, 130, 33], [2, 2, 2500]])
  func fusedChainsReadOperandsThatRepeatAlongAnyAxis(_ extents: [Int]) throws {
    let (d, r, c) = (extents[0], extents[1], extents[2])
    var graph = Graph()
    let x = graph.input("x", [d, r, c])
    let others: [(label: String, shape: Shape)] = [
      ("middle", [d, 1, c]), ("matrix", [r, c]), ("column", [r, 1]), ("outer", [d, 1, 1]),
      ("each", [d, r, 1]), ("row", [c]),
    ]
    var nodes: [NodeID] = []
    for (label, shape) in others {
      nodes.append(graph.multiply(nodes.last ?? x, graph.input(label, shape)))
    }
    let repeated = graph.broadcast(graph.input("bias", [d, 1, c]), from: [1, c], to: [r, c])
    nodes.append(graph.add(nodes[5], repeated))
    var draws = Draws(3)
    var values = ["x": draws.tensor([d, r, c]), "bias": draws.tensor([d, 1, c])]
    for (label, shape) in others { values[label] = draws.tensor(shape) }
    var wanted = try #require(values["x"])
    for (label, _) in others { wanted = wanted.zip(.multiply, try #require(values[label])) }
    wanted = wanted.zip(.add, try #require(values["bias"]))
    #expect(evaluate(graph, [nodes[6]], values)[0] == wanted)
    #expect(evaluate(graph, nodes, values)[6] == wanted)
  }

  /// A second graph with other nodes between the same steps: fused or not, the same bits.
  @Test func derivativesOfANetworkDoNotDependOnWhatElseIsAsked() {
    var graph = Graph()
    let x = graph.input("x", [6, 5]), w = graph.input("w", [4, 5]), b = graph.input("b", [4])
    let labels = graph.indexInput("y", [6])
    let z = graph.gelu(graph.add(graph.matmul(x, w, transposeB: true), b))
    let losses = graph.crossEntropy(z, labels: labels)
    let gradients = graph.gradient(of: losses, withRespectTo: [w, b, x])
    var draws = Draws(11)
    let values: [String: Tensor<Double>] = [
      "x": draws.tensor([6, 5]), "w": draws.tensor([4, 5]), "b": draws.tensor([4]),
    ]
    let indices = ["y": draws.indices(6, below: 4)]
    let together = evaluate(graph, [losses, z] + gradients + [z], values, indices: indices)
    #expect(together[1] == together[5])
    for (position, output) in ([losses, z] + gradients).enumerated() {
      #expect(evaluate(graph, [output], values, indices: indices)[0] == together[position])
    }
  }

  @Test func outputsMayRepeatAndBeInputsConstantsOrReshapes() {
    var graph = Graph()
    let x = graph.input("x", [2, 3])
    let y = graph.unary(.square, x)
    let flat = graph.reshape(y, to: [6])
    let two = graph.constant(2, [2])
    let value: Tensor<Double> = Tensor([2, 3], [1, 2, 3, 4, 5, 6])
    let square = value.zip(.multiply, value)
    let outputs = [y, x, flat, y, two, x, graph.reshape(x, to: [3, 2]), two]
    let results = evaluate(graph, outputs, ["x": value])
    #expect(results[0] == square && results[3] == square)
    #expect(results[1] == value && results[5] == value)
    #expect(results[2] == square.reshaped([6]))
    #expect(results[4] == Tensor([2], [2, 2]) && results[7] == results[4])
    #expect(results[6] == value.reshaped([3, 2]))
  }

  @Test func repeatedOutputsHaveMemoryOfTheirOwn() {
    var graph = Graph()
    let x = graph.input("x", [4])
    let y = graph.unary(.negate, x)
    let plan = Plan<Float>(graph, outputs: [y, y, x])
    let workspace = plan.makeWorkspace()
    workspace.set("x", Tensor([4], [1, 2, 3, 4]))
    plan.run(workspace)
    #expect(Set((0..<3).compactMap { workspace.output($0).baseAddress }).count == 3)
  }

  @Test func aMissingBindingIsNamed() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      var graph = Graph()
      let sum = graph.add(graph.input("left", [2]), graph.input("right", [2]))
      let plan = Plan<Float>(graph, outputs: [sum])
      let workspace = plan.makeWorkspace()
      workspace.set("left", Tensor([2], [1, 2]))
      plan.run(workspace)
    }
    // An optimised program stops without saying why.
    #if DEBUG
      let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
      #expect(message.contains("an input of the plan is not bound: [\"right\"]"))
    #else
      _ = result
    #endif
  }

  /// Tiles are cut by shape alone: one thread, many and the plain product of a tile agree.
  @Test(arguments: [[64, 512, 128], [300, 260, 70], [33, 1000, 65]])
  func tilesSharedByThreadsGiveTheBitsOfOneThread(_ extents: [Int]) throws {
    let (m, n, k) = (extents[0], extents[1], extents[2])
    for (transposeA, transposeB) in [(false, false), (false, true), (true, false), (true, true)] {
      var graph = Graph()
      let a = graph.input("a", transposeA ? [k, m] : [m, k])
      let b = graph.input("b", transposeB ? [n, k] : [k, n])
      let c = graph.matmul(a, b, transposeA: transposeA, transposeB: transposeB)
      var draws = Draws(UInt64(m))
      let left: Tensor<Float> = draws.tensor(graph.shape(a)).cast()
      let right: Tensor<Float> = draws.tensor(graph.shape(b)).cast()
      let values = ["a": left, "b": right]
      let alone = evaluate(graph, [c], values)[0]
      for threads in [2, 3] {
        #expect(evaluate(graph, [c], values, pool: WorkerPool(threads: threads))[0] == alone)
      }
      // BLAS may sum a tile's k in another order than the whole product's.
      let whole = left.matmul(right, transposeSelf: transposeA, transposeOther: transposeB)
      #expect(difference(alone.cast(), whole.cast()) <= 1e-6)
    }
  }
}
