import Foundation
import Palimpsest

/// What the scoring commands share.
enum Scoring {
  /// The method of a name.
  ///
  /// - Throws: ``UsageError`` with the names there are.
  static func estimator(_ name: String) throws -> any Estimator.Type {
    guard let estimator = EstimatorRegistry.estimator(name) else {
      let known = (EstimatorRegistry.all.map { $0.name } + LedgerColumn.allCases.map(\.rawValue))
        .joined(separator: ", ")
      throw UsageError("--method: found \"\(name)\", expected one of \(known)")
    }
    return estimator
  }

  /// The method where it is one of gradients.
  ///
  /// - Throws: ``UsageError`` with the names of those that are.
  static func gradients(_ estimator: any Estimator.Type) throws -> any GradientEstimator.Type {
    guard let gradients = estimator as? any GradientEstimator.Type else {
      throw UsageError(
        "--method \(estimator.name): takes no gradients, expected one of "
          + EstimatorRegistry.gradients.map { $0.name }.joined(separator: ", "))
    }
    return gradients
  }

  /// The name of an item: its own, or its number.
  static func id<Scalar>(_ item: Int, _ data: Dataset<Scalar>, _ part: String) -> String {
    data.ids.isEmpty ? "\(part):\(item)" : data.ids[item]
  }

  /// An item as a report shows it, with its picture where the report has pictures.
  ///
  /// - Parameter isNumbered: Whether the number is one that finds the item; it is not where others
  ///   were left out.
  static func item<Scalar: TensorScalar>(
    _ number: Int, _ data: Dataset<Scalar>, _ part: String, hasPictures: Bool = false,
    isNumbered: Bool = true
  ) -> ScoreReport.Item {
    ScoreReport.Item(
      id: id(number, data, part), number: data.ids.isEmpty || !isNumbered ? nil : number,
      label: data.labels.map { "\($0[number])" } ?? "",
      group: data.groups.isEmpty ? "" : data.groups[number],
      content: hasPictures ? image(number, data).map { .image($0) } : nil)
  }

  /// The title of a report of scores.
  static func title(items: Int, outputs: Int) -> String {
    "Scores of \(HumanNumber.count(items)) training item\(items == 1 ? "" : "s") for "
      + "\(HumanNumber.count(outputs)) output\(outputs == 1 ? "" : "s")"
  }

  /// Refuses a name that promises another format than npy.
  ///
  /// - Throws: ``UsageError``.
  static func checkMatrixFile(_ path: String?) throws {
    guard let path else { return }
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    let ending = name.contains(".") ? name.split(separator: ".").last.map { $0.lowercased() } : nil
    guard path != "-", !name.isEmpty, ending == nil || ending == "npy" else {
      throw UsageError(
        "--scores: found \"\(path)\", expected a file name that ends in .npy, which numpy.load reads"
          + (ending == "pt" || ending == "pth"
            ? "; torch.from_numpy makes a tensor of the array" : ""))
    }
  }

  /// The picture that an item's inputs are: a square of values from 0 to 1.
  static func image<Scalar: TensorScalar>(
    _ number: Int, _ data: Dataset<Scalar>
  ) -> PixelImage? {
    let pixels = data.inputs.row(number).scalars
    let side = Int(Double(pixels.count).squareRoot())
    guard (8...64).contains(side), side * side == pixels.count,
      pixels.allSatisfy({ $0 >= 0 && $0 <= 1 })
    else { return nil }
    return PixelImage(width: side, height: side, ink: pixels.map { Double($0) })
  }

  /// The command line as it was given.
  static var commandLine: String {
    (["palimpsest"] + CommandLine.arguments.dropFirst().map(quoted)).joined(separator: " ")
  }

  private static func quoted(_ argument: String) -> String {
    let plain = CharacterSet(charactersIn: "-_./:=,+%@").union(.alphanumerics)
    return argument.unicodeScalars.allSatisfy(plain.contains) && !argument.isEmpty
      ? argument : "'\(argument.replacingOccurrences(of: "'", with: "'\\''"))'"
  }

  /// What a report says of where its numbers come from.
  static func provenance(_ record: RunRecord?) -> ScoreReport.Provenance {
    var facts: [ScoreReport.Fact] = []
    if let record {
      let manifest = record.manifest
      facts += [
        .init("run", record.folder), .init("optimizer", manifest.optimizer.name),
        .init("seed", "\(manifest.seed)"), .init("steps", "\(record.steps)"),
        .init("precision", manifest.precision.rawValue),
        .init("SHA-256 of the training inputs", manifest.train.inputs.sha256),
        .init("SHA-256 of the training targets", manifest.train.targets.sha256),
      ]
    }
    facts.append(.init("kernels of products", "\(Kernels.products), \(Kernels.level)"))
    return ScoreReport.Provenance(
      version: RunManifest.libraryVersion, command: commandLine, facts: facts)
  }

  /// What a reader must know before trusting a method on a run.
  static func notes(
    _ estimator: any Estimator.Type, _ record: RunRecord?, _ model: (any Model)? = nil,
    bytes: [String?] = []
  ) -> [String] {
    var notes = [(model ?? record?.model)?.trainedSummary].compactMap(\.self)
    notes += bytes.compactMap(\.self)
    if let record { notes += steps(estimator, record) }
    if estimator.usesTrajectory, let record {
      notes.append(
        "First order: gradients at each checkpoint stand for the steps up to the next.")
      let optimizer = record.manifest.optimizer.name
      if optimizer != "sgd" {
        notes.append(
          "The run used \(optimizer); TracIn takes plain gradients, not the steps that it made.")
      }
      if !record.manifest.optimizer.groups.isEmpty {
        notes.append(
          "Some parameters have a learning rate or a decay of their own: TracIn gives every parameter "
            + "the run's rate. The ledger's credit takes each at its own.")
      }
    }
    if estimator.usesTrajectory, record == nil {
      notes.append(
        "Each checkpoint counts by the weight given for it; batch sizes and visits are not known.")
    }
    return notes
  }

  /// What the checkpoints of a run leave out.
  private static func steps(_ estimator: any Estimator.Type, _ record: RunRecord) -> [String] {
    guard let steps = try? record.checkpoints(), let first = steps.first, let last = steps.last
    else {
      return []
    }
    func count(_ number: Int, _ what: String) -> String {
      "\(HumanNumber.count(number)) \(what)step\(number == 1 ? "" : "s")"
    }
    var notes: [String] = []
    if estimator.usesTrajectory, first > 0 {
      notes.append(
        "The first checkpoint is that after step \(HumanNumber.count(first)): the "
          + "\(count(first, "")) before it are in no score.")
    }
    if last < record.steps {
      let rest = count(record.steps - last, "later ")
      notes.append(
        "The last checkpoint is that after step \(HumanNumber.count(last)) of "
          + "\(HumanNumber.count(record.steps)): the \(rest) "
          + (record.steps - last == 1 ? "is" : "are")
          + " in no score, and what is measured of a query "
          + "is measured there.")
    }
    return notes
  }

  /// Prints a report on standard output, in colour on a terminal.
  static func print(_ report: ScoreReport, json: Bool) throws {
    if json { return try Output.write(JSONLinesReport.render(report)) }
    var style = TerminalReport.Style()
    if Output.isTerminal {
      style.usesColor = ProcessInfo.processInfo.environment["NO_COLOR"]?.isEmpty ?? true
      style.width = min(Terminal.width(STDOUT_FILENO), 120)
    }
    try Output.write(TerminalReport.render(report, style: style))
  }
}
