/// An optimizer by name, with its constants.
public struct OptimizerSettings: Equatable, Sendable {
  /// The rule.
  public let rule: any Optimizer.Type
  /// μ.
  public var momentum = OptimizerConstant.momentum.standard
  /// β₁.
  public var beta1 = OptimizerConstant.beta1.standard
  /// β₂.
  public var beta2 = OptimizerConstant.beta2.standard
  /// ε, outside the root.
  public var epsilon = OptimizerConstant.epsilon.standard
  /// How parameters are drawn towards zero.
  public var weightDecay: WeightDecay
  /// The largest norm of a batch's gradient; nil for any.
  ///
  /// A longer gradient g is multiplied by κ = c / (|g| + 10⁻⁶) for this norm c, before weight decay
  /// enters, as `torch.nn.utils.clip_grad_norm_` does.
  public var clipNorm: Double?
  /// Parameters with a decay and rates of their own.
  public var groups: [ParameterGroup] = []

  /// The rule's name in ``OptimizerRegistry``.
  public var name: String { rule.name }

  /// What stands beside the norm in κ.
  package static let clipMargin = 1e-6

  /// The optimizer of this name with its standard constants.
  ///
  /// - Throws: ``TrainingError/setting(name:found:expected:)`` where no optimizer has the name.
  public init(_ name: String) throws(TrainingError) {
    guard let rule = OptimizerRegistry.optimizer(name) else {
      throw .setting(
        name: "optimizer", found: "\"\(name)\"",
        expected: OptimizerRegistry.all.map { $0.name }.joined(separator: ", "))
    }
    self.init(rule)
  }

  /// An optimizer with its standard constants.
  public init(_ rule: any Optimizer.Type) {
    self.rule = rule
    weightDecay = WeightDecay(0, rule.defaultDecay)
  }

  /// The value of a constant.
  public subscript(constant: OptimizerConstant) -> Double {
    get {
      switch constant {
      case .momentum: momentum
      case .beta1: beta1
      case .beta2: beta2
      case .epsilon: epsilon
      }
    }
    set {
      switch constant {
      case .momentum: momentum = newValue
      case .beta1: beta1 = newValue
      case .beta2: beta2 = newValue
      case .epsilon: epsilon = newValue
      }
    }
  }

  /// Checks that every constant makes sense.
  ///
  /// - Throws: ``TrainingError/setting(name:found:expected:)`` with the first that does not.
  public func check() throws(TrainingError) {
    for constant in rule.constants where !constant.isValid(self[constant]) {
      throw .setting(
        name: "\(name) \(constant.rawValue)", found: "\(self[constant])", expected: constant.range)
    }
    guard weightDecay.isValid else {
      throw .setting(
        name: "weight decay", found: "\(weightDecay.rate)", expected: WeightDecay.range)
    }
    if let clipNorm, !(clipNorm > 0 && clipNorm.isFinite) {
      throw .setting(name: "clip norm", found: "\(clipNorm)", expected: "a number above 0")
    }
  }

  /// Whether two settings train alike.
  public static func == (a: OptimizerSettings, b: OptimizerSettings) -> Bool {
    a.name == b.name && a.rule.constants.allSatisfy { a[$0] == b[$0] }
      && a.weightDecay.rate == b.weightDecay.rate && a.clipNorm == b.clipNorm
      && a.groups == b.groups
      && (!a.decays || a.weightDecay.kind == b.weightDecay.kind)
  }
}
