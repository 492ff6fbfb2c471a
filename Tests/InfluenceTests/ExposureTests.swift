import Foundation
import Influence
import TensorCore
import Testing

@Suite("Exposure")
struct ExposureTests {
  @Test("by its definition: all ranks together give log₂ e")
  func definition() {
    // References 1 … n and the secret at each place among them.
    let count = 1 << 12
    let references = ExposureReferences((1..<count).map { Double($0) })
    var sum = 0.0
    for place in 0..<count {
      let exposure = references.exposure(of: Double(place) + 0.5)
      #expect(exposure.rank == place + 1)
      #expect(exposure.interpolated == log2(Double(count)) - log2(Double(place + 1)))
      sum += exposure.interpolated
    }
    // log₂ N − log₂(N!)/N is log₂ e less log₂(2πN)/2N and smaller terms (Stirling).
    let expected = log2(exp(1)) - log2(2 * .pi * Double(count)) / Double(2 * count)
    #expect(abs(sum / Double(count) - expected) < 1e-7)
    #expect(references.exposure(of: 0).interpolated == 12)
  }

  @Test("a secret that the model knows nothing of has log₂ e on average, by rank and by fit")
  func uniform() throws {
    var random = RandomStream(seed: 3, stream: 970)
    let references = ExposureReferences((0..<2_000).map { _ in random.nextNormal() })
    var (ranks, fits) = (0.0, 0.0)
    for _ in 0..<2_000 {
      let exposure = references.exposure(of: random.nextNormal())
      ranks += exposure.interpolated
      fits += try #require(exposure.extrapolated)
    }
    // The exposure of a uniform rank is exponential: its deviation is log₂ e as well. Four standard
    // errors, of 2000 secrets and of 2000 references.
    let error = 4 * log2(exp(1)) * (2.0 / 2_000).squareRoot()
    #expect(abs(ranks / 2_000 - log2(exp(1))) < error)
    #expect(abs(fits / 2_000 - log2(exp(1))) < error)
    // One of Kolmogorov's distances is below 1.95/√n with a chance of 0.999.
    #expect(try #require(references.distance) < 1.95 / 2_000.0.squareRoot())
  }

  @Test("equal references stand before the secret")
  func ties() {
    let references = ExposureReferences([3, 1, 2, 2, 2, 5, 4, 2])
    #expect(references.exposure(of: 2).rank == 6)
    #expect(references.exposure(of: 0.5).rank == 1)
    #expect(references.exposure(of: 9).rank == 9)
    #expect(references.exposure(of: 9).interpolated == 0)
    // Too few to fit.
    #expect(references.distribution == nil && references.exposure(of: 2).extrapolated == nil)
    #expect(ExposureReferences([]).exposure(of: 1).interpolated == 0)
    #expect(ExposureReferences([Double](repeating: 7, count: 50)).distribution == nil)
  }

  @Test("a fit sees beyond the references")
  func beyond() throws {
    var random = RandomStream(seed: 5, stream: 971)
    let references = ExposureReferences((0..<5_000).map { _ in 40 + 3 * random.nextNormal() })
    let exposure = references.exposure(of: 40 - 3 * 7)
    #expect(exposure.interpolated == log2(5_001))
    // −log₂ Φ(−7) = 39.5; the fit's skewness makes some bits there.
    #expect(abs(try #require(exposure.extrapolated) - 39.5) < 6)
    // The unit does not matter.
    let bits = ExposureReferences(references.sorted.map { $0 / log(2) })
    let again = try #require(bits.exposure(of: (40 - 3 * 7) / log(2)).extrapolated)
    #expect(abs(again - (exposure.extrapolated ?? 0)) < 1e-3)
  }
}

