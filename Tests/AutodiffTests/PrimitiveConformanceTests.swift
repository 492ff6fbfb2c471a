import Autodiff
import TensorCore
import Testing

/// One primitive applied to inputs named x0, x1, …, ready to be differentiated.
private struct Problem {
  let title: String
  var graph = Graph()
  var inputs: [NodeID] = []
  var result: NodeID
  var values: [String: Tensor<Double>] = [:]
  var indices: [String: [Int32]] = [:]
  var draws: Draws

  init(_ example: PrimitiveExample, seed: UInt64) throws {
    draws = Draws(seed)
    var operands: [NodeID] = []
    for (position, shape) in example.operands.enumerated() {
      if let bound = example.indexBound[position] {
        operands.append(graph.indexInput("i\(position)", shape))
        indices["i\(position)"] = draws.indices(shape.count, below: bound)
      } else if let bound = example.wholeNumberBound[position] {
        operands.append(graph.input("n\(position)", shape))
        let drawn = draws.indices(shape.count, below: bound)
        values["n\(position)"] = Tensor(shape, drawn.map(Double.init))
      } else {
        let input = graph.input("x\(position)", shape)
        operands.append(input)
        inputs.append(input)
        values["x\(position)"] = draws.tensor(shape, in: example.domain)
      }
    }
    result = try graph.adding(example.primitive, operands)
    title = "\(example.primitive) on \(example.operands)"
  }

  func label(_ input: NodeID) -> String { (graph[input].primitive as? Input)?.label ?? "" }

  func run(
    _ graph: Graph, _ outputs: [NodeID], _ more: [String: Tensor<Double>] = [:],
    at shifted: [String: Tensor<Double>]? = nil
  ) -> [Tensor<Double>] {
    evaluate(
      graph, outputs, (shifted ?? values).merging(more) { $1 }, indices: indices)
  }

  /// The values with input `label` moved by step · direction.
  func moved(_ label: String, _ step: Double, _ direction: Tensor<Double>) -> [String: Tensor<
    Double
  >] {
    var moved = values
    guard let value = values[label] else { return moved }
    moved[label] = Tensor(
      value.shape, zip(value.scalars, direction.scalars).map { $0 + step * $1 })
    return moved
  }
}

/// What every primitive of the registry must satisfy, in Float64.
@Suite struct PrimitiveConformanceTests {
  private func forEachExample(
    _ name: String, _ body: (inout Problem) throws -> Void
  ) throws {
    let primitive = try #require(PrimitiveRegistry.all.first { $0.name == name })
    #expect(!primitive.examples.isEmpty, "\(name) has no examples")
    for (number, example) in primitive.examples.enumerated() {
      var problem = try Problem(example, seed: UInt64(number + 17))
      try body(&problem)
    }
  }

  @Test func namesAreUnique() {
    let names = PrimitiveRegistry.all.map { $0.name }
    #expect(Set(names).count == names.count)
  }

