import Influence
import TensorCore
import Testing
import Training

/// Ledgers at their smallest, their largest, and beyond.
@Suite("Edges of a ledger")
struct LedgerEdgeTests {
  private func accounts<Scalar: TensorScalar>(
    _ problem: LedgerProblem<Scalar>, _ options: LedgerOptions = LedgerOptions()
  ) throws -> [OutputAccount] {
    try Ledger(problem, options: options, pool: WorkerPool(threads: 2)).accounts()
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  /// A run of a small tanh network on labelled or numbered items.
  private func run(
    items: Int, loss: Loss = .crossEntropy, batchSize: Int = 3, epochs: Int = 2,
    rule: any Optimizer.Type = SGD.self, widths: [Int] = [2, 3, 3], batches: Batches? = nil
  ) throws -> (run: TrainingRun<Double>, draws: Draws) {
    var draws = Draws(17)
    let model = MLP(widths: widths, activation: .tanh)
    let train = LedgerCase.data(items, model, loss, &draws)
    let run = try TrainingRun(
      model, loss: loss, train: .init(train), optimizer: OptimizerSettings(rule),
      learningRate: 0.2, batchSize: batchSize, epochs: epochs, batches: batches)
    return (run, draws)
  }

  @Test("no query at all is refused") func none() throws {
    let run = try run(items: 4).run
    let empty = Dataset<Double>(inputs: Tensor([0, 2], []), targets: .labels([]))
    let text = message {
      _ = try accounts(
        LedgerProblem(
          run: run, queries: empty, measure: QueryMeasure(.loss, loss: .crossEntropy)))
    }
    #expect(text.contains("queries: found no items"), "\(text)")
  }

  @Test("one item, one query, one step", arguments: OptimizerRegistry.all.map { $0.name })
  func one(_ rule: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(rule))
    var (run, draws) = try run(items: 1, batchSize: 5, epochs: 1, rule: rule)
    #expect(run.batches.count == 1 && run.batches.size == 1)
    // The batch holds more places than there are items.
    run.batches = Batches(size: 5, rows: [-1, 0, -1, -1, -1])
    let query = LedgerCase.data(1, run.model, .crossEntropy, &draws)
    let measure = QueryMeasure(.logit, loss: .crossEntropy)
    for account in try accounts(
      LedgerProblem(run: run, queries: query, measure: measure),
      LedgerOptions(columns: [.credit, .marginal], tolerance: 1e-8))
    {
      // All of it is the only item's.
      let credit = try #require(account.columns[.credit])
      #expect(abs(credit.items[0] - account.total) <= 1e-8 * abs(account.total))
      #expect(credit.phases.map { $0[0] } == [credit.items[0], 0, 0])
      #expect(try #require(account.columns[.marginal]).items[0].isFinite)
    }
  }

  @Test("a batch with the same item many times") func repeated() throws {
    var (run, draws) = try run(items: 2, batches: Batches(size: 7, rows: [0, 0, 1, 0, 0, -1, 0]))
    run.learningRates = [1]
    let query = LedgerCase.data(2, run.model, .crossEntropy, &draws)
    let measure = QueryMeasure(.loss, loss: .crossEntropy)
    let all = try accounts(
      LedgerProblem(run: run, queries: query, measure: measure), LedgerOptions(tolerance: 1e-6))
    // Five sixths of the weight are the first item's: so it is with two entries of those weights.
    run.batches = Batches(size: 2, rows: [0, 1])
    run.itemWeights = [5.0 / 3, 1.0 / 3]
    let two = try accounts(
      LedgerProblem(run: run, queries: query, measure: measure), LedgerOptions(tolerance: 1e-6))
    for (all, two) in zip(all, two) {
      for column in [LedgerColumn.credit, .integrated] {
        #expect(worst(all.raw(column), two.raw(column)) < 1e-10)
      }
    }
  }

