public import Influence

extension ScoreReport {
  /// How well a model remembers canaries.
  public struct Exposures: Sendable {
    /// The text with its places.
    public var template: String
    /// The bytes of the prompt, which all texts of the space begin with.
    public var promptBytes: Int
    /// log₂ of the number of texts: the largest exposure by its definition, in bits.
    public var bits: Double
    /// The number of texts that the canaries are compared with.
    public var references: Int
    /// The chance of p that (n, p)-extraction asks for.
    public var probability: Double
    /// What the model makes of each canary.
    public var outcomes: [CanaryTrial.Outcome]

    /// What came out.
    public init(
      template: String, promptBytes: Int, bits: Double, references: Int, probability: Double,
      outcomes: [CanaryTrial.Outcome]
    ) {
      self.template = template
      self.promptBytes = promptBytes
      self.bits = bits
      self.references = references
      self.probability = probability
      self.outcomes = outcomes
    }
  }

  /// The exposures of all sections.
  public var exposures: [Exposures] {
    sections.compactMap { if case .exposures(let part) = $0 { part } else { nil } }
  }
}

// What several formats for people say in the same words.

extension ScoreReport.Exposures {
  static let headings = [
    "secret", "planted", "nats", "rank", "by rank", "by fit", "greedy", "answers",
  ]

  /// The cells under the headings.
  func cells(_ outcome: CanaryTrial.Outcome) -> [String] {
    let needed = outcome.extractability.attempts(probability: probability)
    return [
      String(decoding: outcome.text.dropFirst(promptBytes), as: UTF8.self),
      HumanNumber.count(outcome.canary.repetitions),
      HumanNumber.significant(outcome.logPerplexity),
      HumanNumber.count(outcome.exposure.rank),
      HumanNumber.significant(outcome.exposure.interpolated),
      outcome.exposure.extrapolated.map { HumanNumber.significant($0) } ?? "–",
      outcome.extractability.isGreedy ? "yes" : "no", HumanNumber.significant(needed, digits: 2),
    ]
  }

  /// What came out, in words.
  var sentence: String {
    let greedy = outcomes.count { $0.extractability.isGreedy }
    let first = outcomes.count { $0.exposure.rank == 1 }
    return "Of \(HumanNumber.count(outcomes.count)) canaries, \(HumanNumber.count(first)) "
      + "\(first == 1 ? "is" : "are") likelier than all \(HumanNumber.count(references)) references, "
      + "and \(HumanNumber.count(greedy)) "
      + "\(greedy == 1 ? "is" : "are") what the likeliest tokens after the prompt say."
  }

  var legend: String {
    "Secret: what follows the prompt, and nats minus its log-probability. Exposure in bits: by rank "
      + "among the references (at most \(HumanNumber.significant(interpolationLimit))), and by the tail of a "
      + "skew-normal distribution fitted to them; the space of “\(template)” has "
      + "\(HumanNumber.significant(bits)) bits, and a text that the model knows nothing of has 1.44 on "
      + "average. Answers: how many it takes until the canary comes up with a chance of "
      + "\(HumanNumber.percent(probability))."
  }

  /// The largest exposure that the references can show.
  private var interpolationLimit: Double {
    ExposureReferences([Double](repeating: 0, count: references)).exposure(of: -1).interpolated
  }
}