  /// ⟨v, f(x + h u) − f(x − h u)⟩ / 2h against ⟨u, VJP v⟩ for each operand alone.
  @Test(arguments: PrimitiveRegistry.all.map { $0.name })
  func vjpEqualsCentralDifferences(_ name: String) throws {
    try forEachExample(name) { problem in
      for input in problem.inputs {
        var graph = problem.graph
        let cotangent = problem.draws.tensor(graph.shape(problem.result))
        let direction = problem.draws.tensor(graph.shape(input))
        let seed = graph.input("seed", cotangent.shape)
        let gradient = graph.gradient(
          of: problem.result, withRespectTo: [input], seed: seed)
        let analytic = dot(
          problem.run(graph, gradient, ["seed": cotangent])[0], direction)
        let label = problem.label(input)
        let step = 1e-5
        let above = problem.run(
          graph, [problem.result], at: problem.moved(label, step, direction))[0]
        let below = problem.run(
          graph, [problem.result], at: problem.moved(label, -step, direction))[0]
        let numeric = (dot(above, cotangent) - dot(below, cotangent)) / (2 * step)
        #expect(
          abs(analytic - numeric) <= 1e-7 * max(1, abs(numeric)),
          "\(problem.title), operand \(label): \(analytic) and \(numeric)")
      }
    }
  }

  @Test(arguments: PrimitiveRegistry.all.map { $0.name })
  func jvpIsTheTransposeOfVjp(_ name: String) throws {
    try forEachExample(name) { problem in
      var graph = problem.graph
      let cotangent = problem.draws.tensor(graph.shape(problem.result))
      var more = ["seed": cotangent]
      var directions: [(value: NodeID, tangent: NodeID)] = []
      for (position, input) in problem.inputs.enumerated() {
        let label = "u\(position)"
        more[label] = problem.draws.tensor(graph.shape(input))
        directions.append((input, graph.input(label, graph.shape(input))))
      }
      let seed = graph.input("seed", cotangent.shape)
      let tangent = graph.jvp(of: [problem.result], along: directions)[0]
      let gradients = graph.gradient(
        of: problem.result, withRespectTo: problem.inputs, seed: seed)
      let pulled = problem.run(graph, gradients, more)
      var right = 0.0
      for (position, gradient) in pulled.enumerated() {
        right += dot(gradient, try #require(more["u\(position)"]))
      }
      let left = tangent.map { dot(problem.run(graph, [$0], more)[0], cotangent) } ?? 0
      #expect(abs(left - right) <= 1e-12 * max(1, abs(left)), "\(problem.title): \(left), \(right)")
    }
  }

  /// Directions stacked in front give what they give one at a time.
  @Test(arguments: PrimitiveRegistry.all.map { $0.name })
  func tangentsCarryAnAxisInFront(_ name: String) throws {
    try forEachExample(name) { problem in
      let count = 3
      for (position, input) in problem.inputs.enumerated() {
        var graph = problem.graph
        let shape = graph.shape(input)
        let many = problem.draws.tensor(Shape([count]).appending(shape))
        let stacked = graph.input("many", many.shape)
        let single = graph.input("one", shape)
        guard let together = graph.jvp(of: [problem.result], along: [(input, stacked)])[0],
          let alone = graph.jvp(of: [problem.result], along: [(input, single)])[0]
        else { continue }
        let all = problem.run(graph, [together], ["many": many])[0]
        for direction in 0..<count {
          let one = problem.run(
            graph, [alone], ["one": many.row(direction).reshaped(shape)])[0]
          #expect(
            difference(all.row(direction), one) <= 1e-13,
            "\(problem.title), operand \(position), direction \(direction)")
        }
      }
    }
  }

  /// A batch gives what its examples give one at a time, whichever operands differ among them.
  @Test(arguments: PrimitiveRegistry.all.map { $0.name })
  func batchesAreTheirExamples(_ name: String) throws {
    try forEachExample(name) { problem in
      let size = 3
      let labels = problem.values.keys.sorted()
      for chosen in [Set(labels)] + labels.map({ [$0] }) {
        var graph = Graph()
        var many = problem.values
        var places: [NodeID: NodeID] = [:]
        for id in problem.graph.nodes.indices.map({ NodeID(index: $0) }) {
          if let input = problem.graph[id].primitive as? Input {
            var shape = input.shape
            if chosen.contains(input.label) {
              shape = Shape([size]).appending(shape)
              let own = try #require(problem.values[input.label]).scalars
              // Examples are rotations of one another: whole numbers stay within their bounds.
              let all = (0..<size).flatMap {
                Array(own[($0 % max(own.count, 1))...] + own[..<($0 % max(own.count, 1))])
              }
              many[input.label] = Tensor(shape, all)
            }
            places[id] = graph.input(input.label, shape)
          } else if let input = problem.graph[id].primitive as? IndexInput {
            places[id] = graph.indexInput(input.label, input.shape)
          }
        }
        let result = try graph.batched(
          problem.result, of: problem.graph, size: size, inputs: places)
        let all = problem.run(graph, [result], at: many)[0]
        #expect(all.shape == Shape([size]).appending(problem.graph.shape(problem.result)))
        for example in 0..<size {
          var single = problem.values
          for label in chosen {
            let shape = try #require(problem.values[label]).shape
            single[label] = try #require(many[label]).reshaped([size, shape.count]).row(example)
              .reshaped(shape)
          }
          let alone = problem.run(problem.graph, [problem.result], at: single)[0]
          let own = all.reshaped([size, alone.count]).row(example)
          #expect(
            difference(own, alone.reshaped([alone.count])) <= 1e-13,
            "\(problem.title), operands \(chosen.sorted()), example \(example)")
        }
      }
    }
  }

  /// H v of Σ f² against differences of gradients, and ⟨u, H v⟩ = ⟨v, H u⟩.
  @Test(arguments: PrimitiveRegistry.all.map { $0.name })
  func hessianProductsAreDifferencesAndSymmetric(_ name: String) throws {
    try forEachExample(name) { problem in
      for input in problem.inputs {
        var graph = problem.graph
        let energy = graph.unary(.square, problem.result)
        let shape = graph.shape(input)
        let u = problem.draws.tensor(shape)
        let v = problem.draws.tensor(shape)
        let direction = graph.input("direction", shape)
        let gradient = graph.gradient(of: energy, withRespectTo: [input])
        let product = graph.hessianProduct(of: energy, along: [(input, direction)])
        let hv = problem.run(graph, product, ["direction": v])[0]
        let hu = problem.run(graph, product, ["direction": u])[0]
        let label = problem.label(input)
        let step = 1e-5
        let above = problem.run(graph, gradient, at: problem.moved(label, step, v))[0]
        let below = problem.run(graph, gradient, at: problem.moved(label, -step, v))[0]
        let numeric = Tensor(
          shape, zip(above.scalars, below.scalars).map { ($0 - $1) / (2 * step) })
        #expect(difference(hv, numeric) <= 2e-7, "\(problem.title), operand \(label)")
        let (left, right) = (dot(u, hv), dot(v, hu))
        #expect(abs(left - right) <= 1e-11 * max(1, abs(left)), "\(problem.title): not symmetric")
      }
    }
  }

  /// Float32 runs the same graph within its precision.
  @Test(arguments: PrimitiveRegistry.all.map { $0.name })
  func float32FollowsFloat64(_ name: String) throws {
    try forEachExample(name) { problem in
      let exact = problem.run(problem.graph, [problem.result])[0]
      let values = problem.values.mapValues { $0.cast(to: Float.self) }
      let single = evaluate(problem.graph, [problem.result], values, indices: problem.indices)[0]
      #expect(difference(single.cast(to: Double.self), exact) <= 1e-6, "\(problem.title)")
    }
  }

  @Test(arguments: PrimitiveRegistry.all.map { $0.name })
  func operandsThatDoNotFitAreRefused(_ name: String) throws {
    let refused = ["binary", "matmul", "scatter-add", "cross-entropy", "pick", "exclude"]
    guard refused.contains(name) else { return }
    try forEachExample(name) { problem in
      var graph = Graph()
      let a = graph.input("a", [5, 7])
      let b = graph.input("b", [3, 11])
      #expect(throws: GraphError.self) {
        try graph.adding(problem.graph[problem.result].primitive, [a, b])
      }
    }
  }
}