  @Test("a query without a label has a loss of nothing, and no other measure")
  func noLabel() throws {
    let run = try run(items: 4).run
    let query = Dataset<Double>(
      inputs: Tensor([2, 2], [1, 0, 0, 1]), targets: .labels([-100, 1]))
    for measure in Measure.allCases {
      let problem = LedgerProblem(
        run: run, queries: query, measure: QueryMeasure(measure, loss: .crossEntropy))
      if measure.needsLabels {
        let text = message { _ = try accounts(problem) }
        #expect(text.contains("query 0 has label -100"), "\(text)")
        continue
      }
      let account = try accounts(problem)[0]
      #expect(account.total == 0)
      for (_, column) in account.columns {
        #expect(column.items == [0, 0, 0, 0] && column.relativeResidual == 0)
        #expect(column.refusal == nil)
      }
    }
  }

  @Test("items without a label make no step") func unlabelled() throws {
    var (run, draws) = try run(items: 4)
    run.train = .init(
      Dataset(inputs: run.train.items.inputs, targets: .labels([0, -100, 1, 2])))
    let queries = LedgerCase.data(2, run.model, .crossEntropy, &draws)
    for account in try accounts(
      LedgerProblem(
        run: run, queries: queries, measure: QueryMeasure(.margin, loss: .crossEntropy)))
    {
      #expect(account.columns.values.allSatisfy { $0.items[1] == 0 })
    }
  }

  @Test("numbers with several outputs", arguments: ["sgd", "adam"]) func values(_ rule: String)
    throws
  {
    let rule = try #require(OptimizerRegistry.optimizer(rule))
    var (run, draws) = try run(items: 5, loss: .squaredError, rule: rule, widths: [2, 4, 3])
    run.optimizer.weightDecay.rate = 0.1
    let queries = LedgerCase.data(3, run.model, .squaredError, &draws)
    let measure = QueryMeasure(.loss, loss: .squaredError)
    for account in try accounts(
      LedgerProblem(run: run, queries: queries, measure: measure),
      LedgerOptions(columns: [.credit], tolerance: 1e-7))
    {
      #expect(try #require(account.columns[.credit]).relativeResidual <= 1e-7)
    }
    let text = message {
      _ = try accounts(
        LedgerProblem(
          run: run, queries: queries, measure: QueryMeasure(.logit, loss: .squaredError)))
    }
    #expect(text == "the measure logit needs class labels")
  }

  @Test("numbers too large for Float32 are refused with the step, whatever overflows")
  func overflow() throws {
    let (run, _) = try run(items: 3, loss: .squaredError, widths: [2, 2])
    func single(_ scale: Float) throws -> TrainingRun<Float> {
      var single = try TrainingRun<Float>(
        run.model, loss: .squaredError, train: .init(run.train.items.cast()), learningRate: 1e-3,
        batchSize: 3, epochs: 2)
      single.initialParameters = run.initialParameters.map { Float($0) }
      let inputs = single.train.items.inputs
      single.train = .init(
        Dataset(
          inputs: Tensor(inputs.shape, inputs.scalars.map { $0 * scale }),
          targets: single.train.items.targets))
      return single
    }
    func query(_ input: Float, _ target: Float) -> Dataset<Float> {
      Dataset(
        inputs: Tensor([1, 2], [input, -input]),
        targets: .values(Tensor([1, 2], [target, target])))
    }
    // (ŷ − y)² = 1e38 is a number; the gradient 1e19 · 1e20 is none.
    let far: Float = 1e20
    let weights = run.initialParameters.map { Float($0) }
    let steep = Dataset(
      inputs: Tensor([1, 2], [far, -far]),
      targets: .values(
        Tensor([1, 2], (0..<2).map { far * (weights[2 * $0] - weights[2 * $0 + 1]) - 1e19 })))
    for (name, items, query) in [
      ("the run", Float(1e25), query(1, 1)), ("a query's loss", 1, query(1e25, 1)),
      ("a query's gradient", 1, steep),
    ] {
      for column in LedgerColumn.allCases {
        for rule in [SGD.self, Momentum.self, Adam.self] as [any Optimizer.Type] {
          var run = try single(items)
          run.optimizer = OptimizerSettings(rule)
          let problem = LedgerProblem(
            run: run, queries: query, measure: QueryMeasure(.loss, loss: .squaredError))
          do {
            let found = try accounts(problem, LedgerOptions(columns: [column]))
            // Whatever comes out is a number, or is refused.
            for account in found {
              let rows = try #require(account.columns[column])
              #expect(
                rows.refusal != nil || (rows.items + [rows.residual]).allSatisfy(\.isFinite),
                "\(name) \(column) \(rule)")
            }
          } catch {
            #expect("\(error)".hasPrefix("step "), "\(name) \(column): \(error)")
          }
        }
      }
    }
  }

  @Test("no tolerance at all: panels are cut down to rounding, and an end is come to")
  func noTolerance() throws {
    for activation in [Activation.tanh, .relu] {
      let drawn = try LedgerCase(5, activations: [activation])
      for rule in QuadratureRule.allCases {
        let accounts = try drawn.accounts([.credit], rule: rule, tolerance: 0)
        for account in accounts where rule != .left {
          let residual = try #require(account.columns[.credit]).relativeResidual
          #expect(residual < (activation == .tanh ? 1e-9 : 1e-4), "\(activation) \(rule)")
        }
      }
    }
  }

  @Test("the left rule with all columns leaves the others as they are") func leftWithAll() throws {
    let drawn = try LedgerCase(1, activations: [.tanh])
    let all = Set(LedgerColumn.allCases)
    let left = try drawn.accounts(all, rule: .left, tolerance: 1e-3)
    let usual = try drawn.accounts(all, tolerance: 1e-3)
    for (left, usual) in zip(left, usual) {
      #expect(left.columns[.marginal] == usual.columns[.marginal])
      #expect(left.columns[.integrated] == usual.columns[.integrated])
      let residuals = [left, usual].compactMap { $0.columns[.credit]?.relativeResidual }
      #expect(residuals[0] > residuals[1])
    }
  }
}

