/// A way to write a report.
public struct ReportFormat: Sendable {
  /// What people call it, lower case.
  public let name: String
  /// The end of its files' names, without the dot, lower case.
  public let fileExtension: String
  /// One line about it.
  public let summary: String
  /// The whole file, in UTF-8.
  public let render: @Sendable (ScoreReport) -> String
}

/// All ways to write a report; a new one is a file of its own and a line here.
public enum ReportRegistry {
  /// The formats.
  public static let all: [ReportFormat] = [
    HTMLReport.format, JSONLinesReport.format, CSVReport.format, TerminalReport.format,
  ]

  /// The format that the end of a file's name asks for; nil where no format has it.
  public static func format(forPath path: String) -> ReportFormat? {
    let name = path.lowercased()
    return all.first { name.hasSuffix("." + $0.fileExtension) }
  }
}
