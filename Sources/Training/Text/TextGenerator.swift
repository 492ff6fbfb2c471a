import Autodiff
import RealModule
public import TensorCore

/// How the next token is chosen.
public struct Sampling: Equatable, Sendable {
  /// What logits are divided by before a token is drawn; 0 takes the most probable one, and of equally
  /// probable ones the first.
  public var temperature = 0.0
  /// The number of most probable tokens that are drawn from; all where nil.
  public var topK: Int?
  /// What the draws come from.
  public var seed: UInt64 = 0

  /// The most probable token each time.
  public init() {}
}

/// A token that a model chose.
public struct GeneratedToken: Equatable, Sendable {
  /// Its number.
  public let token: Int32
  /// log p under the model, in nats, whatever the temperature.
  public let logProbability: Double
}

/// A text model that goes on with a text.
///
/// The model is compiled once for one item. Each token takes a forward pass over the whole window of T
/// positions: keys and values of earlier positions are not kept. Of a longer text the last T tokens
/// are seen.
public final class TextGenerator<Scalar: TensorScalar> {
  private let context: Int
  private let tokens: Int
  private let plan: Plan<Scalar>
  private let workspace: Workspace<Scalar>
  private let parameters: AlignedBuffer<Scalar>
  private let pool: WorkerPool?

  /// A generator at some parameters.
  ///
  /// - Parameters:
  ///   - parameters: Flat `[P]`.
  ///   - pool: Threads that large products share; they do not change the bits.
  /// - Throws: ``TrainingError`` where the model predicts no next tokens.
  public init(
    _ model: any Model, parameters: [Scalar], pool: WorkerPool? = nil
  ) throws(TrainingError) {
    tokens = model.vocabulary ?? 0
    try ModelRegistry.requireText(model, tokens: tokens)
    context = model.inputShape.count
    var graph = Graph()
    let inputs = graph.input(ItemGraph.inputsLabel, [1, context])
    let nodes = model.layout.entries.map { graph.input($0.name, $0.shape) }
    let outputs = model.outputs(&graph, inputs: inputs, parameters: nodes)
    plan = Plan(graph, outputs: [outputs])
    workspace = plan.makeWorkspace()
    self.parameters = AlignedBuffer(copying: parameters)
    workspace.bind(model.layout, of: plan, to: self.parameters.base)
    self.pool = pool
  }

  /// log p of every token after a text, `[V]`, in nats.
  ///
  /// - Precondition: The text has a token at least, and tokens of the model alone.
  public func logProbabilities(after text: some BidirectionalCollection<Int32>) -> [Double] {
    precondition(!text.isEmpty, "no token to go on from")
    let window = text.suffix(context).map { Scalar($0) }
    // What stands behind the text is not seen by it.
    let padding = [Scalar](repeating: 0, count: context - window.count)
    workspace.set(ItemGraph.inputsLabel, Tensor([1, context], window + padding))
    plan.run(workspace, pool: pool)
    let start = (window.count - 1) * tokens
    let logits = workspace.output(0)[start..<start + tokens].map { Double($0) }
    let most = logits.max() ?? 0
    let sum = most + Double.log(logits.reduce(0) { $0 + Double.exp($1 - most) })
    return logits.map { $0 - sum }
  }

  /// Goes on with a text.
  ///
  /// - Parameters:
  ///   - prompt: A token at least.
  ///   - length: How many tokens to add.
  ///   - each: Called with each token; what it throws ends the work.
  /// - Throws: ``TrainingError`` where a setting makes no sense.
  /// - Complexity: a forward pass for each token.
  public func generate(
    after prompt: [Int32], length: Int, _ sampling: Sampling = Sampling(),
    each: (GeneratedToken) throws -> Void = { _ in }
  ) throws -> [GeneratedToken] {
    try check(prompt, length, sampling)
    var text = prompt
    var generated: [GeneratedToken] = []
    let draws = RandomStream(seed: sampling.seed, for: .generation)
    for place in 0..<length {
      let logProbabilities = logProbabilities(after: text)
      let token = sampling.choose(logProbabilities, draws.uniform(at: UInt64(place)))
      let next = GeneratedToken(
        token: Int32(token), logProbability: logProbabilities[token])
      generated.append(next)
      text.append(next.token)
      try each(next)
    }
    return generated
  }

  private func check(_ prompt: [Int32], _ length: Int, _ sampling: Sampling) throws(TrainingError) {
    guard !prompt.isEmpty else {
      throw .setting(
        name: "prompt", found: "no token",
        expected: "one at least: the model knows no beginning of a text")
    }
    if let token = prompt.first(where: { !(0..<tokens).contains(Int($0)) }) {
      throw .setting(name: "prompt", found: "the token \(token)", expected: "0 to \(tokens - 1)")
    }
    guard length > 0 else {
      throw .setting(name: "length", found: "\(length)", expected: "a whole number from 1")
    }
    guard sampling.temperature >= 0, sampling.temperature.isFinite else {
      throw .setting(
        name: "temperature", found: "\(sampling.temperature)", expected: "a number from 0")
    }
    if let topK = sampling.topK, topK < 1 {
      throw .setting(name: "top-k", found: "\(topK)", expected: "a whole number from 1")
    }
  }
}

extension Sampling {
  /// The token that a number in [0, 1) draws.
  package func choose(_ logProbabilities: [Double], _ uniform: Double) -> Int {
    let order = logProbabilities.indices.sorted {
      (logProbabilities[$1], $0) < (logProbabilities[$0], $1)
    }
    guard temperature > 0 else { return order[0] }
    let kept = order.prefix(topK ?? order.count)
    let most = logProbabilities[order[0]]
    let weights = kept.map { Double.exp((logProbabilities[$0] - most) / temperature) }
    var left = uniform * weights.reduce(0, +)
    for (token, weight) in zip(kept, weights) {
      left -= weight
      if left < 0 { return token }
    }
    return kept[kept.startIndex]
  }
}