/// Items that the run never saw, in the places of those that it did.
@Suite("Strangers of a ledger")
struct StrangerTests {
  /// Items of three labels; the last one has a label of its own.
  private func run(
    _ rule: any Optimizer.Type, planted: Bool = false
  ) throws -> (TrainingRun<Double>, query: Dataset<Double>, Draws) {
    var draws = Draws(23)
    let model = MLP(widths: [4, 6, 3], activation: .tanh)
    let drawn = LedgerCase.data(9, model, .crossEntropy, &draws)
    var inputs = drawn.inputs
    let far = [2.0, -2, 2, -2]
    if planted { for column in 0..<4 { inputs[3, column] = far[column] } }
    let items = Dataset(inputs: inputs, targets: .labels([0, 1, 0, 1, 0, 1, 0, 1, 2]))
    let run = try TrainingRun(
      model, train: .init(items), optimizer: OptimizerSettings(rule), learningRate: 0.1,
      batchSize: 4, epochs: 3)
    return (run, Dataset(inputs: Tensor([1, 4], far), targets: .labels([1])), draws)
  }

  private func account(
    _ run: TrainingRun<Double>, _ query: Dataset<Double>, _ strangers: Dataset<Double>,
    sameLabel: Bool = true
  ) throws -> OutputAccount {
    let problem = LedgerProblem(
      run: run, queries: query, measure: QueryMeasure(.loss, loss: .crossEntropy),
      strangers: strangers)
    let options = LedgerOptions(
      columns: [.credit], tolerance: 1e-6, comparesSameLabel: sameLabel)
    return try Ledger(problem, options: options, pool: WorkerPool(threads: 2)).accounts()[0]
  }

  private func data(_ labels: [Int32], _ draws: inout Draws) -> Dataset<Double> {
    Dataset(
      inputs: Tensor([labels.count, 4], draws.numbers(labels.count * 4)), targets: .labels(labels))
  }

