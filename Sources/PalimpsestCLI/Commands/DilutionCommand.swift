import ArgumentParser
import Foundation
import Palimpsest
import Synchronization

/// `palimpsest dilution`: whether an item is lost among more and more others.
struct DilutionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dilution",
    abstract: "Say how far an item is lost among more and more others.",
    discussion: """
      In a family of runs some items are watched: typical ones, mislabelled ones, noise. For each it says \
      what it holds of the account of its own output, and what that output loses when \
      the run is trained again without one copy or without all. One thing varies at a \
      time, the others stand where --at says. And from gradients of more and more \
      items their inputs are read. Finished parts are kept in the folder of --out; \
      repeat the command to go on where it stopped.

      EXAMPLES:
        palimpsest dilution --out dilution
        palimpsest dilution --items 25,50,100,200 --copies 1 --epochs 40 --widths 32
        palimpsest dilution --train-x x.npy --train-y y.npy --out dilution.html
      """)

  @Option(
    help: ArgumentHelp(
      "Folder for finished runs and reports; or a report, .html, .jsonl or .csv, beside a folder of its name and .runs.",
      valueName: "dir"), transform: Output.folder)
  var out = "palimpsest-dilution"

  @Option(
    help: ArgumentHelp(
      "Inputs of the items to draw from; the embedded digits where absent.", valueName: "file"))
  var trainX: String?

  @Option(
    help: ArgumentHelp("Their labels, unless --train-x has them.", valueName: "file"))
  var trainY: String?

  @Option(help: ArgumentHelp("Numbers of training items.", valueName: "list"))
  var items = CountList([25, 50, 100, 200, 400, 800, 1600])

  @Option(help: ArgumentHelp("Numbers of copies of each watched item.", valueName: "list"))
  var copies = CountList([1, 2, 4, 8, 16])

  @Option(help: ArgumentHelp("Passes over the items.", valueName: "list"))
  var epochs = CountList([10, 20, 40, 80])

  @Option(help: ArgumentHelp("Widths of the hidden layer.", valueName: "list"))
  var widths = CountList([8, 16, 32, 64, 128])

  @Option(
    help: ArgumentHelp(
      "Where the others stand while one varies, unless their list has a single value.",
      valueName: "name=n"))
  var at = StandingPoint.standard

  @Option(
    help: ArgumentHelp(
      "Parts to do, some of \(DilutionPart.allCases.map(\.rawValue).joined(separator: ",")).",
      valueName: "names"), transform: Self.readParts)
  var parts: [DilutionPart] = DilutionPart.allCases

  @Option(help: ArgumentHelp("Numbers of inputs of an inverted gradient.", valueName: "list"))
  var inputs = CountList(InversionSetting().batchSizes)

  @Option(help: ArgumentHelp("Width of the layer that inputs are read from.", valueName: "n"))
  var inversionWidth = InversionSetting().width

  @Option(
    help: ArgumentHelp(
      "How often each run and each gradient is repeated with other draws.", valueName: "n"))
  var seeds = 5

  @Option(help: ArgumentHelp("Watched items of each run.", valueName: "n"))
  var watched = 4

  @Option(help: ArgumentHelp("Learning rate.", valueName: "rate"))
  var lr = 0.5

  @Option(help: ArgumentHelp("Items of a batch.", valueName: "n"))
  var batchSize = 25

  @Option(help: "Numbers to compute in.")
  var precision = RunManifest.Precision.float32

  @OptionGroup var compute: ComputeOptions

  @Flag(help: "Say what it would take, and stop.")
  var dryRun = false

  @Flag(help: "Print JSON lines: the places of each axis, the exponents, what they say.")
  var json = false

  private static func readParts(_ text: String) throws -> [DilutionPart] {
    let known = DilutionPart.allCases.map(\.rawValue)
    return try NameList(text, known: known).names.compactMap { DilutionPart(rawValue: $0) }
  }

  mutating func run() throws {
    try OutputPlace.refuseRecord(out, above: out)
    switch precision {
    case .float32: try run(as: Float.self)
    case .float64: try run(as: Double.self)
    }
  }

  private func run<Scalar: TensorScalar>(as type: Scalar.Type) throws {
    let data = try data(as: type)
    let study = try DilutionStudy(
      setting,
      inversion: InversionSetting(batchSizes: inputs.counts, width: inversionWidth, seeds: seeds),
      parts: Set(parts), data: data)
    let pool = try compute.makePool()
    if dryRun { return try WorkEstimate(study, pool: pool).print(json: json) }
    let place = try StudyPlace(out)
    let report = report(study, try results(study, in: place.folder, pool), data)
    try place.write(report)
    if json {
      try Output.write(JSONLinesReport.results(report))
    } else {
      try Scoring.print(report, json: false)
      try Output.line("\nreport: \(FormatError.printable(place.page))")
    }
  }

  private var setting: DilutionSetting {
    var setting = DilutionSetting(
      base: at.point,
      values: [
        .items: items.counts, .copies: copies.counts, .epochs: epochs.counts,
        .width: widths.counts,
      ])
    // What has a single value stands there.
    for (axis, values) in setting.values where values.count == 1 {
      setting.base[axis] = values[0]
    }
    setting.seeds = seeds
    setting.watched = watched
    setting.learningRate = lr
    setting.batchSize = batchSize
    return setting
  }

  /// The items to draw from.
  private func data<Scalar: TensorScalar>(as type: Scalar.Type) throws -> Dataset<Scalar> {
    guard let trainX else {
      guard trainY == nil else { throw UsageError("--train-y goes with --train-x") }
      return Digits.all()
    }
    let stored = try StoredItems.opened(inputs: trainX, targets: trainY)
    let model = MLP(
      widths: [stored.itemShape.count, max(try stored.classCount(), 1)], activation: .tanh)
    return try Dataset.read(stored, model, loss: .crossEntropy)
  }

  private func results<Scalar: TensorScalar>(
    _ study: DilutionStudy<Scalar>, in folder: String, _ pool: WorkerPool
  ) throws -> DilutionStudy<Scalar>.Results {
    let bar = Mutex(ProgressBar("dilution", of: 1, "MFLOP"))
    defer { bar.withLock { $0.finish() } }
    return try study.results(in: folder, pool: pool, memory: compute.memory?.bytes) { progress in
      try Signals.check("repeat the command to go on where it stopped")
      bar.withLock { $0.show(Int(progress.done / 1e6), of: Int(progress.total / 1e6)) }
    }
  }

  private func report<Scalar: TensorScalar>(
    _ study: DilutionStudy<Scalar>, _ results: DilutionStudy<Scalar>.Results,
    _ data: Dataset<Scalar>
  ) -> ScoreReport {
    let setting = study.setting
    let isEmbedded = trainX == nil
    var sections: [ScoreReport.Section] = []
    if study.parts.contains(.runs) {
      sections.append(.dilution(.init(setting: setting, outcomes: results.runs)))
    }
    if study.parts.contains(.inversion) {
      sections.append(
        .inversion(
          .init(
            setting: study.inversion, outcomes: results.gradients,
            pictures: pictures(study.inversion, results.gradients, data))))
    }
    return ScoreReport(
      title: "Lost in the cocktail, or still there?",
      method: .init(
        name: "dilution",
        summary:
          "the share of watched items in their own outputs, and the effect of leaving them out",
        unit: Measure.logProbability.unit(.crossEntropy)),
      measure: .logProbability, loss: .crossEntropy,
      model: "mlp with one hidden layer of tanh units", itemCount: setting.base.items,
      sections: sections,
      notes: [
        "The effect of leaving an item out is measured: the run is trained again from the same "
          + "initial parameters, with the same order of the items, and the batches' denominators fixed.",
        "A small share says that an item is one of many that moved the output; it does not say that "
          + "the output would be the same without it.",
      ] + (isEmbedded ? ["Data: \(Digits.attribution)."] : []),
      provenance: .init(
        version: RunManifest.libraryVersion, command: Scoring.commandLine,
        facts: [
          .init("data", isEmbedded ? "embedded digits" : trainX ?? ""),
          .init("seeds", "0 to \(setting.seeds - 1)"),
          .init(
            "optimizer",
            "sgd, learning rate \(setting.learningRate), batches of \(setting.batchSize)"),
          .init("trainings", HumanNumber.count(study.trainings.reduce(0, +))),
          .init("precision", precision.rawValue),
          .init("kernels of products", "\(Kernels.products), \(Kernels.level)"),
        ]))
  }
}

