public import Influence

extension Significance {
  /// For how many items the claim holds, in one plain sentence.
  public var sentence: String {
    let level = HumanNumber.percent(level)
    guard tested > 0, let leastPValue else {
      return "No stranger could stand in for any item, so nothing is claimed about single items."
    }
    guard count == 0 else {
      let items = count == 1 ? "1 item" : "\(HumanNumber.count(count)) items"
      return "This output owes \(items) of \(HumanNumber.count(tested)) more than it would owe a "
        + "stranger; at most \(level) of such claims are expected to be false."
    }
    let claim =
      "For no item of \(HumanNumber.count(tested)) does it hold at \(level) that this output owes it "
      + "more than it would owe a stranger"
    // The smallest p-value among m must be below level/m, unless many are small together.
    guard leastPValue * Double(tested) > self.level else { return claim + "." }
    return claim + "; the smallest p-value that so few strangers allow, "
      + "\(HumanNumber.significant(leastPValue, digits: 2)), is too large for one item among so "
      + "many."
  }
}
