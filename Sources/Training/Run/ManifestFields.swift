import Formats

/// A part of `run.json` with its place, for errors that name the key.
struct ManifestFields {
  let value: JSONValue
  let file: String
  /// `optimizer.` for the members of that object.
  let prefix: String

  init(_ value: JSONValue, file: String, prefix: String = "") {
    self.value = value
    self.file = file
    self.prefix = prefix
  }

  /// The error for a key that is missing or has a value that does not do.
  func fault(_ name: String, expected: String) -> FormatError {
    var found = "no key \"\(prefix)\(name)\""
    if let value = value[name] {
      found = "\"\(prefix)\(name)\": \(FormatError.quoted(value.description))"
    }
    return FormatError(.malformed, file: file, found: found, expected: expected)
  }

  func string(_ name: String, expected: String = "a text") throws(FormatError) -> String {
    guard let text = value[name]?.string else { throw fault(name, expected: expected) }
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
    guard let number = value[name]?.double else { throw fault(name, expected: expected) }
    return number
  }

  /// A whole number from 0.
  func integer<Value: FixedWidthInteger>(
    _ name: String, as type: Value.Type = Value.self
  ) throws(FormatError) -> Value {
    guard let number = value[name]?.integer(type), number >= 0 else {
      throw fault(name, expected: "a whole number from 0 to \(Value.max)")
    }
    return number
  }

  func object(_ name: String) throws(FormatError) -> ManifestFields {
    guard let member = value[name], member.members != nil else {
      throw fault(name, expected: "an object")
    }
    return ManifestFields(member, file: file, prefix: "\(prefix)\(name).")
  }

  /// The objects of an array.
  func objects(_ name: String) throws(FormatError) -> [ManifestFields] {
    let values = try array(name, of: "objects") { $0.members == nil ? nil : $0 }
    return values.enumerated().map {
      ManifestFields($1, file: file, prefix: "\(prefix)\(name)[\($0)].")
    }
  }

  /// The values of an array, each converted; nil refuses the value.
  func array<Value>(
    _ name: String, of what: String, _ convert: (JSONValue) -> Value?
  ) throws(FormatError) -> [Value] {
    guard let values = value[name]?.array else {
      throw fault(name, expected: "an array of \(what)")
    }
    var result: [Value] = []
    result.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      guard let converted = convert(value) else {
        throw FormatError(
          .malformed, file: file,
          found: "\"\(prefix)\(name)[\(index)]\": \(FormatError.quoted(value.description))",
          expected: what)
      }
      result.append(converted)
    }
    return result
  }

  func has(_ name: String) -> Bool { value[name] != nil }
}
