import Palimpsest

/// Reads bytes as a vocabulary, which must come back the same from its own text, and give a text back.
///
/// - Returns: 0, as libFuzzer expects it.
public func readVocabulary(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let value = try? Vocabulary(ByteSource(bytes(start, count), name: "vocabulary.json")) else {
    return 0
  }
  let text = Array(value.json.description.utf8)
  precondition(
    (try? Vocabulary(ByteSource(text, name: "again.json"))) == value,
    "another vocabulary came back")
  if let tokens = try? value.encode(text, name: "text") {
    precondition(value.decode(tokens.tokens) == text, "another text came back")
  }
  return 0
}
