/// Rows of text cells in aligned columns.
struct TextTable {
  /// What a cell is, for its colour.
  enum Role: Sendable {
    case plain, heading, faint, support, oppose
  }

  struct Cell {
    let text: String
    let role: Role

    init(_ text: String, _ role: Role = .plain) {
      self.text = text.plainLine
      self.role = role
    }
  }

  enum Alignment { case left, right }

  /// One for each column.
  let alignments: [Alignment]
  /// Each with a cell for each column.
  var rows: [[Cell]]
  /// How many columns name the rows, and stand in every part of a table that is folded.
  ///
  /// Nil for the first column of words and what stands before it.
  var names: Int?

  /// The columns of the terminal that the table takes, indented by two.
  var width: Int { widths.reduce(0) { $0 + 2 + $1 } }

  /// The widths of the columns.
  private var widths: [Int] {
    alignments.indices.map { column in rows.map { $0[column].text.terminalWidth }.max() ?? 0 }
  }

  /// The blanks in front of a column.
  func indent(of column: Int) -> String {
    String(repeating: " ", count: widths.prefix(column).reduce(2) { $0 + $1 + 2 })
  }

  /// The table in parts that are no wider than the style, each with the columns that name its rows.
  private func folded(_ style: TerminalReport.Style, indent: Int) -> [TextTable] {
    guard width + indent - 2 > style.width else { return [self] }
    let (names, widths) = (0..<min(names ?? defaultNames, alignments.count), widths)
    let base = names.reduce(indent - 2) { $0 + 2 + widths[$1] }
    var parts: [[Int]] = []
    var end = Int.max / 2
    for column in names.upperBound..<alignments.count {
      end += 2 + widths[column]
      if end > style.width {
        parts.append([])
        end = base + 2 + widths[column]
      }
      parts[parts.count - 1].append(column)
    }
    guard parts.count > 1 else { return [self] }
    return parts.map { part in
      let columns = Array(names) + part
      return TextTable(
        alignments: columns.map { alignments[$0] },
        rows: rows.map { row in columns.map { row[$0] } })
    }
  }

  /// The first column of words, and what stands before it.
  private var defaultNames: Int { (alignments.firstIndex(of: .left) ?? 0) + 1 }

  /// The lines, without blanks at their ends; a table that is wider than the style is folded.
  func lines(_ style: TerminalReport.Style, indent: Int = 2) -> [String] {
    let parts = folded(style, indent: indent)
    return Array(parts.map { $0.rowLines(style, indent: indent) }.joined(separator: [""]))
  }

  private func rowLines(_ style: TerminalReport.Style, indent: Int) -> [String] {
    let widths = widths
    return rows.map { row in
      var line = String(repeating: " ", count: indent)
      var blanks = 0
      for (column, cell) in row.enumerated() {
        let missing = widths[column] - cell.text.terminalWidth
        let isRight = alignments[column] == .right
        blanks += isRight ? missing : 0
        if !cell.text.isEmpty {
          line += String(repeating: " ", count: blanks) + style.paint(cell.text, cell.role)
          blanks = 0
        }
        blanks += (isRight ? 0 : missing) + 2
      }
      return line
    }
  }
}

extension String {
  /// Cells that a terminal gives to the text: two to East Asian characters and emoji, else one.
  var terminalWidth: Int {
    reduce(0) { width, character in
      guard let scalar = character.unicodeScalars.first else { return width }
      return width + (scalar.isWide ? 2 : 1)
    }
  }
}

extension String {
  /// As much as a terminal shows in this many cells, an ellipsis for the rest.
  func clipped(toWidth limit: Int) -> String {
    let text = plainLine
    guard text.terminalWidth > limit else { return text }
    var (width, kept) = (0, "")
    for character in text {
      width += String(character).terminalWidth
      guard width < limit else { break }
      kept.append(character)
    }
    return kept + "…"
  }
}

extension Unicode.Scalar {
  fileprivate var isWide: Bool {
    switch value {
    case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
      0xff00...0xff60, 0xffe0...0xffe6, 0x20000...0x3fffd:
      true
    default: properties.isEmojiPresentation
    }
  }
}
