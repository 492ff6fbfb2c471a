/// The optimizers by name.
public enum OptimizerRegistry {
  /// A new rule adds one line here.
  public static let all: [any Optimizer.Type] = [
    SGD.self,
    Momentum.self,
    Nesterov.self,
    Adam.self,
    AdamW.self,
  ]

  /// The rule of this name, nil where there is none.
  public static func optimizer(_ name: String) -> (any Optimizer.Type)? {
    all.first { $0.name == name }
  }
}
