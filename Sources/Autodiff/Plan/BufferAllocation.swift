/// Places in one arena for values that live over ranges of steps.
///
/// First fit over a list of free gaps: values whose lives do not overlap share memory.
struct BufferAllocation {
  /// The elements of the arena so far.
  private(set) var size = 0
  private var gaps: [Range<Int>] = []

  /// Places start at multiples of this many elements: a cache line at least.
  static let alignment = 16

  /// Takes room for this many elements and returns where it starts.
  mutating func take(_ count: Int) -> Int {
    let count = Self.rounded(count)
    if let index = gaps.firstIndex(where: { $0.count >= count }) {
      let gap = gaps[index]
      if gap.count == count {
        gaps.remove(at: index)
      } else {
        gaps[index] = gap.lowerBound + count..<gap.upperBound
      }
      return gap.lowerBound
    }
    defer { size += count }
    return size
  }

  /// Gives back what ``take(_:)`` returned for the same count.
  mutating func give(_ start: Int, _ count: Int) {
    var freed = start..<start + Self.rounded(count)
    if let before = gaps.firstIndex(where: { $0.upperBound == freed.lowerBound }) {
      freed = gaps.remove(at: before).lowerBound..<freed.upperBound
    }
    if let after = gaps.firstIndex(where: { $0.lowerBound == freed.upperBound }) {
      freed = freed.lowerBound..<gaps.remove(at: after).upperBound
    }
    let index = gaps.firstIndex { $0.lowerBound > freed.lowerBound } ?? gaps.endIndex
    gaps.insert(freed, at: index)
  }

  private static func rounded(_ count: Int) -> Int {
    max((count + alignment - 1) / alignment * alignment, alignment)
  }
}
