import TensorCore

/// Conditions are numbers: 0 where they do not hold, else 1.
extension Graph {
  /// a where the condition holds, else b, broadcasting.
  ///
  /// What stands in the other one does not matter, be it infinite or NaN. It gets a cotangent of 0,
  /// which is NaN again where its own derivative is infinite or NaN.
  public mutating func select(_ condition: NodeID, _ a: NodeID, otherwise b: NodeID) -> NodeID {
    let first = mask(condition, a)
    let second = mask(not(condition), b)
    return add(first, second)
  }

  /// 1 where the condition does not hold, else 0.
  public mutating func not(_ condition: NodeID) -> NodeID {
    let zero = constant(0)
    return binary(.equal, condition, zero)
  }

  /// x between two bounds; where they cross, the upper one holds.
  ///
  /// The derivative is 1 at the bounds themselves.
  public mutating func clip(_ x: NodeID, low: NodeID? = nil, high: NodeID? = nil) -> NodeID {
    let above = low.map { binary(.maximum, x, $0) } ?? x
    return high.map { binary(.minimum, above, $0) } ?? above
  }
}
