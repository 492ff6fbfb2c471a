/// A measure of how much an item was memorised.
public enum MemorizationKind: String, CaseIterable, Sendable {
  /// How much oftener models that learnt the item have it right.
  case memorization
  /// How much less they lose on it, in nats.
  case counterfactual
}

extension MemorizationTally {
  /// One measure of an item.
  public func estimate(_ kind: MemorizationKind, _ item: Int) -> EstimatedDifference? {
    switch kind {
    case .memorization: memorization(item)
    case .counterfactual: counterfactual(item)
    }
  }
}
