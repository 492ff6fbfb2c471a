extension [Double] {
  /// The rank of each number among all, from 1 for the smallest; equal numbers share the mean of
  /// their places.
  ///
  /// - Complexity: O(N log N).
  package var averageRanks: [Double] {
    let order = indices.sorted { self[$0] < self[$1] }
    var ranks = [Double](repeating: 0, count: count)
    var start = 0
    while start < count {
      var end = start + 1
      while end < count, self[order[end]] == self[order[start]] { end += 1 }
      // The places start + 1 … end.
      for place in start..<end { ranks[order[place]] = Double(start + 1 + end) / 2 }
      start = end
    }
    return ranks
  }

  /// Whether no two of the numbers differ.
  var isConstant: Bool { allSatisfy { $0 == first } }
}
