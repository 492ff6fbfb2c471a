import Autodiff
import Influence
import TensorCore
import Training

/// A small generator that repeats, so that a failure can be run again.
struct Draws {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  mutating func number() -> Double { Double(next() >> 11) * 0x1p-52 - 1 }

  mutating func numbers(_ count: Int, scale: Double = 1) -> [Double] {
    (0..<count).map { _ in scale * number() }
  }
}

/// Random items, queries and checkpoints of a small network.
struct SmallProblem {
  var model: any Model = MLP(widths: [6, 5, 4], activation: .tanh)
  var loss = Loss.crossEntropy
  var measure = Measure.loss
  var items = 21
  var queries = 7
  var checkpoints = 1
  var layers = Layers.all
  var isCosine = false
  var sparsity = 0.0
  var weightsPerItem = false
  var seed: UInt64 = 1

  func make<Scalar: TensorScalar>(_ type: Scalar.Type = Scalar.self) -> ScoreProblem<Scalar> {
    var draws = Draws(seed)
    let (inputs, targets) = (model.inputShape.count, model.targetShape(loss))
    let classes = UInt64(model.outputShape[-1])
    func data(_ count: Int) -> Dataset<Double> {
      let x =
        model.vocabulary.map { tokens in
          (0..<count * inputs).map { _ in Double(draws.next() % UInt64(tokens)) }
        } ?? draws.numbers(count * inputs).map { abs($0) < sparsity ? 0 : $0 }
      let targets: Dataset<Double>.Targets =
        loss.takesLabels
        ? .labels(
          (0..<count * targets.count).map { place in
            // Some positions of a sequence have no label.
            place % 5 == 3 && targets.count > 1 ? -100 : Int32(draws.next() % classes)
          })
        : .values(Tensor([count, targets.count], draws.numbers(count * targets.count)))
      return Dataset(inputs: Tensor([count, inputs], x), targets: targets)
    }
    let (train, test) = (data(items), data(queries))
    let weighted = (0..<checkpoints).map { number in
      WeightedCheckpoint<Scalar>(
        parameters: draws.numbers(model.layout.count, scale: 0.7).map { Scalar($0) },
        weight: weightsPerItem
          ? .perItem((0..<items).map { _ in abs(draws.number()) })
          : .uniform(checkpoints == 1 ? 1 : 0.1 * Double(number + 1)))
    }
    return ScoreProblem(
      model: model, loss: loss, measure: measure, items: train.cast(), queries: test.cast(),
      checkpoints: weighted, layers: layers, isCosine: isCosine)
  }
}

/// A linear layer at each of T positions, and the sum of the positions.
struct PositionsModel: Model {
  /// Whether the positions are folded into the batch before the product.
  var folds: Bool
  let specification = "positions"
  let layout = ParameterLayout([("weight", [4, 3]), ("bias", [4])])
  let inputShape: Shape = [5, 3]
  let outputShape: Shape = [4]

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    let batch = graph.shape(inputs)[0]
    let x = folds ? graph.reshape(inputs, to: [batch * 5, 3]) : inputs
    let product = graph.matmul(x, parameters[0], transposeB: true)
    let layer = graph.unary(.tanh, graph.add(product, parameters[1]))
    return graph.sum(graph.reshape(layer, to: [batch, 5, 4]), axes: [-2])
  }

  func initialParameters(seed: UInt64) -> [Double] { [] }
}

/// A layer that sees the positions first and the items second.
struct PositionsFirstModel: Model {
  let specification = "positions first"
  let layout = ParameterLayout([("weight", [4, 3])])
  let inputShape: Shape = [5, 3]
  let outputShape: Shape = [4]

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    let x = graph.transpose(inputs, [1, 0, 2])
    let layer = graph.unary(.tanh, graph.matmul(x, parameters[0], transposeB: true))
    return graph.sum(layer, axes: [-3])
  }

  func initialParameters(seed: UInt64) -> [Double] { [] }
}

/// An autoencoder whose decoder is the encoder's weight the other way round.
struct TiedModel: Model {
  /// The square of one more use keeps three uses of the weight in one term.
  var encodesTwice = false
  let specification = "tied"
  let layout = ParameterLayout([("weight", [3, 6]), ("code", [3]), ("bias", [6])])
  let inputShape: Shape = [6]
  let outputShape: Shape = [6]

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    func pass(_ graph: inout Graph, _ x: NodeID) -> NodeID {
      let product = graph.matmul(x, parameters[0], transposeB: true)
      let code = graph.unary(.tanh, graph.add(product, parameters[1]))
      return graph.add(graph.matmul(code, parameters[0]), parameters[2])
    }
    let once = pass(&graph, inputs)
    return encodesTwice ? pass(&graph, once) : once
  }

  func initialParameters(seed: UInt64) -> [Double] { [] }
}

/// A layer whose weight is stored `[I, O]`, after each item is divided by its norm.
struct NormalizedModel: Model {
  let specification = "normalized"
  let layout = ParameterLayout([("weight", [6, 4]), ("bias", [4])])
  let inputShape: Shape = [6]
  let outputShape: Shape = [4]

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    let square = graph.sum(graph.unary(.square, inputs), axes: [-1], keepsAxes: true)
    let x = graph.divide(inputs, graph.unary(.sqrt, square))
    return graph.add(graph.matmul(x, parameters[0]), parameters[1])
  }

  func initialParameters(seed: UInt64) -> [Double] { [] }
}

