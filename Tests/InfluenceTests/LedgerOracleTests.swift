import Foundation
import Formats
import Influence
import TensorCore
import Testing
import Training

/// A run of the oracles that JAX differentiated as a whole.
struct LedgerOracle {
  let name: String
  let file: Safetensors
  private let metadata: [String: String]

  static let cases: [String] = {
    let files = try? FileManager.default.contentsOfDirectory(
      atPath: Oracle.folder.appending(path: "ledger").path)
    return (files ?? []).filter { $0.hasSuffix(".safetensors") }
      .map { String($0.dropLast(".safetensors".count)) }.sorted()
  }()

  init(_ name: String) throws {
    self.name = name
    file = try Safetensors(path: Oracle.folder.appending(path: "ledger/\(name).safetensors").path)
    metadata = Dictionary(uniqueKeysWithValues: file.metadata.map { ($0.name, $0.text) })
  }

  func has(_ name: String) -> Bool { file[name] != nil }

  func tensor<Scalar: TensorScalar>(
    _ name: String, as type: Scalar.Type = Scalar.self
  ) throws -> Tensor<Scalar> { try #require(file[name], "no \(name)").tensor() }

  private func data<Scalar: TensorScalar>(
    _ part: String, _ loss: Loss, as type: Scalar.Type
  ) throws -> Dataset<Scalar> {
    let targets = try #require(file["y_\(part)"])
    return Dataset(
      inputs: try tensor("x_\(part)"),
      targets: loss.takesLabels
        ? .labels(try targets.integers().map { Int32($0) }) : .values(try targets.tensor()))
  }

  private func number(_ name: String) throws -> Double? {
    try metadata[name].map { try #require(Double($0)) }
  }

  func run<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self) throws -> TrainingRun<Scalar> {
    let loss = try #require(Loss(rawValue: metadata["loss"] ?? ""))
    var optimizer = try OptimizerSettings(metadata["optimizer"] ?? "")
    for constant in optimizer.rule.constants {
      if let value = try number(constant.rawValue) { optimizer[constant] = value }
    }
    optimizer.clipNorm = try number("clip_norm")
    if let kind = WeightDecay.Kind(rawValue: metadata["weight_decay_mode"] ?? "") {
      optimizer.weightDecay = WeightDecay(try number("weight_decay") ?? 0, kind)
    }
    let rows = try #require(file["batches"])
    let batches = Batches(size: rows.shape[1], rows: try rows.integers().map { Int($0) })
    let model = try ModelRegistry.model(metadata["model"] ?? "")
    var run = try TrainingRun<Scalar>(
      model, loss: loss, train: .init(data("train", loss, as: type)), optimizer: optimizer,
      learningRate: 1, batchSize: batches.size, epochs: 1, batches: batches)
    run.learningRates = try tensor("learning_rates", as: Double.self).scalars
    run.itemWeights = try tensor("item_weights").scalars
    run.initialParameters = []
    for entry in model.layout.entries { run.initialParameters += try tensor(entry.name).scalars }
    return run
  }

  func problem<Scalar: TensorScalar>(
    _ measure: Measure, as type: Scalar.Type
  ) throws -> LedgerProblem<Scalar> {
    let run = try run(as: type)
    return LedgerProblem(
      run: run, queries: try data("query", run.loss, as: type),
      measure: QueryMeasure(measure, loss: run.loss))
  }

  var measures: [Measure] { Measure.allCases.filter { has("marginal.\($0.rawValue)") } }
}

/// The columns against JAX, which differentiated the whole training, and against forward
/// bookkeeping with a momentum buffer for each item.
@Suite("Ledger against JAX")
struct LedgerOracleTests {
  let pool = WorkerPool(threads: 2)

