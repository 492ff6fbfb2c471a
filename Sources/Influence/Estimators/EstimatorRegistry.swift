/// Every method that can be asked for by name.
public enum EstimatorRegistry {
  /// A new method adds one line here.
  public static let all: [any Estimator.Type] = [
    GradDot.self,
    GradCos.self,
    TracIn.self,
    TracInLastLayer.self,
    BM25.self,
  ]

  /// The methods that turn gradients into scores.
  public static var gradients: [any GradientEstimator.Type] {
    all.compactMap { $0 as? any GradientEstimator.Type }
  }

  /// The method of a name.
  public static func estimator(_ name: String) -> (any Estimator.Type)? {
    all.first { $0.name == name }
  }
}
