/// Reads RFC 4180 by its grammar, apart from the code under test.
func parseCSV(_ text: String) throws -> [[String]] {
  struct Malformed: Error {}
  var rows: [[String]] = []
  var row: [String] = []
  var rest = Substring.UnicodeScalarView(text.unicodeScalars[...])
  while !rest.isEmpty {
    var cell = String.UnicodeScalarView()
    if rest.first == "\"" {
      rest.removeFirst()
      while true {
        guard let next = rest.popFirst() else { throw Malformed() }
        if next == "\"" {
          guard rest.first == "\"" else { break }
          rest.removeFirst()
        }
        cell.append(next)
      }
    } else {
      while let next = rest.first, next != ",", next != "\r" {
        guard next != "\"", next != "\n" else { throw Malformed() }
        cell.append(next)
        rest.removeFirst()
      }
    }
    row.append(String(cell))
    switch rest.popFirst() {
    case ",": continue
    case "\r":
      guard rest.popFirst() == "\n" else { throw Malformed() }
      rows.append(row)
      row = []
    default: throw Malformed()
    }
  }
  return rows
}
