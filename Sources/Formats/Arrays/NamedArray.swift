/// An array of a file that can hold several.
public struct NamedArray: Sendable {
  /// Its name; empty where the format has no names.
  public let name: String
  /// Its shape and elements.
  public let array: StoredArray

  /// A name and an array.
  public init(_ name: String, _ array: StoredArray) {
    self.name = name
    self.array = array
  }
}
