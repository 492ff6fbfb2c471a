import Autodiff
import Formats
public import TensorCore
public import Training

/// Finds out which items have a gradient that is no number, and where it stops being one.
public struct GradientFault<Scalar: TensorScalar> {
  private let model: any Model
  private let plan: Plan<Scalar>
  private let workspace: Workspace<Scalar>
  private let names: [String]

  /// What of an item is no number.
  private enum Fault {
    case output(Int)
    /// Each element is a number, but the sum of their squares is too large for one.
    case norm
  }

  /// One item at a time, of a model trained with a loss.
  public init(_ model: any Model, loss: Loss) {
    self.model = model
    var items = ItemGraph(model, loss: loss, batch: 1)
    let gradients = items.gradients(seed: items.graph.constant(1, [1]))
    plan = Plan<Scalar>(items.graph, outputs: [items.values] + gradients)
    workspace = plan.makeWorkspace()
    names = model.layout.entries.map(\.name)
  }

  /// The items whose gradient at some checkpoint is NaN or infinite somewhere, or too large to be
  /// squared.
  ///
  /// - Complexity: O(items · checkpoints) gradients, one after another.
  public func items(of data: Dataset<Scalar>, at checkpoints: [[Scalar]]) -> [Int] {
    var bad: Set<Int> = []
    for parameters in checkpoints {
      for item in 0..<data.count where !bad.contains(item) {
        if firstBad(data[[item]], parameters) != nil { bad.insert(item) }
      }
    }
    return bad.sorted()
  }

  /// Where the gradient of an item stops being a number, in words; nil where it is one everywhere.
  public func place(of item: Int, in data: Dataset<Scalar>, at checkpoints: [[Scalar]]) -> String? {
    for parameters in checkpoints {
      let one = data[[item]]
      guard let fault = firstBad(one, parameters) else { continue }
      guard case .output(let output) = fault else { return "the gradient's norm overflows" }
      let what =
        output == 0 ? "the loss" : "the gradient by \(FormatError.quoted(names[output - 1]))"
      let operation = (model as? ONNXModel)?.operation(breaking: one, at: parameters)
      return operation.map { "\(what) is, and first \($0)" } ?? "\(what) is"
    }
    return nil
  }

  /// The first output of the plan that is no number, then the norm of the gradient.
  private func firstBad(_ item: Dataset<Scalar>, _ parameters: [Scalar]) -> Fault? {
    for entry in model.layout.entries {
      workspace.set(entry.name, Tensor(entry.shape, Array(parameters[entry.range])))
    }
    workspace.set(item)
    plan.run(workspace)
    let bad = (0...names.count).first { output in
      workspace.output(output).contains { !$0.isFinite }
    }
    if let bad { return .output(bad) }
    let square = names.indices.reduce(Scalar(0)) { sum, name in
      workspace.output(name + 1).reduce(sum) { $0 + $1 * $1 }
    }
    return square.isFinite ? nil : .norm
  }
}
