import Formats

/// An object of `run.json` with its place, for errors that name the key.
struct ManifestFields {
  private let members: [String: JSONText]
  let file: String
  /// `optimizer.` for the members of that object.
  let prefix: String

  /// The object that a document is.
  init(_ source: ByteSource) throws(FormatError) {
    guard let members = try JSONText(source).members() else {
      throw FormatError(
        .malformed, file: source.name, found: "no object", expected: "one, in braces")
    }
    self.init(members, file: source.name, prefix: "")
  }

  private init(_ members: [(name: String, value: JSONText)], file: String, prefix: String) {
    self.members = Dictionary(members.map { ($0.name, $0.value) }) { first, _ in first }
    self.file = file
    self.prefix = prefix
  }

  /// The value of a key; nil where there is none.
  func value(_ name: String) throws(FormatError) -> JSONValue? { try members[name]?.value() }

  /// The bytes of the text of a key's value.
  func byteCount(_ name: String) -> Int { members[name]?.count ?? 0 }

  /// The error for a key that is missing or has a value that does not do.
  func fault(_ name: String, expected: String) -> FormatError {
    var found = "no key \"\(prefix)\(name)\""
    if let text = members[name] {
      // What is too long to be read as a whole is too long to be shown.
      let shown = (try? text.value()).map { FormatError.quoted($0.description) }
      found = "\"\(prefix)\(name)\": \(shown ?? "\(text.count) bytes")"
    }
    return FormatError(.malformed, file: file, found: found, expected: expected)
  }

  func string(_ name: String, expected: String = "a text") throws(FormatError) -> String {
    guard let text = try value(name)?.string else { throw fault(name, expected: expected) }
    return text
  }

  /// One of a list of names.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of type: Choice.Type = Choice.self
  ) throws(FormatError) -> Choice where Choice.RawValue == String {
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    guard let choice = Choice(rawValue: try string(name, expected: names)) else {
      throw fault(name, expected: names)
    }
    return choice
  }

  func number(_ name: String, expected: String = "a number") throws(FormatError) -> Double {
    guard let number = try value(name)?.double else { throw fault(name, expected: expected) }
    return number
  }

  /// A whole number from 0.
  func integer<Value: FixedWidthInteger>(
    _ name: String, as type: Value.Type = Value.self
  ) throws(FormatError) -> Value {
    guard let number = try value(name)?.integer(type), number >= 0 else {
      throw fault(name, expected: "a whole number from 0 to \(Value.max)")
    }
    return number
  }

  func object(_ name: String) throws(FormatError) -> ManifestFields {
    guard let members = try members[name]?.members() else {
      throw fault(name, expected: "an object")
    }
    return ManifestFields(members, file: file, prefix: "\(prefix)\(name).")
  }

  /// The number of elements of an array; nil where this is none.
  func elementCount(_ name: String) throws(FormatError) -> Int? {
    try members[name]?.elementCount()
  }

  /// The objects of an array, of which there may be 1,000.
  func objects(_ name: String) throws(FormatError) -> [ManifestFields] {
    guard let text = members[name], let count = try text.elementCount(), count <= 1000 else {
      throw fault(name, expected: "an array of at most 1000 objects")
    }
    var objects: [ManifestFields] = []
    try text.forEachElement { element throws(FormatError) in
      guard let members = try element.members() else {
        throw fault("\(name)[\(objects.count)]", expected: "an object")
      }
      objects.append(
        ManifestFields(members, file: file, prefix: "\(prefix)\(name)[\(objects.count)]."))
    }
    return objects
  }

  /// The values of an array, each converted; nil refuses the value.
  ///
  /// - Parameter most: How many there may be; more are refused before one is read.
  func array<Value>(
    _ name: String, of what: String, most: Int = .max, _ convert: (JSONValue) -> Value?
  ) throws(FormatError) -> [Value] {
    guard let text = members[name], let count = try text.elementCount() else {
      throw fault(name, expected: "an array of \(what)")
    }
    guard count <= most else {
      throw FormatError(
        .malformed, file: file, found: "\(count) elements of \"\(prefix)\(name)\"",
        expected: "at most \(most): \(what)")
    }
    var result: [Value] = []
    result.reserveCapacity(count)
    try text.forEachElement { element throws(FormatError) in
      let value = try element.value()
      guard let converted = convert(value) else {
        throw FormatError(
          .malformed, file: file,
          found: "\"\(prefix)\(name)[\(result.count)]\": \(FormatError.quoted(value.description))",
          expected: what)
      }
      result.append(converted)
    }
    return result
  }

  func has(_ name: String) -> Bool { members[name] != nil }
}
