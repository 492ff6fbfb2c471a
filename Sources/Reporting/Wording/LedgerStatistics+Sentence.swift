public import Influence

extension LedgerStatistics {
  /// How an account is shared among its items, in one plain sentence.
  ///
  /// It speaks of the strongest 1 % where that is more than one item, and of the own class and group
  /// where they are known.
  public var sentence: String {
    cocktail.sentence(
      with: [strongest, ownClass?.clause("class"), ownGroup?.clause("group")].compactMap { $0 })
  }

  private var strongest: String? {
    guard strongestPercentCount > 1 else { return nil }
    return "the strongest 1\(HumanNumber.thinSpace)% "
      + "(\(HumanNumber.count(strongestPercentCount)) items) hold "
      + HumanNumber.percent(strongestPercentShare)
  }
}

extension LedgerPart {
  /// What the part holds and how large it is: a share says little without the other.
  fileprivate func clause(_ name: String) -> String {
    if items == 0 { return "no item is of its own \(name)" }
    if itemShare == 1 { return "all items are of its own \(name)" }
    return "its own \(name) holds \(HumanNumber.percent(share)) "
      + "and is \(HumanNumber.percent(itemShare)) of the items"
  }
}
