package import Formats
import TensorCore

/// The files `checkpoints/NNNNNNNN.safetensors` of a run: its state after step NNNNNNNN.
package enum Checkpoint {
  static let folder = "checkpoints"

  private static let ending = ".safetensors"

  /// The name of the checkpoint after a step.
  static func name(of step: Int) -> String {
    let digits = String(step)
    return String(repeating: "0", count: max(8 - digits.utf8.count, 0)) + digits + ending
  }

  /// The step that the name of a checkpoint tells; nil for other names.
  static func step(named name: String) -> Int? {
    guard name.hasSuffix(ending), let step = Int(name.dropLast(ending.utf8.count)),
      name == Self.name(of: step)
    else { return nil }
    return step
  }

  /// The path of a checkpoint in a run's folder.
  static func path(_ run: String, step: Int) -> String { "\(run)/\(folder)/\(name(of: step))" }

  /// The steps of the checkpoints that are there, ascending.
  package static func steps(_ run: String) throws(FormatError) -> [Int] {
    try FolderContent.requireReal("\(run)/\(folder)")
    return try FolderContent.names("\(run)/\(folder)").compactMap(step).sorted()
  }

  static func write<Scalar: TensorScalar>(
    _ state: TrainingState<Scalar>, _ layout: ParameterLayout, _ settings: OptimizerSettings,
    to run: String
  ) throws(FormatError) {
    var arrays = layout.arrays(state.parameters)
    for (name, values) in zip(settings.rule.stateNames, state.optimizer) {
      arrays.append(
        NamedArray(
          ParameterLayout.optimizerPrefix + name, StoredArray(Tensor([values.count], values))))
    }
    try Safetensors(arrays).write(to: path(run, step: state.step))
  }
}
