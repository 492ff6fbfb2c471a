import Influence
import RealModule
import TensorCore
import Testing
import Training

@Suite("what can be read from a gradient")
struct InversionTests {
  private func batch(_ count: Int, inputs: Int = 6, seed: UInt64 = 1) -> Dataset<Double> {
    var random = RandomStream(seed: seed, stream: 7_003)
    let x: Tensor<Double> = random.uniformTensor([count, inputs])
    return Dataset(
      inputs: x, targets: .labels((0..<count).map { _ in Int32(random.nextInteger(below: 4)) }))
  }

  /// The largest difference of two inputs' numbers.
  private func distance(_ x: [Double], _ y: [Double]) -> Double {
    zip(x, y).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  private func shared(
    _ batch: Dataset<Double>, width: Int, _ activation: Activation, seed: UInt64 = 2
  ) -> SharedGradient {
    let model = MLP(widths: [batch.inputs.shape[1], width, 4], activation: activation)
    return SharedGradient(
      model, parameters: model.initialParameters(seed: seed), batch: batch)
  }

  @Test(
    "one input comes out in closed form to rounding, with its label",
    arguments: [Activation.relu, .tanh])
  func single(_ activation: Activation) throws {
    for seed in 0..<5 {
      let one = batch(1, seed: UInt64(seed))
      let findings = ClosedFormInversion.findings(
        shared(one, width: 8, activation, seed: UInt64(seed)))
      let found = try #require(findings.first)
      #expect(findings.count == 1 && found.label == one.labels?[0] && found.round == 1)
      // A quotient of two sums of one product each.
      #expect(distance(found.input, one.inputs.scalars) < 1e-14)
    }
  }

  /// Unit r of the first layer is active for the items that `seen[r]` names: item i is the i-th unit
  /// vector, with a weight of 1 where it is seen and −1 where it is not.
  private func handMade(_ seen: [Set<Int>], items: Int) -> (SharedGradient, Dataset<Double>) {
    let model = MLP(widths: [items, seen.count, 4], activation: .relu)
    var parameters = model.initialParameters(seed: 4)
    for (unit, own) in seen.enumerated() {
      for item in 0..<items { parameters[unit * items + item] = own.contains(item) ? 1 : -1 }
    }
    for unit in seen.indices { parameters[items * seen.count + unit] = 0 }
    let inputs = (0..<items * items).map { $0 % (items + 1) == 0 ? 0.5 + Double($0) / 100 : 0 }
    let batch = Dataset<Double>(
      inputs: Tensor([items, items], inputs), targets: .labels((0..<items).map { Int32($0 % 4) }))
    return (SharedGradient(model, parameters: parameters, batch: batch), batch)
  }

  @Test("a layer with k exclusive units gives k inputs, and nothing else", arguments: 0...4)
  func exclusive(_ count: Int) {
    // Items below `count` have a unit of their own; the others are only ever seen together.
    let rest = Set(count..<6)
    let seen = (0..<count).map { Set([$0]) } + [rest, rest, rest]
    let (gradient, batch) = handMade(seen, items: 6)
    let findings = ClosedFormInversion.findings(gradient)
    #expect(findings.count == count && findings.allSatisfy { $0.round == 1 })
    for (item, found) in findings.enumerated() {
      #expect(found.label == batch.labels?[item])
      #expect(distance(found.input, batch.inputs.row(item).scalars) < 1e-12)
    }
  }

  @Test("what is known is taken away, and units that it hid give the next input")
  func chain() {
    // Only item 0 has a unit of its own; each other one hides behind the one before it.
    let (gradient, batch) = handMade([[0], [0, 1], [1, 2], [2, 3]], items: 4)
    let findings = ClosedFormInversion.findings(gradient)
    #expect(findings.map(\.round) == [1, 2, 3, 4])
    #expect(findings.map(\.label) == batch.labels)
    for (item, found) in findings.enumerated() {
      #expect(distance(found.input, batch.inputs.row(item).scalars) < 1e-11)
    }
  }

  @Test("smooth units mix all inputs, and a mixture is not taken for an input")
  func mixtures() {
    for seed in 0..<5 {
      #expect(
        ClosedFormInversion.findings(
          shared(batch(3, seed: UInt64(seed)), width: 16, .tanh, seed: UInt64(seed))
        ).isEmpty)
    }
  }

  @Test("the search finds a few inputs and their labels", arguments: [1, 2])
  func search(_ count: Int) throws {
    let inputs = batch(count)
    var random = RandomStream(seed: 1, stream: 7_004)
    let result = GradientMatching.search(
      shared(inputs, width: 24, .tanh), range: 0...1, random: &random, iterations: 300
    ) {}
    #expect(result.labels == inputs.labels?.sorted())
    #expect(result.difference < 1e-12)
    for item in 0..<count {
      let truth = inputs.inputs.row(item).scalars
      let nearest = result.inputs.map { distance($0, truth) }.min()
      #expect(try #require(nearest) < 1e-3)
    }
  }

  @Test("quasi-Newton steps reach the bottom of a bent valley")
  func valley() {
    var calls = 0
    let start = [-1.2, 1, -1.2, 1]
    let (point, value) = LimitedMemoryBFGS(iterations: 200).minimise(from: start) { x in
      calls += 1
      var (value, gradient) = (0.0, [Double](repeating: 0, count: 4))
      for pair in [0, 2] {
        let (a, b) = (x[pair], x[pair + 1])
        value += 100 * (b - a * a) * (b - a * a) + (1 - a) * (1 - a)
        gradient[pair] = -400 * a * (b - a * a) - 2 * (1 - a)
        gradient[pair + 1] = 200 * (b - a * a)
      }
      return (value, gradient)
    }
    #expect(value < 1e-20 && point.allSatisfy { abs($0 - 1) < 1e-9 })
    #expect(calls < 200)
    let flat = LimitedMemoryBFGS(iterations: 5).minimise(from: [2]) { _ in (7, [0]) }
    #expect(flat.point == [2] && flat.value == 7)
  }

  @Test("what was read is counted against the truth, and kept to be shown for the first seed only")
  func outcomes() throws {
    let data = batch(40)
    let setting = InversionSetting(batchSizes: [1, 4], width: 16, seeds: 2, iterations: 200)
    let study = try DilutionStudy(
      DilutionSetting(base: DilutionPoint(items: 10, copies: 1, epochs: 1, width: 2), values: [:]),
      inversion: setting, parts: [.inversion], data: data)
    let outcomes = try study.results(pool: WorkerPool(threads: 2)).gradients
    #expect(outcomes.count == 4)
    for (cell, outcome) in zip(setting.cells, outcomes) {
      #expect(outcome.closedForm.recovered == outcome.closedForm.claimed)
      #expect(outcome.exclusive <= outcome.closedForm.claimed)
      #expect((0...cell.batchSize).contains(outcome.matching.recovered))
      #expect(outcome.pictures.count == (cell.seed == 0 ? cell.batchSize : 0))
    }
    // One input is read in both ways, whatever the seed.
    for outcome in outcomes.prefix(2) {
      #expect(outcome.closedForm.recovered == 1 && outcome.matching.recovered == 1)
      #expect(outcome.labels == 1 && outcome.exclusive == 1)
    }
    let picture = try #require(outcomes[0].pictures.first)
    let truth = data.inputs.row(picture.item).scalars
    // As many digits as a picture shows.
    #expect(distance(try #require(picture.closedForm), truth) <= 5e-5 + 1e-12)
  }
}
