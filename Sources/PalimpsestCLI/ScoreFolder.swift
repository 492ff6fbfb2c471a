import Foundation
import Palimpsest

/// The files of a ledger's numbers, opened before the work.
struct ScoreFolder<Scalar: TensorScalar> {
  private let columns: [(column: LedgerColumn, file: ScoreMatrixWriter<Scalar>)]
  private let pValues: ScoreMatrixWriter<Scalar>?

  /// Makes the folder where it is missing, and opens its files.
  init(
    path: String, columns: Set<LedgerColumn>, hasClaims: Bool, queries: Int, items: Int
  ) throws {
    try Self.make(path)
    func file(_ name: String) throws -> ScoreMatrixWriter<Scalar> {
      try OutputPlace.requireNoInput("\(path)/\(name).npy")
      return try ScoreMatrixWriter(path: "\(path)/\(name).npy", queries: queries, items: items)
    }
    self.columns = try LedgerColumn.allCases.filter(columns.contains).map {
      ($0, try file($0.rawValue))
    }
    pValues = hasClaims ? try file("p-values") : nil
  }

  /// Makes the folder of numbers where it is missing.
  static func make(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw FormatError(
        .uncreatable, file: path,
        found: FileManager.default.fileExists(atPath: path)
          ? "a file here" : "a place where no folder can be made",
        expected: "a folder, or a place for one", remedy: "choose another with --scores")
    }
  }

  /// Writes each column `[Q, N]`, positive for support, and the p-values; NaN where a column is
  /// refused or no stranger could stand in.
  func write(_ accounts: [OutputAccount]) throws {
    for (column, file) in columns { try file.write(column, of: accounts) }
    try pValues?.write(accounts) { account in
      account.significance?.pValues.map { $0.map { Scalar($0) } ?? .nan }
    }
    for (_, file) in columns { try file.finish() }
    try pValues?.finish()
  }
}

extension ScoreMatrixWriter {
  /// Writes a column `[Q, N]`, positive for support; NaN where it is refused.
  func write(_ column: LedgerColumn, of accounts: [OutputAccount]) throws {
    try write(accounts) { account in
      guard let rows = account.columns[column], rows.refusal == nil else { return nil }
      return rows.items.map { Scalar($0) }
    }
  }

  /// Writes a row for each account, NaN where it has none.
  fileprivate func write(
    _ accounts: [OutputAccount], _ row: (OutputAccount) -> [Scalar]?
  ) throws {
    let items = shape[1]
    for (query, account) in accounts.enumerated() {
      let scores = row(account) ?? [Scalar](repeating: .nan, count: items)
      try write(Tensor([1, items], scores), rows: query..<query + 1, columns: 0..<items)
    }
  }
}