  @Test func thereAreCases() { #expect(LedgerOracle.cases.count >= 10) }

  /// Row by row, relative to the query's largest entry.
  private func expectRows(
    _ found: [[Double]], _ expected: Tensor<Double>, within tolerance: Double, _ what: String
  ) {
    for (query, row) in found.enumerated() {
      let truth = expected.row(query).scalars
      let scale = truth.map(abs).max() ?? 0
      let worst = zip(row, truth).map { abs($0 - $1) }.max() ?? 0
      #expect(worst <= tolerance * scale, "\(what), query \(query): \(worst / scale)")
    }
  }

  private func columns<Scalar: TensorScalar>(
    _ oracle: LedgerOracle, _ measure: Measure, _ columns: Set<LedgerColumn>,
    rule: QuadratureRule = .gauss, tolerance: Double, as type: Scalar.Type
  ) throws -> [OutputAccount] {
    let options = LedgerOptions(columns: columns, rule: rule, tolerance: tolerance)
    return try Ledger(oracle.problem(measure, as: type), options: options, pool: pool).accounts()
  }

  private func raw(_ accounts: [OutputAccount], _ column: LedgerColumn) -> [[Double]] {
    accounts.map { account in
      (account.columns[column]?.items ?? []).map { account.isLowerBetter ? -$0 : $0 }
    }
  }

  @Test("marginal", arguments: LedgerOracle.cases) func marginal(_ name: String) throws {
    let oracle = try LedgerOracle(name)
    for measure in oracle.measures {
      let expected: Tensor<Double> = try oracle.tensor("marginal.\(measure.rawValue)")
      expectRows(
        raw(
          try columns(oracle, measure, [.marginal], tolerance: 1, as: Double.self), .marginal),
        expected, within: 1e-8, "\(name) \(measure.rawValue) Float64")
      expectRows(
        raw(try columns(oracle, measure, [.marginal], tolerance: 1, as: Float.self), .marginal),
        expected, within: 1e-3, "\(name) \(measure.rawValue) Float32")
    }
  }

  @Test("credit and decay add up to the measured change", arguments: LedgerOracle.cases)
  func credit(_ name: String) throws {
    let oracle = try LedgerOracle(name)
    let isSmooth = !name.contains("relu")
    for measure in oracle.measures {
      let accounts = try columns(
        oracle, measure, [.credit], rule: .simpson, tolerance: isSmooth ? 1e-9 : 1e-5,
        as: Double.self)
      let expected: Tensor<Double> = try oracle.tensor("credit.\(measure.rawValue)")
      expectRows(
        raw(accounts, .credit), expected, within: isSmooth ? 1e-6 : 1e-3,
        "\(name) \(measure.rawValue)")
      let decay = try oracle.tensor("credit_decay.\(measure.rawValue)", as: Double.self).scalars
      for (account, decay) in zip(accounts, decay) {
        let column = try #require(account.columns[.credit])
        #expect(column.relativeResidual < (isSmooth ? 1e-6 : 1e-4))
        let found = account.isLowerBetter ? -column.decay : column.decay
        #expect(abs(found - decay) < 1e-6 * max(1, column.movement))
      }
    }
  }

  @Test("the left rule is the gradient before each step", arguments: LedgerOracle.cases)
  func left(_ name: String) throws {
    let oracle = try LedgerOracle(name)
    let accounts = try columns(
      oracle, .loss, [.credit], rule: .left, tolerance: 1, as: Double.self)
    expectRows(
      raw(accounts, .credit), try oracle.tensor("credit_left.loss"), within: 1e-10, name)
  }

  @Test(
    "integrated column",
    arguments: LedgerOracle.cases.filter {
      (try? LedgerOracle($0))?.has("integrated.loss") ?? false
    })
  func integrated(_ name: String) throws {
    let oracle = try LedgerOracle(name)
    for measure in oracle.measures where oracle.has("integrated.\(measure.rawValue)") {
      let accounts = try columns(
        oracle, measure, [.integrated], tolerance: 1e-7, as: Double.self)
      for account in accounts { #expect(account.columns[.integrated]?.refusal == nil) }
      expectRows(
        raw(accounts, .integrated), try oracle.tensor("integrated.\(measure.rawValue)"),
        within: 1e-5, "\(name) \(measure.rawValue)")
    }
  }
}
