import Foundation
import TensorCore
import Testing
import Training

@Suite("generation of text")
struct TextGeneratorTests {
  private let model: any Model
  private let parameters: [Double]
  private let generator: TextGenerator<Double>

  init() throws {
    model = try ModelRegistry.textModel(
      "transformer:context=5,width=8,heads=2,layers=2", tokens: 7)
    parameters = model.initialParameters(seed: 2)
    generator = try TextGenerator(model, parameters: parameters)
  }

  @Test("log-probabilities are those of the item's positions") func logProbabilities() throws {
    let text: [Int32] = [3, 1, 6, 0, 2, 5]
    for length in 1...5 {
      for next in 0..<7 as Range<Int32> {
        // An item with a label at its last position only.
        let data = Dataset<Double>(
          inputs: Tensor(
            [1, 5], text.prefix(length).map { Double($0) } + Array(repeating: 4, count: 5 - length)),
          targets: .labels((0..<5).map { $0 == length - 1 ? next : -100 }))
        let expected = model.values(
          of: .logProbability, loss: .crossEntropySum, on: data, at: parameters)[0]
        let found = generator.logProbabilities(after: text.prefix(length))[Int(next)]
        #expect(abs(found - expected) < 1e-10)
      }
    }
  }

  @Test("of a text longer than the context its end is seen") func slidingWindow() throws {
    let text: [Int32] = [3, 1, 6, 0, 2, 5, 4, 4, 1]
    #expect(
      generator.logProbabilities(after: text) == generator.logProbabilities(after: text.suffix(5)))
    #expect(try generator.generate(after: text, length: 20).count == 20)
  }

  @Test("without a temperature the most probable token is taken, each after those before it")
  func greedy() throws {
    var text: [Int32] = [2]
    for token in try generator.generate(after: text, length: 12) {
      let logProbabilities = generator.logProbabilities(after: text)
      #expect(logProbabilities.max() == token.logProbability)
      #expect(logProbabilities.firstIndex(of: token.logProbability) == Int(token.token))
      text.append(token.token)
    }
  }

  @Test("draws depend on the seed alone, and one candidate leaves no choice") func draws() throws {
    var sampling = Sampling()
    sampling.temperature = 1.5
    let first = try generator.generate(after: [1], length: 30, sampling)
    #expect(try generator.generate(after: [1], length: 30, sampling) == first)
    sampling.seed = 1
    #expect(try generator.generate(after: [1], length: 30, sampling) != first)
    sampling.topK = 1
    #expect(
      try generator.generate(after: [1], length: 30, sampling)
        == generator.generate(after: [1], length: 30))
  }

  @Test("tokens are drawn as often as temperature and top-k say", arguments: [nil, 2] as [Int?])
  func frequencies(_ topK: Int?) {
    let probabilities = [0.5, 0.2, 0.3]
    var sampling = Sampling()
    sampling.temperature = 2
    sampling.topK = topK
    var weights = probabilities.map { $0.squareRoot() }
    if topK == 2 { weights[1] = 0 }
    let stream = RandomStream(seed: 1, stream: 9_200)
    var counts = [0, 0, 0]
    let draws = 4_000
    for place in 0..<draws {
      counts[
        sampling.choose(probabilities.map { log($0) }, stream.uniform(at: UInt64(place)))] += 1
    }
    for token in 0..<3 {
      let share = weights[token] / weights.reduce(0, +)
      // Four standard deviations.
      #expect(
        abs(Double(counts[token]) / Double(draws) - share) < 4 * 0.5 / Double(draws).squareRoot())
      #expect(share > 0 || counts[token] == 0)
    }
  }

  @Test("of equally probable tokens the first is taken") func ties() {
    #expect(Sampling().choose([-2, -1, -1, -3], 0.9) == 1)
  }

  @Test("what makes no sense is told") func wrongSettings() {
    func line(
      _ prompt: [Int32] = [1], _ length: Int = 1, _ change: (inout Sampling) -> Void = { _ in }
    ) -> String {
      var sampling = Sampling()
      change(&sampling)
      return message { _ = try generator.generate(after: prompt, length: length, sampling) }
    }
    #expect(line([]).hasPrefix("prompt: found no token"))
    #expect(line([7]).hasPrefix("prompt: found the token 7"))
    #expect(line([-1]).hasPrefix("prompt: found the token -1"))
    #expect(line([1], 0).hasPrefix("length: found 0"))
    #expect(line([1], -5).hasPrefix("length: found -5"))
    #expect(line { $0.temperature = -1 }.hasPrefix("temperature: found -1"))
    #expect(line { $0.temperature = .nan }.hasPrefix("temperature"))
    #expect(line { $0.topK = 0 }.hasPrefix("top-k: found 0"))
    let picture = message {
      _ = try TextGenerator(MLP("mlp:4-3:tanh"), parameters: [Double](repeating: 0, count: 15))
    }
    #expect(picture.contains("predicts no next tokens"))
  }
}