extension DilutionCommand {
  /// What was read of some inputs, where inputs are pictures.
  private func pictures<Scalar: TensorScalar>(
    _ setting: InversionSetting, _ outcomes: [InversionOutcome], _ data: Dataset<Scalar>
  ) -> [ScoreReport.Inversion.Picture] {
    zip(setting.cells, outcomes).flatMap { cell, outcome in
      outcome.pictures.filter {
        (0..<data.count).contains($0.item) && Scoring.image($0.item, data) != nil
      }.map {
        func image(_ pixels: [Double]?) -> PixelImage? {
          pixels.map {
            let side = Int(Double($0.count).squareRoot())
            return PixelImage(width: side, height: side, ink: $0)
          }
        }
        return .init(
          batchSize: cell.batchSize,
          item: Scoring.item($0.item, data, "item", hasPictures: true),
          closedForm: image($0.closedForm), matched: image($0.matched))
      }
    }
  }
}

/// Whole numbers from 1 with commas between them.
struct CountList: ExpressibleByArgument, CustomStringConvertible {
  let counts: [Int]

  init(_ counts: [Int]) { self.counts = counts }

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    counts = parts.compactMap { Int($0) }.filter { $0 > 0 }
    guard counts.count == parts.count, counts.count <= Self.most else { return nil }
  }

  private static let most = 100

  var description: String { counts.map(String.init).joined(separator: ",") }
  var defaultValueDescription: String { description }
}

