/// Every method that can be asked for by name.
public enum EstimatorRegistry {
  /// A new method adds one line here.
  public static let all: [any Estimator.Type] = [
    GradDot.self,
    GradCos.self,
    TracIn.self,
    TracInLastLayer.self,
  ]

  /// The method of a name.
  public static func estimator(_ name: String) -> (any Estimator.Type)? {
    all.first { $0.name == name }
  }
}
