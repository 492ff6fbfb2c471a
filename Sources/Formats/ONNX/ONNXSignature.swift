/// What PyTorch's exporter writes of the arrays of a file beside them: which of them the module
/// called parameters.
///
/// Files of other exporters say nothing of the kind; theirs is empty.
struct ONNXSignature: Sendable {
  /// What an array was in the module.
  enum Kind: String {
    case parameter = "PARAMETER"
    case buffer = "BUFFER"
    case constant = "CONSTANT_TENSOR"
  }

  /// An array of the module.
  struct Entry: Sendable {
    /// What the traces of the operators call it, such as `p_0_weight`.
    let placeholder: String
    let kind: Kind
    /// Its name in the module, such as `0.weight`.
    let target: String
  }

  /// The arrays of the module, whether or not the file still has them.
  var entries: [Entry] = []
  /// What an array of the file was in the module, by its name in the file.
  var kinds: [String: Kind] = [:]
  /// The values that an array of the file was computed from when it was exported.
  var origins: [String: [String]] = [:]

  /// Whether the file says which of its arrays are parameters.
  var isPresent: Bool { !entries.isEmpty || !kinds.isEmpty }

  /// Where the metadata of a graph have the signature.
  static let key = "pkg.torch.export.ExportedProgram.graph_signature"
  /// Where those of a value have its kind.
  static let kindKey = "pkg.torch.export.graph_signature.InputSpec.kind"
  /// Where those of a value have what it was computed from.
  static let originsKey = "pkg.onnxscript.optimizer.folded_from"

  /// Takes what the metadata of a value say.
  mutating func read(_ metadata: [String: String], of name: String) {
    if let kind = metadata[Self.kindKey].flatMap(Kind.init) { kinds[name] = kind }
    if let text = metadata[Self.originsKey] { origins[name] = Self.quotedTexts(in: text) }
  }

  /// Reads the lines `p_0_weight: PARAMETER target='0.weight'` of a signature.
  mutating func read(signature: String) {
    for line in signature.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let words = line[line.index(after: colon)...].split(separator: " ", maxSplits: 1)
      guard words.count == 2, let kind = Kind(rawValue: String(words[0])),
        let target = Self.quotedTexts(in: words[1]).first
      else { continue }
      entries.append(Entry(placeholder: String(line[..<colon]), kind: kind, target: target))
    }
  }

  /// The texts between apostrophes.
  private static func quotedTexts(in text: some StringProtocol) -> [String] {
    let parts = text.split(separator: "'", omittingEmptySubsequences: false)
    return parts.indices.filter { !$0.isMultiple(of: 2) && $0 + 1 < parts.count }
      .map { String(parts[$0]) }
  }
}

/// The line of the exported program that an operator was made for, as its metadata have it.
struct ONNXTrace: Sendable {
  /// What was called, such as `aten.linear.default`; empty where nothing is said.
  let target: String
  /// Its arguments in their order, such as `%x`, `0` and `True`.
  let arguments: [String]
  /// The names of the values that it read.
  let values: Set<String>
  /// The rule by which the exporter rewrote the operator; empty for none.
  let rule: String
  /// Whether it stood in a block that the exporter took out of the program and put back: one under
  /// `no_grad`, or of another precision (`autocast`).
  let isFromBlock: Bool
  /// Whether anything is said of where it stood.
  let hasPlace: Bool

  /// Where the metadata of an operator have the line.
  static let key = "pkg.torch.onnx.fx_node"
  /// Where they have the rule.
  static let ruleKey = "pkg.onnxscript.rewriter.rule_name"
  /// Where they have the place in the module's source.
  static let placeKey = "pkg.torch.onnx.stack_trace"

  /// What the metadata of an operator say.
  init(_ metadata: [String: String]) {
    rule = metadata[Self.ruleKey] ?? ""
    let place = metadata[Self.placeKey] ?? ""
    hasPlace = !place.isEmpty
    // The block is a program of its own, which has no file.
    isFromBlock = place.drop { $0 == " " || $0 == "\n" }.hasPrefix("File \"<eval_with_key>")
    // %y : … = call_function[target=torch.ops.aten.f.default](args = (%x, 0), kwargs = {})
    let line = metadata[Self.key] ?? ""
    let behind = { (text: Substring, mark: String) -> Substring? in
      text.firstRange(of: mark).map { text[$0.upperBound...] }
    }
    let call = behind(line[...], "target=torch.ops.")
    target = call.map { String($0.prefix { $0 != "]" }) } ?? ""
    let list = behind(line[...], "](args = (") ?? ""
    let end = list.firstRange(of: "), kwargs = ")?.lowerBound ?? list.endIndex
    arguments = Self.split(list[..<end])
    values = Self.names(in: list)
  }

  /// What stands between the commas that no bracket encloses.
  private static func split(_ text: Substring) -> [String] {
    var (parts, depth): ([String], Int) = ([""], 0)
    for character in text {
      if "([{".contains(character) { depth += 1 }
      if ")]}".contains(character) { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append("")
      } else if character != " " || !parts[parts.count - 1].isEmpty {
        parts[parts.count - 1].append(character)
      }
    }
    // One argument alone has a comma behind it.
    return parts.last == "" ? parts.dropLast() : parts
  }

  /// The names behind percent signs.
  private static func names(in text: Substring) -> Set<String> {
    Set(
      text.split(separator: "%", omittingEmptySubsequences: false).dropFirst().map {
        String($0.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
      })
  }
}
