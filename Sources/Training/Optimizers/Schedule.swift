import RealModule

/// How the learning rate changes over a run.
///
/// As text: `constant`, `step:5:0.1` (every 5 epochs × 0.1), `cosine` (down to 0 at the end),
/// `cosine:0.001` (down to 0.001); each may follow a linear warm-up over some steps, as in
/// `warmup:100+cosine`; `warmup:100` alone goes on at the full rate.
public struct Schedule: Equatable, Sendable, CustomStringConvertible {
  /// What follows the warm-up.
  public enum Form: Equatable, Sendable {
    /// The full rate.
    case constant
    /// The rate × factor ^ (epochs since the run's start / epochs, rounded down).
    case step(epochs: Int, factor: Double)
    /// Half a turn of the cosine, from the full rate after the warm-up down to a minimum.
    case cosine(minimum: Double)
  }

  /// What follows the warm-up.
  public let form: Form
  /// The steps W over which the rate grows linearly: (s + 1) / W of the full rate at step s < W.
  public let warmUp: Int

  /// A schedule of this form.
  public init(_ form: Form, warmUp: Int = 0) {
    self.form = form
    self.warmUp = warmUp
  }

  /// Reads `warmup:100+cosine` and the like.
  ///
  /// - Throws: ``TrainingError/setting(name:found:expected:)`` with what is known.
  public init(_ text: String) throws(TrainingError) {
    let fail = TrainingError.setting(
      name: "schedule", found: "\"\(text)\"",
      expected: "constant, step:EPOCHS:FACTOR, cosine or cosine:MINIMUM, "
        + "after warmup:STEPS+ where wanted")
    var parts = text.split(separator: "+", omittingEmptySubsequences: false)[...]
    var warmUp = 0
    if let first = parts.first, first.hasPrefix("warmup:") {
      guard let steps = Int(first.dropFirst("warmup:".count)), steps > 0 else { throw fail }
      warmUp = steps
      parts = parts.dropFirst()
    }
    guard parts.count == 1 || (parts.isEmpty && warmUp > 0) else { throw fail }
    guard let form = Self.form(parts.first ?? "constant") else { throw fail }
    self.init(form, warmUp: warmUp)
  }

  private static func form(_ text: Substring) -> Form? {
    let fields = text.split(separator: ":", omittingEmptySubsequences: false)
    switch (fields[0], fields.count) {
    case ("constant", 1): return .constant
    case ("cosine", 1): return .cosine(minimum: 0)
    case ("cosine", 2):
      guard let minimum = Double(fields[1]), minimum >= 0, minimum.isFinite else { return nil }
      return .cosine(minimum: minimum)
    case ("step", 3):
      guard let epochs = Int(fields[1]), epochs > 0, let factor = Double(fields[2]), factor > 0,
        factor.isFinite
      else { return nil }
      return .step(epochs: epochs, factor: factor)
    default: return nil
    }
  }

  /// The text that makes the schedule again.
  public var description: String {
    let text =
      switch form {
      case .constant: "constant"
      case .step(let epochs, let factor): "step:\(epochs):\(factor)"
      case .cosine(let minimum): minimum == 0 ? "cosine" : "cosine:\(minimum)"
      }
    return warmUp > 0 ? "warmup:\(warmUp)+\(text)" : text
  }

  /// The learning rate of each of S steps.
  ///
  /// - Parameters:
  ///   - base: The full rate.
  ///   - steps: S.
  ///   - epoch: The steps of an epoch.
  public func learningRates(_ base: Double, steps: Int, epoch: Int) -> [Double] {
    (0..<steps).map { step in
      if step < warmUp { return base * (Double(step + 1) / Double(warmUp)) }
      switch form {
      case .constant: return base
      case .step(let epochs, let factor):
        return base * Double.pow(factor, step / max(epoch, 1) / epochs)
      case .cosine(let minimum):
        let progress = Double(step - warmUp) / Double(steps - warmUp)
        return minimum + (base - minimum) * ((1 + Double.cos(Double.pi * progress)) / 2)
      }
    }
  }
}
