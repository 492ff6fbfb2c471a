/// A JSON document, or a part of one (RFC 8259).
///
/// Objects keep the order of their members and numbers keep their digits, so that what a program
/// does not understand is written as it was read.
public indirect enum JSONValue: Equatable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number, as it is written.
  case number(literal: String)
  /// Text.
  case string(String)
  /// Values in order.
  case array([JSONValue])
  /// Members in order, no name twice.
  case object([Member])

  /// A named value.
  public struct Member: Equatable, Sendable {
    /// The name.
    public let name: String
    /// The value.
    public let value: JSONValue

    /// A named value.
    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// A whole number.
  public static func number(_ value: some BinaryInteger) -> JSONValue {
    .number(literal: "\(value)")
  }

  /// A number with the fewest digits that give the same value back.
  ///
  /// - Precondition: It is finite; JSON has no other numbers.
  public static func number<Value: BinaryFloatingPoint & LosslessStringConvertible>(
    _ value: Value
  ) -> JSONValue {
    precondition(value.isFinite, "JSON has no number for \(value)")
    return .number(literal: "\(value)")
  }

  /// The value of the member of this name, nil where there is none or this is no object.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// The number rounded to the nearest `Double`; nil where this is no number, or too large a one.
  public var double: Double? {
    guard case .number(let literal) = self, let value = Double(literal), value.isFinite else {
      return nil
    }
    return value
  }

  /// The whole number; nil where this is none, or one that does not fit.
  public func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
    guard case .number(let literal) = self else { return nil }
    return Value(literal)
  }

  /// The text; nil where this is none.
  public var string: String? { if case .string(let text) = self { text } else { nil } }

  /// The values of an array; nil where this is none.
  public var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }

  /// The members of an object; nil where this is none.
  public var members: [Member]? { if case .object(let members) = self { members } else { nil } }
}
