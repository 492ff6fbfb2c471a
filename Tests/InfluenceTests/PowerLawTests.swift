import Influence
import RealModule
import TensorCore
import Testing

@Suite("power laws with intervals")
struct PowerLawTests {
  private let x = [25.0, 50, 100, 200, 400, 800, 1600]

  @Test("without noise the law comes out to rounding, with an interval of no width")
  func exact() throws {
    let y = x.map { 3 * Double.pow($0, -0.75) }
    let law = try PowerLaw(x: x, repetitions: [y, y, y])
    #expect(abs(law.exponent + 0.75) < 1e-12 && abs(law.factor - 3) < 1e-11)
    #expect(law.explained > 1 - 1e-12)
    let interval = try #require(law.interval)
    #expect(interval.contains(law.exponent) && interval.upperBound - interval.lowerBound < 1e-11)
    #expect(try PowerLaw(x: x, repetitions: [y]).interval == nil)
  }

  /// One repetition: noise of its own at every point, more at some than at others, and a share of it
  /// that the whole repetition has in common, as a seed has.
  private func repetition(_ exponent: Double, _ random: inout RandomStream) -> [Double] {
    let common = 0.3 * random.nextNormal(as: Double.self)
    let tilt = 0.1 * random.nextNormal(as: Double.self)
    return x.map { x in
      let place = Double.log(x / 200)
      let noise = (0.1 + 0.1 * abs(place)) * random.nextNormal(as: Double.self)
      return 2 * Double.pow(x, exponent) * Double.exp(common + tilt * place + noise)
    }
  }

  @Test("the interval holds a known exponent about as often as it says", arguments: [3, 5, 20])
  func coverage(_ repetitions: Int) throws {
    var random = RandomStream(seed: 7, stream: 7_001)
    let trials = 600
    var (held, widths) = (0, 0.0)
    for _ in 0..<trials {
      let law = try PowerLaw(
        x: x, repetitions: (0..<repetitions).map { _ in repetition(-0.5, &random) })
      let interval = try #require(law.interval)
      held += interval.contains(-0.5) ? 1 : 0
      widths += (interval.upperBound - interval.lowerBound) / Double(trials)
    }
    // Among 600 trials 95 % has a standard deviation of 0.9 points; the logarithm of a mean of a few
    // repetitions is not quite normal, which costs some.
    let share = Double(held) / Double(trials)
    #expect(share > 0.92 && share < 0.98, "\(repetitions): \(share)")
    // It says something: less than the exponent itself.
    #expect(widths < 0.6)
  }

  @Test("what has no logarithm has no exponent, and the place is named")
  func refusals() {
    let good = x.map { 1 / $0 }
    var bad = good
    bad[2] = -1
    #expect(throws: PowerLaw.Refusal.notPositive(x: 100)) {
      try PowerLaw(x: x, repetitions: [good, bad])
    }
    #expect(throws: PowerLaw.Refusal.points(1)) {
      try PowerLaw(x: [5, 5], repetitions: [[1, 2]])
    }
    #expect("\(PowerLaw.Refusal.notPositive(x: 100))" == "the mean at 100 is not safely above zero")
    #expect("\(PowerLaw.Refusal.points(1))" == "1 values are too few for an exponent")
  }

  @Test(
    "Student's bounds are those of the tables",
    arguments: [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (1_000, 1.962)])
  func student(_ degrees: Int, _ bound: Double) {
    #expect(abs(StudentT.bound(confidence: 0.95, degrees: Double(degrees)) - bound) < 5e-4)
  }

  /// `scipy.stats.t.ppf((1 + confidence) / 2, degrees)` of SciPy 1.
  @Test(
    "Student's bounds for degrees that are not whole are SciPy's",
    arguments: [
      (0.95, 1, 12.706204736174694), (0.95, 1.5, 6.016663104427929),
      (0.95, 2.75, 3.3525454330616054), (0.99, 4.2, 4.4577703053188795),
      (0.95, 9.7, 2.237515123700105), (0.95, 60.3, 2.000093156236731),
      (0.5, 3.3, 0.7559716814492414), (0.95, 1234.5, 1.9618874833313453),
      (0.95, 1e6, 1.959966356814107), (0.9999999, 7.5, 19.669637192632976),
    ])
  func student(_ confidence: Double, _ degrees: Double, _ bound: Double) {
    // The logarithms of gamma functions of large numbers lose a few digits.
    #expect(
      abs(StudentT.bound(confidence: confidence, degrees: degrees) / bound - 1) < 1e-9)
  }

  @Test("the mean over seeds has Student's interval")
  func seeds() throws {
    let mean = SeedMean([1, 2, 3, 4, 5])
    // 2.776 · √2.5 / √5
    let interval = try #require(mean.interval)
    #expect(mean.mean == 3 && abs(interval.upperBound - 3 - 1.963) < 1e-3)
    #expect(SeedMean([4]).interval == nil)
  }
}
