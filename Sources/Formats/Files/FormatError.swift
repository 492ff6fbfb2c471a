/// What can go wrong between a file and a value: one clear line for the person.
///
/// The line names the file and the place in it, what was found there, what was expected instead,
/// and what to do.
public struct FormatError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Whose fault it is; a command maps each kind to an exit status.
  public enum Kind: Sendable, CaseIterable {
    /// The input is not there, or it may not be opened.
    case missing
    /// The input is there, and its content is at fault.
    case malformed
    /// The device failed while the input was read, or the input shrank meanwhile.
    case unreadable
    /// The output cannot be created where it was asked for.
    case uncreatable
    /// The output was created, and writing it failed.
    case unwritable
    /// Another process holds the directory.
    case locked
  }

  /// Where in the file.
  public enum Place: Equatable, Sendable {
    /// The file as a whole.
    case file
    /// Bytes from the start of the file, or of the inflated content of a compressed one.
    case byte(Int)
    /// Line and field of a table, or line and byte of JSON lines, both counted from 1; the header of
    /// a table is line 1.
    case line(Int, column: Int)
    /// A line as a whole, counted from 1.
    case wholeLine(Int)
    /// The flat index of an element, counted from 0.
    case element(Int)
  }

  /// Whose fault it is.
  public let kind: Kind
  /// The path of the file, as it was given.
  public let file: String
  /// Where in the file.
  public let place: Place
  /// What stands there.
  public let found: String
  /// What should stand there; empty where `found` says it all.
  public let expected: String
  /// What to do about it; empty where that is plain.
  public let remedy: String

  /// An error from its parts.
  public init(
    _ kind: Kind, file: String, at place: Place = .file, found: String, expected: String = "",
    remedy: String = ""
  ) {
    self.kind = kind
    self.file = file
    self.place = place
    self.found = found
    self.expected = expected
    self.remedy = remedy
  }

  /// `digits.npy: byte 8: found …, expected …; what to do`.
  public var description: String {
    var line = FormatError.printable(file, limit: 1024)
    switch place {
    case .file: break
    case .byte(let offset): line += ": byte \(offset)"
    case .line(let row, let column): line += ": line \(row), column \(column)"
    case .wholeLine(let row): line += ": line \(row)"
    case .element(let index): line += ": element \(index)"
    }
    line += expected.isEmpty ? ": \(found)" : ": found \(found), expected \(expected)"
    if !remedy.isEmpty { line += "; \(remedy)" }
    return line
  }

  /// Text out of a foreign file in quotation marks, fit for a terminal: shortened, one line, and
  /// without control characters.
  public static func quoted(_ text: String) -> String { "“\(printable(text, limit: 60))”" }

  /// A file's name as a word of a shell's command, or another word where it would not be harmless
  /// there.
  static func shellWord(_ name: String, else other: String) -> String {
    let isPlain = name.unicodeScalars.allSatisfy { scalar in
      scalar.isASCII
        && (scalar.properties.isAlphabetic || "0123456789/._-".unicodeScalars.contains(scalar))
    }
    return isPlain && !name.isEmpty && !name.hasPrefix("-") ? name : other
  }

  /// Text fit for a terminal: one line, control characters and the like as `\\u{1b}`, at most
  /// `limit` scalars of it.
  public static func printable(_ text: String, limit: Int = .max) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(limit) {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
        result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      default: result.append(scalar)
      }
    }
    if text.unicodeScalars.dropFirst(limit).first != nil { result.append("…") }
    return String(result)
  }
}