  @Test("a label without strangers has no p-values", arguments: ["sgd", "adam"])
  func labels(_ rule: String) throws {
    var (run, query, draws) = try run(#require(OptimizerRegistry.optimizer(rule)))
    // None of label 2, one of label 1, in no order.
    let strangers = data([0, 1, 0], &draws)
    let account = try account(run, query, strangers)
    let significance = try #require(account.significance)
    #expect(significance.pValues[8] == nil && significance.tested == 8)
    // An item of label 0 meets two strangers in its place, one of label 1 only one.
    #expect(significance.leastPValue == 1.0 / 3)
    let anyLabel = try #require(
      try self.account(run, query, strangers, sameLabel: false).significance)
    #expect(anyLabel.tested == 9 && anyLabel.leastPValue == 1.0 / 4)
    // The strangers change nothing else.
    let alone = try Ledger(
      LedgerProblem(run: run, queries: query, measure: QueryMeasure(.loss, loss: .crossEntropy)),
      options: LedgerOptions(columns: [.credit], tolerance: 1e-6), pool: WorkerPool(threads: 1)
    ).accounts()[0]
    #expect(alone.columns == account.columns && alone.significance == nil)
  }

  @Test("the query is no stranger to itself") func itself() throws {
    var (run, query, draws) = try run(SGD.self)
    let strangers = data([1, 1, 0], &draws)
    let usual = try account(run, query, strangers).significance
    // Also under another label.
    for own in [query, Dataset(inputs: query.inputs, targets: .labels([0]))] {
      #expect(try account(run, query, strangers.appending(own)).significance == usual)
    }
    let alone = try #require(try account(run, query, query).significance)
    #expect(alone.tested == 0 && alone.leastPValue == nil)
  }

  @Test("a stranger that is an item's twin has the item's credit", arguments: ["sgd", "momentum"])
  func twin(_ rule: String) throws {
    let (run, query, _) = try run(#require(OptimizerRegistry.optimizer(rule)))
    let items = run.train.items
    // The only item of label 2 against its own copy: a tie.
    let account = try account(run, query, items[[8]])
    #expect(account.significance?.pValues[8] == 1)
    // Next to it one that would have gone the other way.
    let other = Dataset(
      inputs: Tensor([1, 4], items.inputs.row(8).scalars), targets: .labels([0]))
    #expect(try self.account(run, query, other).significance?.pValues[8] == nil)
  }

  @Test(
    "more strangers than a chunk; an item that the query copies stands out",
    arguments: ["sgd", "momentum"])
  func planted(_ rule: String) throws {
    var (run, query, draws) = try run(
      #require(OptimizerRegistry.optimizer(rule)), planted: true)
    let labels = (0..<600).map { Int32($0 % 3) }
    let many = data(labels, &draws)
    let significance = try #require(try account(run, query, many).significance)
    #expect(significance.pValues[3].map { $0 < 0.02 } ?? false, "\(significance.pValues)")
    #expect(significance.isSignificant[3])
    // 200 strangers of the label: fewer than 180 could not make a claim about one item of nine.
    #expect(significance.leastPValue == 1.0 / 201)
    // Their order does not matter.
    let turned = try account(run, query, many[Array((0..<600).reversed())])
    #expect(turned.significance?.isSignificant == significance.isSignificant)
    for (a, b) in zip(turned.significance?.pValues ?? [], significance.pValues) {
      #expect(abs((a ?? 2) - (b ?? 2)) < 1e-12)
    }
  }

  @Test("a stranger whose gradient is no number is refused", arguments: ["sgd", "momentum"])
  func overflow(_ rule: String) throws {
    var (run, query, draws) = try run(#require(OptimizerRegistry.optimizer(rule)))
    run.model = MLP(widths: [4, 3], activation: .tanh)
    run.initialParameters = run.model.initialParameters(seed: 1)
    let strangers = data([0, 1], &draws)
    var inputs = strangers.inputs
    inputs[1, 2] = 1e308
    query = Dataset(inputs: Tensor([1, 4], [1, 1, 1e5, 1]), targets: .labels([2]))
    let error = #expect(throws: LedgerError.self) {
      try account(run, query, Dataset(inputs: inputs, targets: strangers.targets))
    }
    let text = "\(error as Any)"
    #expect(text.contains("the credit of an item never trained on is NaN or infinite"), "\(text)")
  }

  @Test("an empty list of strangers is as none, or is refused in a line") func empty() throws {
    let (run, query, _) = try run(SGD.self)
    let none = Dataset<Double>(inputs: Tensor([0, 4], []), targets: .labels([]))
    do {
      #expect(try account(run, query, none).significance == nil)
    } catch {
      #expect("\(error)".contains("items never trained on: found no items"))
    }
  }
}
