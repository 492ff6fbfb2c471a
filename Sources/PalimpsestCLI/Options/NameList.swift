import ArgumentParser

/// Names with commas between them, each known and there once.
struct NameList {
  let names: [String]

  /// Reads them off the command line.
  ///
  /// - Throws: `ValidationError`.
  init(_ text: String, known: [String]) throws {
    var names: [String] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      guard known.contains(name) else {
        throw ValidationError(
          "found \"\(name)\", expected some of \(known.joined(separator: ","))")
      }
      guard !names.contains(name) else {
        throw ValidationError("found \(name) twice, expected each once")
      }
      names.append(name)
    }
    self.names = names
  }
}
