import Palimpsest

/// Queries of a run named on the command line: `test:3`, `test:0..<50`, `train:7`, `test:label=4`.
struct QuerySelection {
  /// Which of the run's data sets.
  enum Part: String {
    case test, train
  }

  let part: Part
  let text: String
  private let option: String
  private let range: Range<Int>?
  private let label: Int32?

  /// Reads one selection.
  ///
  /// - Parameter option: Where it was given.
  /// - Throws: ``UsageError``.
  init(_ text: String, option: String = "--query") throws {
    self.text = text
    self.option = option
    let fail = UsageError(
      "\(option): found \"\(text)\", expected test:3, test:0..<50, train:7 or test:label=4")
    let parts = text.split(separator: ":", maxSplits: 1)
    guard parts.count == 2, let part = Part(rawValue: String(parts[0])) else { throw fail }
    self.part = part
    let rest = parts[1]
    if rest.hasPrefix("label=") {
      guard let label = Int32(rest.dropFirst(6)) else { throw fail }
      (self.label, range) = (label, nil)
    } else if let index = Int(rest), index >= 0, index < .max {
      (label, range) = (nil, index..<index + 1)
    } else {
      let ends = rest.split(separator: "..<", omittingEmptySubsequences: false)
      guard ends.count == 2, let low = Int(ends[0]), let high = Int(ends[1]), 0 <= low, low < high
      else { throw fail }
      (label, range) = (nil, low..<high)
    }
  }

  /// The numbers of the items that are meant.
  ///
  /// - Throws: ``UsageError`` where there are none, or not so many.
  func indices<Scalar>(in data: Dataset<Scalar>) throws -> [Int] {
    if let range {
      guard range.upperBound <= data.count else {
        throw UsageError(
          "\(option) \(text): found \(data.count) \(part.rawValue) items, expected at least "
            + "\(range.upperBound)")
      }
      return Array(range)
    }
    let labels = data.labels ?? []
    let found = labels.indices.filter { labels[$0] == label }
    guard !found.isEmpty else {
      throw UsageError("\(option) \(text): no \(part.rawValue) item has this label")
    }
    return found
  }
}
