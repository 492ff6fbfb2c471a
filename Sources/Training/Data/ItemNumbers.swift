public import Formats
import TensorCore

/// Numbers of items in a file.
public enum ItemNumbers {
  /// Reads rows of a data set, each once, in any order.
  ///
  /// - Parameters:
  ///   - path: A file of one array of whole numbers.
  ///   - items: N, which every number must stay below.
  /// - Throws: `FormatError`, naming the first number at fault.
  public static func read(path: String, items: Int) throws(FormatError) -> [Int] {
    let array = try StoredArray.read(path: path)
    guard array.shape.rank == 1 else {
      throw FormatError(
        .malformed, file: path, found: "an array of shape \(array.shape)",
        expected: "rows of items, an array of one axis")
    }
    var seen: Set<Int64> = []
    let numbers = try array.integers()
    for (place, number) in numbers.enumerated() {
      guard (0..<Int64(items)).contains(number), seen.insert(number).inserted else {
        throw FormatError(
          .malformed, file: path, at: .element(place),
          found: "row \(number)\(seen.contains(number) ? " twice" : "")",
          expected: "rows of items, 0 to \(items - 1), each once")
      }
    }
    return numbers.map { Int($0) }
  }
}
