import ArgumentParser
import Palimpsest

/// Where reports are written, besides what is printed.
struct ReportOptions: ParsableArguments {
  @Option(
    name: [.long, .customShort("o")],
    help: ArgumentHelp(
      "Write a report: .html, .jsonl, .csv or .txt; or - to print it in the --format; repeatable.",
      valueName: "file"))
  var out: [String] = []

  @Option(
    help: ArgumentHelp(
      "What --out - prints: \(ReportRegistry.all.map(\.fileExtension).joined(separator: ", ")).",
      valueName: "name"))
  var format: String?

  /// Whether a report shows pictures.
  var hasPictures: Bool {
    out.contains { ReportRegistry.format(forPath: $0)?.fileExtension == "html" }
      || printed?.fileExtension == "html"
  }

  /// What is printed instead of the text for people.
  private var printed: ReportFormat? {
    format.flatMap { name in ReportRegistry.all.first { $0.fileExtension == name.lowercased() } }
  }

  /// Checks the names, beside those of the numbers that are written, before anything is read.
  ///
  /// - Parameters:
  ///   - file: A file of numbers.
  ///   - folder: A folder of files of numbers.
  /// - Throws: ``UsageError``, and as ``OutputPlace/check(report:file:folder:)``.
  func check(json: Bool = false, file: String? = nil, folder: String? = nil) throws {
    var seen: Set<String> = []
    for path in out {
      guard seen.insert(path).inserted else {
        throw UsageError("--out: found \"\(path)\" twice, expected each file once")
      }
      if path != "-" { try OutputPlace.check(report: path, file: file, folder: folder) }
    }
    if file != "-" { try OutputPlace.check(file: file, folder: folder) }
    let known = ReportRegistry.all.map(\.fileExtension).joined(separator: ", ")
    if let format, printed == nil {
      throw UsageError("--format: found \"\(format)\", expected one of \(known)")
    }
    guard seen.contains("-") == (format != nil) else {
      throw UsageError(
        format == nil
          ? "--out -: in which format? Expected --format with one of \(known)"
          : "--format goes with --out -; the name of a file says its own")
    }
    guard !json || format == nil else {
      throw UsageError("--json and --out - exclude each other: both print")
    }
  }

  /// Opens the files before the work, so that a place that cannot be written is known at once.
  func open() throws -> ReportFiles {
    ReportFiles(
      files: try out.filter { $0 != "-" }.map { try ReportFile(path: $0) }, printed: printed)
  }
}

/// The open files of a report, and how it is printed.
struct ReportFiles {
  fileprivate let files: [ReportFile]
  /// The format that is printed instead of the text for people.
  let printed: ReportFormat?

  /// Writes the files.
  func writeFiles(_ report: ScoreReport) throws {
    for file in files { try file.write(report) }
  }

  /// Writes the files, then prints.
  ///
  /// - Parameters:
  ///   - json: Whether JSON lines are printed.
  ///   - hasHeader: Whether their first line is that of the report.
  func write(_ report: ScoreReport, json: Bool, hasHeader: Bool = false) throws {
    try writeFiles(report)
    if let printed {
      try Output.write(printed.render(report))
    } else if json, !hasHeader {
      try Output.write(JSONLinesReport.results(report))
    } else {
      try Scoring.print(report, json: json)
    }
  }
}
