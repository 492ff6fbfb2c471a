/// The suffixes of a text in lexicographic order, in linear time.
///
/// A suffix is of type S where it is less than its successor, else of type L; an S after an L is
/// called LMS. Sorted LMS suffixes give the order of the L ones in one pass from the left, and these
/// the order of the S ones in one pass from the right. The LMS suffixes are sorted by the same two
/// passes, which order their first parts, and by a shorter text of the parts' names where some parts
/// are equal.
///
/// In the passes a number is the suffix at its place. It is positive where its predecessor is of the
/// type that the pass places, and complemented where it is not or has been placed.
///
/// Source: G. Nong, S. Zhang, W. H. Chan, "Two efficient algorithms for linear time suffix array
/// construction", IEEE Transactions on Computers 60 (2011), <https://doi.org/10.1109/TC.2010.188>.
struct InducedSorting<Symbol: FixedWidthInteger> {
  private let text: UnsafePointer<Symbol>
  private let count: Int
  private let suffixes: UnsafeMutablePointer<Int32>
  /// How often each symbol occurs.
  private let frequencies: UnsafeMutableBufferPointer<Int32>
  /// The next free place of each symbol's suffixes.
  private let places: UnsafeMutableBufferPointer<Int32>

  /// Writes the order of the suffixes of `text` `[count]` to `suffixes` `[count]`.
  ///
  /// The end of the text is less than any symbol.
  ///
  /// - Parameter alphabet: More than the largest symbol; none is negative.
  /// - Complexity: O(count) time; besides the arguments 8 bytes per symbol of the alphabet, which for
  ///   a shorter text is its number of names: at most 8 bytes per symbol of the text in all.
  static func sort(
    _ text: UnsafePointer<Symbol>, count: Int, alphabet: Int,
    into suffixes: UnsafeMutablePointer<Int32>
  ) {
    guard count > 1 else {
      if count == 1 { suffixes[0] = 0 }
      return
    }
    let memory = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 2 * alphabet)
    defer { memory.deallocate() }
    memory.initialize(repeating: 0)
    let sorting = InducedSorting(
      text: text, count: count, suffixes: suffixes,
      frequencies: UnsafeMutableBufferPointer(rebasing: memory[..<alphabet]),
      places: UnsafeMutableBufferPointer(rebasing: memory[alphabet...]))
    sorting.run()
  }

  private func run() {
    for position in 0..<count { frequencies[Int(text[position])] += 1 }
    // Sorts the parts from one LMS suffix to the next.
    suffixes.update(repeating: 0, count: count)
    setPlaces(atEnds: true)
    forEachLeftmost { place($0) }
    induce()
    let leftmost = gatherLeftmost()
    guard leftmost > 0 else { return induceAll(0) }
    let names = nameParts(leftmost)
    let shorter = suffixes + (count - leftmost)
    if names < leftmost {
      InducedSorting<Int32>.sort(shorter, count: leftmost, alphabet: names, into: suffixes)
    } else {
      for position in 0..<leftmost { suffixes[Int(shorter[position])] = Int32(position) }
    }
    // From places in the shorter text to places in this one.
    var last = leftmost
    forEachLeftmost { position in
      last -= 1
      shorter[last] = position
    }
    for rank in 0..<leftmost { suffixes[rank] = shorter[Int(suffixes[rank])] }
    induceAll(leftmost)
  }

  /// Sorts all suffixes, of which the LMS ones stand in their order at the front.
  private func induceAll(_ leftmost: Int) {
    (suffixes + leftmost).update(repeating: 0, count: count - leftmost)
    setPlaces(atEnds: true)
    for rank in (0..<leftmost).reversed() {
      let position = suffixes[rank]
      suffixes[rank] = 0
      place(position)
    }
    induce()
  }

  // MARK: Buckets

  /// Sets the places to the beginnings, or behind the ends, of the symbols' suffixes.
  private func setPlaces(atEnds: Bool) {
    var sum: Int32 = 0
    for symbol in places.indices {
      let next = sum + frequencies[symbol]
      places[symbol] = atEnds ? next : sum
      sum = next
    }
  }

  /// Puts a suffix into the last free place of its symbol.
  private func place(_ position: Int32) {
    let symbol = Int(text[Int(position)])
    places[symbol] -= 1
    suffixes[Int(places[symbol])] = position
  }

  /// Calls `body` with the LMS suffixes from the last to the first.
  private func forEachLeftmost(_ body: (Int32) -> Void) {
    // The last suffix is of type L: the end is less.
    var isSmaller = false
    var next = text[count - 1]
    for position in (0..<count - 1).reversed() {
      let symbol = text[position]
      if symbol < next {
        isSmaller = true
      } else if symbol > next {
        if isSmaller { body(Int32(truncatingIfNeeded: position + 1)) }
        isSmaller = false
      }
      next = symbol
    }
  }

  // MARK: Passes

  private func induce() {
    setPlaces(atEnds: false)
    induceLarger()
    setPlaces(atEnds: true)
    induceSmaller()
  }

  /// Places the suffixes of type L, from the left.
  private func induceLarger() {
    placeLarger(count - 1)
    for rank in 0..<count {
      let value = suffixes[rank]
      suffixes[rank] = ~value
      if value > 0 { placeLarger(Int(value) &- 1) }
    }
  }

  private func placeLarger(_ position: Int) {
    let symbol = text[position]
    let slot = places[Int(symbol)]
    places[Int(symbol)] = slot &+ 1
    let isLast = position > 0 && text[position &- 1] < symbol
    let value = Int32(truncatingIfNeeded: position)
    suffixes[Int(slot)] = isLast ? ~value : value
  }

  /// Places the suffixes of type S, from the right.
  private func induceSmaller() {
    for rank in (0..<count).reversed() {
      let value = suffixes[rank]
      guard value > 0 else {
        suffixes[rank] = ~value
        continue
      }
      let position = Int(value) &- 1
      let symbol = text[position]
      let slot = places[Int(symbol)] &- 1
      places[Int(symbol)] = slot
      let isLast = position == 0 || text[position &- 1] > symbol
      let placed = Int32(truncatingIfNeeded: position)
      suffixes[Int(slot)] = isLast ? ~placed : placed
    }
  }

  // MARK: Names

  /// Moves the LMS suffixes to the front, in their order.
  private func gatherLeftmost() -> Int {
    var found = 0
    for rank in 0..<count {
      let position = Int(suffixes[rank])
      let symbol = text[position]
      guard position > 0, text[position - 1] > symbol else { continue }
      var end = position + 1
      while end < count, text[end] == symbol { end += 1 }
      guard end < count, symbol < text[end] else { continue }
      suffixes[found] = Int32(truncatingIfNeeded: position)
      found += 1
    }
    return found
  }

  /// Replaces the sorted parts by their names, in the order of the text, at the end of the memory.
  ///
  /// - Returns: The number of names.
  private func nameParts(_ leftmost: Int) -> Int {
    // No two LMS suffixes are neighbours, so half as many places do.
    let table = suffixes + leftmost
    table.update(repeating: 0, count: count - leftmost)
    var end = count
    forEachLeftmost { position in
      table[Int(position) / 2] = Int32(truncatingIfNeeded: end - Int(position))
      end = Int(position) + 1
    }
    var names: Int32 = 0
    var (previous, previousLength) = (0, 0)
    for rank in 0..<leftmost {
      let position = Int(suffixes[rank])
      let length = Int(table[position / 2])
      // The part that ends with the text is like no other.
      var isSame = length == previousLength && max(position, previous) + length < count
      var place = 0
      while isSame, place < length {
        isSame = text[position + place] == text[previous + place]
        place += 1
      }
      if !isSame {
        names += 1
        (previous, previousLength) = (position, length)
      }
      table[position / 2] = names
    }
    var last = count
    for place in (0..<count - leftmost).reversed() where table[place] > 0 {
      last -= 1
      suffixes[last] = table[place] - 1
    }
    return Int(names)
  }
}
