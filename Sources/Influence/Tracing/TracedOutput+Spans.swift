extension TracedOutput {
  /// The predicted tokens cut into spans, in their order: what is copied as one piece, and what lies
  /// between.
  ///
  /// The more surprising of two overlapping matches takes what both hold; of the other one the rest is
  /// a span if it is surprising enough by itself. What lies between spans and is shorter than a match
  /// joins the span before it, or the one behind where there is none before.
  ///
  /// - Parameters:
  ///   - matches: Matches of the output's bytes.
  ///   - shortest: The fewest bytes of a match.
  ///   - context: T, the positions of the model; see ``parts(of:context:)``.
  ///   - bits: The surprise of some bytes; what is at least `leastBits` makes a span.
  package func spans(
    _ matches: [VerbatimMatch], shortest: Int, context: Int, leastBits: Double,
    bits: (Range<Int>) -> Double
  ) -> [Range<Int>] {
    var isTaken = [Bool](repeating: false, count: tokens.count)
    var spans: [Range<Int>] = []
    let order = matches.filter { $0.surprise.bits >= leastBits }
      .sorted { ($0.surprise.bits, $1.bytes.lowerBound) > ($1.surprise.bits, $0.bytes.lowerBound) }
    for match in order {
      for run in Self.runs(of: predicted(within: match.bytes), where: { !isTaken[$0] })
      where bytes(of: run).count >= shortest && bits(bytes(of: run)) >= leastBits {
        spans.append(run)
        for token in run { isTaken[token] = true }
      }
    }
    let gaps = Self.runs(of: predicted, where: { !isTaken[$0] })
    var joined: [Range<Int>] = []
    for part in (spans + gaps).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      let isGap = gaps.contains(part)
      if let last = joined.last, isGap, bytes(of: part).count < shortest {
        joined[joined.count - 1] = last.lowerBound..<part.upperBound
      } else if let last = joined.last, joined.count == 1, gaps.contains(last),
        bytes(of: last).count < shortest
      {
        joined[0] = last.lowerBound..<part.upperBound
      } else {
        joined.append(part)
      }
    }
    return joined.flatMap { Self.parts(of: $0, context: context) }
  }

  /// The longest ranges of tokens of which all are as said.
  private static func runs(of range: Range<Int>, where isWanted: (Int) -> Bool) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for token in range where isWanted(token) {
      if let last = runs.last, last.upperBound == token {
        runs[runs.count - 1] = last.lowerBound..<token + 1
      } else {
        runs.append(token..<token + 1)
      }
    }
    return runs
  }

  /// As few parts as can be of which each is predicted from enough of what stands before it.
  ///
  /// What fits into the context is predicted from the beginning of the text. Later tokens are
  /// predicted from the T tokens before the end of their part, which is at most half as long: each
  /// has at least as much before it.
  package static func parts(of range: Range<Int>, context: Int) -> [Range<Int>] {
    let first = range.clamped(to: 0..<context + 1)
    let rest = max(range.lowerBound, context + 1)..<max(range.upperBound, context + 1)
    let longest = max(context / 2, 1)
    let count = (rest.count + longest - 1) / longest
    let parts = (0..<count).map { part in
      rest.lowerBound + part * rest.count / count..<rest.lowerBound + (part + 1) * rest.count
        / count
    }
    return (first.isEmpty ? [] : [first]) + parts
  }
}