/// Parameters that are computed with before they meet the data, or meet it in rare ways.
struct AwkwardModel: Model {
  let specification = "awkward"
  let layout = ParameterLayout([
    ("root", [4, 3]), ("turned", [2, 3, 4]), ("class", [1, 4]), ("slope", [4]), ("power", []),
  ])
  let inputShape: Shape = [5, 3]
  let outputShape: Shape = [4]

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    var single = Graph()
    let input = single.input("inputs", inputShape)
    let own = layout.entries.map { single.input($0.name, $0.shape) }
    let output = output(&single, inputs: input, parameters: own)
    var bindings = Dictionary(uniqueKeysWithValues: zip(own, parameters))
    bindings[input] = inputs
    do {
      return try graph.batched(
        output, of: single, size: graph.shape(inputs)[0], inputs: bindings)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// The output of one example.
  private func output(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    // A weight that is the square of a parameter.
    let square = graph.unary(.square, parameters[0])
    let x = graph.unary(.tanh, graph.matmul(inputs, square, transposeB: true))
    // The same parameter once more, as it is, and one with its axes in another order.
    let again = graph.matmul(inputs, parameters[0], transposeB: true)
    let turned = graph.transpose(parameters[1], [1, 2, 0])
    let pair = graph.matmul(inputs, graph.reshape(turned, to: [3, 8]))
    let halves = graph.add(
      graph.slice(pair, axis: -1, start: 0, count: 4),
      graph.slice(pair, axis: -1, start: 4, count: 4))
    // A row of its own in front of the positions, as class tokens are.
    let sum = graph.add(graph.add(x, again), halves)
    let rows = graph.concatenate([parameters[2], sum], axis: -2)
    let scaled = graph.multiply(rows, parameters[3])
    return graph.add(graph.sum(scaled, axes: [-2]), parameters[4])
  }

  func initialParameters(seed: UInt64) -> [Double] { [] }
}

/// Convolutions by groups, with a stride, padding and dilation, then the mean of each channel.
struct GroupedModel: Model {
  let specification = "grouped"
  let layout = ParameterLayout([
    ("grouped", [4, 1, 3, 3]), ("bias", [4]), ("wide", [6, 2, 1, 2]), ("head", [3, 6]),
  ])
  let inputShape: Shape = [2, 6, 6]
  let outputShape: Shape = [3]

  func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    func axis(_ extent: Int, _ size: Int, stride: Int = 1, dilation: Int = 1) -> WindowAxis {
      WindowAxis(extent: extent, size: size, stride: stride, dilation: dilation, low: 1, high: 1)
    }
    do {
      let first = try graph.convolution(
        inputs, parameters[0], bias: parameters[1], over: [axis(6, 3, stride: 2), axis(6, 3)],
        groups: 2)
      let x = graph.unary(.tanh, first)
      let second = try graph.convolution(
        x, parameters[2], over: [axis(3, 1), axis(6, 2, dilation: 2)], groups: 2)
      return graph.matmul(graph.mean(second, axes: [-1, -2]), parameters[3], transposeB: true)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  func initialParameters(seed: UInt64) -> [Double] { [] }
}

/// The gradients `[N][P]` of a measure, one item at a time, by reverse mode on a batch of one.
func naiveGradients(
  _ problem: ScoreProblem<Double>, _ data: Dataset<Double>, _ measure: Measure,
  at parameters: [Double]
) -> [[Double]] {
  var items = ItemGraph(problem.model, loss: problem.loss, measure: measure, batch: 1)
  let gradients = items.graph.gradient(of: items.values, withRespectTo: items.parameters)
  let plan = Plan<Double>(items.graph, outputs: gradients)
  let workspace = plan.makeWorkspace()
  for entry in problem.model.layout.entries {
    workspace.set(entry.name, Tensor(entry.shape, Array(parameters[entry.range])))
  }
  return (0..<data.count).map { index in
    let item = data[[index]]
    workspace.set(ItemGraph.inputsLabel, item.inputs)
    switch item.targets {
    case .labels(let labels): workspace.set(ItemGraph.targetsLabel, indices: labels)
    case .values(let values): workspace.set(ItemGraph.targetsLabel, values)
    }
    plan.run(workspace)
    return gradients.indices.flatMap { Array(workspace.output($0)) }
  }
}

/// The scores `[Q, N]` by explicit gradients and plain loops.
///
/// - Parameter lastLayer: The names of the last layer's parameters, where only those count.
func naiveScores(
  _ problem: ScoreProblem<Double>, lastLayer: [String] = ["2.weight", "2.bias"]
) -> Tensor<Double> {
  var scores = Tensor<Double>([problem.queries.count, problem.items.count])
  let counted = problem.model.layout.entries
    .filter { problem.layers == .all || lastLayer.contains($0.name) }.flatMap(\.range)
  let sign: Double = problem.measure.isLowerBetter ? 1 : -1
  for checkpoint in problem.checkpoints {
    let items = naiveGradients(problem, problem.items, .loss, at: checkpoint.parameters)
    let queries = naiveGradients(
      problem, problem.queries, problem.measure, at: checkpoint.parameters)
    for (q, own) in queries.enumerated() {
      for (i, other) in items.enumerated() {
        let dot = { (a: [Double], b: [Double]) in counted.reduce(0) { $0 + a[$1] * b[$1] } }
        var product = sign * dot(own, other)
        if problem.isCosine { product /= (dot(own, own) * dot(other, other)).squareRoot() }
        switch checkpoint.weight {
        case .uniform(let weight): scores[q, i] += (problem.isCosine ? 1 : weight) * product
        case .perItem(let weights): scores[q, i] += weights[i] * product
        }
      }
    }
  }
  return scores
}

/// The largest difference relative to the largest element.
func relativeDifference(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
  guard a.shape == b.shape, (a.scalars + b.scalars).allSatisfy(\.isFinite) else { return .infinity }
  let scale = b.scalars.map(abs).max() ?? 0
  return zip(a.scalars, b.scalars).map { abs($0 - $1) }.max().map { $0 / max(scale, 1e-300) } ?? 0
}
