import RealModule
import TensorCore
import Training

/// Inverts gradients and compares what is read with the truth.
struct InversionExperiment: Sendable {
  let setting: InversionSetting
  private let data: Dataset<Double>
  private let classes: Int
  /// The least and the greatest number among the inputs.
  private let range: ClosedRange<Double>

  init<Scalar>(_ setting: InversionSetting, _ data: Dataset<Scalar>, classes: Int) {
    self.setting = setting
    self.data = Dataset<Double>(
      inputs: data.inputs.cast().reshaped([data.count, data.inputs.count / data.count]),
      targets: .labels(data.labels ?? []))
    self.classes = classes
    range = -(-self.data.inputs).max()...self.data.inputs.max()
  }

  /// Reads one gradient in both ways.
  func outcome(
    of cell: InversionSetting.Cell, check: () throws -> Void
  ) throws -> InversionOutcome {
    var random = RandomStream(seed: cell.seed, for: .inversion)
    let rows = Array(random.permutation(data.count).prefix(cell.batchSize))
    random.position = UInt64(data.count)
    let batch = data[rows]
    let truth = (0..<rows.count).map { batch.inputs.row($0).scalars }
    let findings = ClosedFormInversion.findings(shared(batch, .relu, cell))
    let search = try GradientMatching.search(
      shared(batch, .tanh, cell), range: range, random: &random, iterations: setting.iterations,
      check: check)
    let (read, matched) = (
      Match(truth, findings.map(\.input), range), Match(truth, search.inputs, range)
    )
    let shown = cell.seed == 0 ? min(InversionSetting.shown, rows.count) : 0
    return InversionOutcome(
      exclusive: findings.count { $0.round == 1 },
      closedForm: read.reading, matching: matched.reading,
      labels: Self.common(batch.labels ?? [], search.labels), difference: search.difference,
      pictures: (0..<shown).map { place in
        .init(
          item: rows[place],
          closedForm: read.isRecovered(place) ? read.nearest(place).map(Self.shades) : nil,
          matched: matched.nearest(place).map(Self.shades))
      })
  }

  /// Numbers as they are kept: with the digits that a picture shows, and none too large for a file.
  private static func shades(_ values: [Double]) -> [Double] {
    values.map { (max(-1e6, min(1e6, $0)) * 1e4).rounded() / 1e4 }
  }

  private func shared(
    _ batch: Dataset<Double>, _ activation: Activation, _ cell: InversionSetting.Cell
  ) -> SharedGradient {
    let model = MLP(
      widths: [data.inputs.shape[1], setting.width, classes], activation: activation)
    return SharedGradient(
      model, parameters: model.initialParameters(seed: cell.seed), batch: batch)
  }

  /// How many labels two lists have in common, whatever their order.
  private static func common(_ a: [Int32], _ b: [Int32]) -> Int {
    Set(a).reduce(0) { sum, label in
      sum + min(a.count { $0 == label }, b.count { $0 == label })
    }
  }

  /// The floating-point operations for a gradient, about.
  func operations(_ cell: InversionSetting.Cell) -> Double {
    let parameters = (data.inputs.shape[1] + 1 + classes) * setting.width
    return 30 * Double(parameters * cell.batchSize) * Double(setting.iterations)
  }
}

/// Inputs and what was read, paired so that each reading stands for one input at most.
private struct Match {
  private let readings: [[Double]]
  /// By input, the reading that stands for it.
  private var partner: [Int?]
  /// By input, the mean square error of the nearest reading over the square of the range.
  private var least: [Double]
  /// By input, the error of the reading that stands for it.
  private var error: [Double]

  init(_ truth: [[Double]], _ readings: [[Double]], _ range: ClosedRange<Double>) {
    self.readings = readings
    let scale = max(range.upperBound - range.lowerBound, .leastNormalMagnitude)
    let errors = truth.map { input in
      readings.map { reading in
        zip(input, reading).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
          / Double(input.count) / (scale * scale)
      }
    }
    least = errors.map { $0.min() ?? .infinity }
    partner = truth.map { _ in nil }
    error = truth.map { _ in .infinity }
    let pairs = truth.indices.flatMap { input in readings.indices.map { (input, $0) } }
    var isTaken = [Bool](repeating: false, count: readings.count)
    for (input, reading) in pairs.sorted(by: {
      (errors[$0.0][$0.1], $0.0, $0.1) < (errors[$1.0][$1.1], $1.0, $1.1)
    })
    where partner[input] == nil && !isTaken[reading] {
      partner[input] = reading
      error[input] = errors[input][reading]
      isTaken[reading] = true
    }
  }

  func isRecovered(_ input: Int) -> Bool {
    error[input] <= Double.exp10(-InversionSetting.threshold / 10)
  }

  func nearest(_ input: Int) -> [Double]? { partner[input].map { readings[$0] } }

  var reading: InversionOutcome.Reading {
    InversionOutcome.Reading(
      claimed: readings.count, recovered: error.indices.count(where: isRecovered),
      error: readings.isEmpty
        ? nil : min(least.reduce(0, +) / Double(least.count), .greatestFiniteMagnitude))
  }
}
