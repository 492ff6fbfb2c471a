import Palimpsest

extension RunRecord {
  /// Opens the folder of a run, and says what should be known before numbers of it are trusted.
  ///
  /// - Parameter patterns: Which arrays of the model count as trained, in place of what the record
  ///   says.
  /// - Throws: As ``Training/RunRecord/init(folder:patterns:)``.
  static func opened(_ folder: String, patterns: NamePatterns = .init()) throws -> RunRecord {
    let record = try RunRecord(folder: folder, patterns: patterns)
    for caution in record.cautions { Output.warn(caution) }
    return record
  }

  /// What no digest covers, and how this machine differs from that of the run.
  private var cautions: [String] {
    var cautions: [String] = []
    if !filesWithoutDigest.isEmpty {
      cautions.append(
        "\(folder): no digest covers \(Self.list(filesWithoutDigest)): a change after the run would "
          + "not be noticed")
    }
    if !environmentDifferences.isEmpty {
      let differences = environmentDifferences.map {
        "\($0.name) was \($0.recorded), here it is \($0.current)"
      }
      cautions.append(
        "\(folder) was made elsewhere or with another library, so that last bits may differ: "
          + differences.joined(separator: "; "))
    }
    return cautions
  }

  private static func list(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }
}