/// Where everything stands that is not varied: `items=400,copies=1,epochs=40,width=32`.
struct StandingPoint: ExpressibleByArgument, CustomStringConvertible {
  var point: DilutionPoint

  static let standard = StandingPoint(
    point: DilutionPoint(items: 400, copies: 1, epochs: 40, width: 32))

  init(point: DilutionPoint) { self.point = point }

  init?(argument: String) {
    point = Self.standard.point
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2, let axis = DilutionAxis(rawValue: String(sides[0])),
        let value = Int(sides[1]), value > 0
      else { return nil }
      point[axis] = value
    }
  }

  var description: String {
    DilutionAxis.allCases.map { "\($0.rawValue)=\(point[$0])" }.joined(separator: ",")
  }
  var defaultValueDescription: String { description }
}

/// Where finished runs and the reports of a study go.
struct StudyPlace {
  /// The folder of finished runs.
  let folder: String
  /// The report that a person is told of.
  let page: String
  private let reports: [String]

  /// - Throws: `FormatError` where a report cannot be written there.
  init(_ out: String) throws {
    if let format = ReportRegistry.format(forPath: out) {
      folder = "\(out.dropLast(format.fileExtension.count + 1)).runs"
      reports = [out]
      // A place that cannot be written is known before the work.
      _ = try ReportFile(path: out)
    } else {
      folder = out
      reports = ["html", "jsonl", "csv"].map { "\(out)/report.\($0)" }
    }
    page = reports[0]
  }

  func write(_ report: ScoreReport) throws {
    for path in reports { try ReportFile(path: path).write(report) }
  }
}
