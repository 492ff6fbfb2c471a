import Training

extension SubsetBank {
  /// Models between two looks at the intervals.
  static var round: Int { 64 }

  /// Tallies models, training those that are missing.
  ///
  /// The result depends on the arguments alone, not on how many models are there already.
  ///
  /// - Parameters:
  ///   - most: The number of models; with `width` the most of them.
  ///   - width: Stop at the first multiple of 64 models where no item's interval of memorisation is
  ///     longer than this. The widest counts, so that the promise holds for every item.
  ///   - progress: Told how many models there are and how many are expected; what it throws ends
  ///     the work, of which the models that are done are kept.
  /// - Throws: As ``extend(to:progress:)``.
  public func tally(
    models most: Int, untilWidth width: Double? = nil,
    progress: (_ done: Int, _ expected: Int) throws -> Void = { _, _ in }
  ) throws -> MemorizationTally {
    var tally = MemorizationTally(items: plan.items)
    var expected = most
    while tally.models < most {
      let end = width == nil ? most : min(tally.models + Self.round, most)
      try extend(to: end) { try progress($0, expected) }
      for model in tally.models..<end {
        let values = try values(of: model)
        tally.add(
          leftOut: plan.left(outOf: model), accuracy: values.accuracy, score: values.score)
      }
      guard let width else { break }
      let widest = tally.widths.widest
      if widest <= width { break }
      // Intervals shrink with the root of the number of models.
      let ratio = widest / width
      expected = min(most, Int(min(Double(end) * ratio * ratio, Double(most))))
      try progress(end, expected)
    }
    return tally
  }

  /// The number of models that make every interval of a length, if half of the models with an item
  /// and half of those without it have it right: the widest case.
  public static func models(untilWidth width: Double, _ plan: SubsetPlan) -> Double {
    let fraction = Double(plan.kept) / Double(plan.items)
    return 3.8416 * (1 / fraction + 1 / (1 - fraction)) / (width * width)
  }
}