@Suite("Skew-normal distribution")
struct SkewNormalTests {
  /// Integrals of the density by an arithmetic of forty digits.
  @Test(
    "the logarithm of the distribution function, in the middle and far out",
    arguments: [
      (0, 0, -0.69314718055994531), (-1, 0, -1.8410216450092635), (-8, 0, -35.01343715991455),
      (-30, 0, -454.32124395669481), (1, 3, -0.38163276314317255), (-1, 3, -9.7858034780095318),
      (-3, 5, -125.22228881460052), (-4, 10, -818.83688281045987), (-6, -5, -20.04362176941476),
      (-10, 2, -258.05893624079214), (4, -2, -8.1298399188811398e-21),
      (0.3, -8, -0.00025612290020284538), (6, 1, -1.9731752910487515e-9),
      (-2, -50, -3.0900371531220866), (-0.5, 50, -324.12467659422345),
    ])
  func cumulative(_ z: Double, _ shape: Double, _ expected: Double) {
    let standard = SkewNormal(location: 0, scale: 1, shape: shape)
    // Rounding of a sum that is near 1.
    #expect(abs(standard.logCumulative(z) - expected) < 1e-13 + 1e-12 * abs(expected))
    let moved = SkewNormal(location: 5, scale: 0.25, shape: shape)
    #expect(abs(moved.logCumulative(5 + 0.25 * z) - expected) < 1e-13 + 1e-12 * abs(expected))
  }

  @Test("a fit finds the parameters that numbers were drawn with")
  func fit() throws {
    var random = RandomStream(seed: 1, stream: 972)
    for shape in [-4.0, 4] {
      // |u| and v make a skew-normal number: δ|u| + √(1 − δ²) v.
      let delta = shape / (1 + shape * shape).squareRoot()
      let values = (0..<4_000).map { _ -> Double in
        let (u, v): (Double, Double) = (random.nextNormal(), random.nextNormal())
        return 30 + 5 * (delta * abs(u) + (1 - delta * delta).squareRoot() * v)
      }
      let found = try #require(SkewNormal(fitting: values))
      // About four standard errors of 4000 numbers.
      #expect(abs(found.location - 30) < 0.5 && abs(found.scale - 5) < 0.4)
      #expect(abs(found.shape - shape) < 1)
      // Nowhere near is the likelihood larger.
      func likelihood(_ fit: SkewNormal) -> Double { values.reduce(0) { $0 + fit.logDensity($1) } }
      let best = likelihood(found)
      for step in [-0.01, 0.01] {
        for other in [
          SkewNormal(
            location: found.location + step, scale: found.scale, shape: found.shape),
          SkewNormal(
            location: found.location, scale: found.scale + step, shape: found.shape),
          SkewNormal(
            location: found.location, scale: found.scale, shape: found.shape + step),
        ] { #expect(likelihood(other) < best + 1e-6) }
      }
    }
  }

  @Test("few numbers, equal ones and those that are none have no fit")
  func none() {
    #expect(SkewNormal(fitting: [1, 2, 3]) == nil)
    #expect(SkewNormal(fitting: [Double](repeating: 1e9, count: 100)) == nil)
    #expect(SkewNormal(fitting: (0..<20).map { $0 == 3 ? .infinity : Double($0) }) == nil)
    // A sample that one side of which is cut off: the shape stays in bounds.
    let cut = SkewNormal(fitting: (0..<50).map { Double($0 * $0) })
    #expect(cut.map { abs($0.shape) < 23 } == true)
  }
}

@Suite("Extractability")
struct ExtractabilityTests {
  @Test("n answers, by its definition", arguments: [0.9, 0.5, 0.01, 1e-6])
  func definition(_ probability: Double) {
    let text = Extractability(isGreedy: false, logProbability: log(probability))
    for attempts in [1.0, 2, 10, 1_000] {
      let expected = 1 - pow(1 - probability, attempts)
      #expect(abs(text.probability(attempts: attempts) - expected) < 1e-12 + 1e-9 * expected)
    }
    for wanted in [0.1, 0.5, 0.99] {
      let needed = text.attempts(probability: wanted)
      #expect(text.probability(attempts: needed) >= wanted - 1e-12)
      #expect(needed == 1 || text.probability(attempts: needed - 1) < wanted)
    }
  }

  @Test("the certain and the all but impossible")
  func extremes() {
    let certain = Extractability(isGreedy: true, logProbability: 0)
    #expect(certain.attempts(probability: 0.9) == 1 && certain.probability(attempts: 1) == 1)
    // 1 − p is 1 to the last digit, and the number of answers is not.
    let rare = Extractability(isGreedy: false, logProbability: -100)
    let needed = rare.attempts(probability: 0.5)
    #expect(abs(needed / (log(2) * exp(100)) - 1) < 1e-9)
    #expect(
      Extractability(isGreedy: false, logProbability: -.infinity).attempts(probability: 0.5)
        == .infinity)
  }
}
