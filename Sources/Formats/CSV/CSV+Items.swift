import TensorCore

extension CSV {
  /// A table whose columns are inputs, a target, and names of the items.
  package struct Items: Sendable {
    /// `[N, columns]`, what is neither target nor name.
    package let inputs: StoredArray
    /// `[N]`.
    package let targets: StoredArray
    /// What the columns `id` and `group` say, or none.
    package let ids: [String]
    package let groups: [String]
  }

  private static let idNames = ["id", "ids"]
  private static let groupNames = ["group", "groups"]

  /// Reads a table of which one column is the target.
  ///
  /// Columns that are called `id` or `group` name the items; all others are inputs, and numbers. Fields
  /// stand between tabulators in a file named `.tsv`, between semicolons where the first line has
  /// these and no comma, and between commas else.
  ///
  /// - Parameters:
  ///   - target: The name of the target's column; nil for the first of `usual` that is there.
  ///   - usual: Names that targets go by.
  /// - Throws: `FormatError`, naming line and column, or the columns there are.
  package static func items(
    _ source: ByteSource, target: String?, usual: [String]
  ) throws(FormatError) -> Items {
    let bytes = Array(try source.text())
    let head = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let isOfSemicolons = head.contains(UInt8(ascii: ";")) && !head.contains(UInt8(ascii: ","))
    let isOfTabs = source.name.lowercased().hasSuffix(".tsv")
    var scanner = CSVScanner(
      bytes, source, UInt8(ascii: isOfTabs ? "\t" : isOfSemicolons ? ";" : ","))
    let names = try scanner.header()
    let place =
      target.map { names.firstIndex(of: $0) }
      ?? usual.lazy.compactMap { name in names.firstIndex { $0.lowercased() == name } }.first
    guard let place else {
      let known = names.prefix(12).map { FormatError.quoted($0) }.joined(separator: ", ")
      throw source.malformed(
        found: "the columns \(known)\(names.count > 12 ? ", …" : "")",
        expected: target.map { "a column \(FormatError.quoted($0))" }
          ?? "one called label or y, which is the target",
        remedy:
          "name the column in the place of the targets, as FILE:COLUMN of --train-y, or give the "
          + "targets a file of their own")
    }
    func column(_ usual: [String]) -> Int? {
      names.indices.first { $0 != place && usual.contains(names[$0].lowercased()) }
    }
    let (id, group) = (column(idNames), column(groupNames))
    let texts = Set([id, group].compactMap { $0 })
    var values: [Double] = []
    var found: [[String]] = Array(repeating: [], count: names.count)
    while !scanner.isAtEnd { try scanner.row(of: names.count, texts: texts, into: &values, &found) }
    let numbers = names.indices.filter { !texts.contains($0) }
    guard numbers.count > 1 else {
      throw source.malformed(found: "no column beside the target", expected: "inputs")
    }
    let count = values.count / numbers.count
    try requireNoIndex(numbers.map { names[$0] }, Tensor([count, numbers.count], values), source)
    let own = numbers.firstIndex(of: place) ?? 0
    var (inputs, targets): ([Double], [Double]) = ([], [])
    inputs.reserveCapacity(count * (numbers.count - 1))
    for (element, value) in values.enumerated() {
      if element % numbers.count == own { targets.append(value) } else { inputs.append(value) }
    }
    return Items(
      inputs: StoredArray(Tensor([count, numbers.count - 1], inputs)),
      targets: StoredArray(Tensor([count], targets)), ids: id.map { found[$0] } ?? [],
      groups: group.map { found[$0] } ?? [])
  }
}
