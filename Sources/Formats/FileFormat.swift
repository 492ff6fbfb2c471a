/// A kind of file that holds arrays.
public struct FileFormat: Sendable {
  /// What people call it, lower case.
  public let name: String
  /// The ends of its files' names, without the dot, lower case.
  public let extensions: [String]
  /// One line about it.
  public let summary: String
  /// Whether a source begins like such a file; always false where the format has no mark.
  public let recognises: @Sendable (ByteSource) throws(FormatError) -> Bool
  /// Reads what is in a file, or refuses with the reason; an array that cannot be read is a fault of
  /// the whole where it is the only one, and else where it is asked for.
  public let read: @Sendable (ByteSource) throws(FormatError) -> ItemTable
}
