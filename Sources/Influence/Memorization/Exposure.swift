#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How far a model prefers a secret that it has seen to others that it might have seen in its place.
///
/// With the secrets of a space R in the order of their log-perplexity, exposure is
/// log₂ |R| − log₂ rank, in bits: log₂ |R| for the secret that the model holds likeliest, and log₂ e
/// on average for one that it knows nothing of.
///
/// Source: N. Carlini, C. Liu, Ú. Erlingsson, J. Kos and D. Song, "The secret sharer: evaluating and
/// testing unintended memorization in neural networks", USENIX Security 2019.
public struct Exposure: Sendable, Equatable {
  /// The place of the secret among the references and itself, from 1 for the likeliest; references
  /// that are as likely stand before it.
  public let rank: Int
  /// log₂ (n + 1) − log₂ rank for n references, in bits: the exposure by its definition where they
  /// are all the others of the space, and otherwise what they say of it.
  ///
  /// It is never more than log₂ (n + 1).
  public let interpolated: Double
  /// −log₂ of the chance that a secret of the space is as likely, in bits, by a skew-normal
  /// distribution fitted to the references; nil where that cannot be fitted.
  ///
  /// It goes beyond what the references can tell, as far as the fit is right there.
  public let extrapolated: Double?
}

/// What a model makes of secrets that it has not seen.
public struct ExposureReferences: Sendable {
  /// Their log-perplexities, ascending.
  public let sorted: [Double]
  /// The distribution of the largest likelihood; nil for fewer than ten references, or equal ones.
  public let distribution: SkewNormal?

  /// References.
  ///
  /// - Parameter logPerplexities: −log p of each, in nats or in bits; the unit does not matter.
  /// - Precondition: They are numbers.
  public init(_ logPerplexities: [Double]) {
    precondition(!logPerplexities.contains(where: \.isNaN), "a log-perplexity that is no number")
    sorted = logPerplexities.sorted()
    distribution = SkewNormal(fitting: logPerplexities)
  }

  /// The exposure of a secret.
  ///
  /// - Parameter logPerplexity: −log p of the secret, in the unit of the references.
  /// - Complexity: O(log n).
  public func exposure(of logPerplexity: Double) -> Exposure {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] <= logPerplexity { low = middle + 1 } else { high = middle }
    }
    return Exposure(
      rank: low + 1, interpolated: log2(Double(sorted.count + 1)) - log2(Double(low + 1)),
      extrapolated: distribution.map { -$0.logCumulative(logPerplexity) / log(2) })
  }

  /// The largest distance between the fitted and the actual distribution function, in 0 … 1
  /// (Kolmogorov and Smirnov); nil without a fit.
  public var distance: Double? {
    distribution.map { distribution in
      let count = Double(sorted.count)
      return sorted.enumerated().reduce(0) { largest, reference in
        let fitted = exp(distribution.logCumulative(reference.element))
        let (before, after) = (
          Double(reference.offset) / count, Double(reference.offset + 1) / count
        )
        return max(largest, abs(fitted - before), abs(fitted - after))
      }
    }
  }
}

/// Whether a text can be drawn out of a model by prompting it with what stands before.
public struct Extractability: Sendable, Equatable {
  /// Whether the model says it when it always takes the likeliest token.
  public let isGreedy: Bool
  /// log p_z, the log-probability of the whole text after its prompt, in nats.
  public let logProbability: Double

  /// What a model makes of a text.
  ///
  /// - Precondition: The log-probability is at most 0.
  public init(isGreedy: Bool, logProbability: Double) {
    precondition(logProbability <= 0, "a log-probability of \(logProbability)")
    self.isGreedy = isGreedy
    self.logProbability = logProbability
  }

  /// The chance that it comes up at least once in n answers, 1 − (1 − p_z)ⁿ.
  ///
  /// The text is (n, p)-discoverable where this is at least p. Source: J. Hayes et al., "Measuring
  /// memorization in language models via probabilistic extraction", NAACL 2025.
  public func probability(attempts n: Double) -> Double {
    -expm1(n * log1p(-exp(logProbability)))
  }

  /// The least n with which it is (n, p)-discoverable; infinite where no number will do.
  ///
  /// - Precondition: p is in (0, 1).
  public func attempts(probability p: Double) -> Double {
    precondition(p > 0 && p < 1, "a probability of \(p)")
    let miss = log1p(-exp(logProbability))
    if miss == -.infinity { return 1 }
    // Where p_z is too small for 1 − p_z to tell, −log(1 − p_z) is p_z itself.
    let needed = miss == 0 ? -log1p(-p) / exp(logProbability) : log1p(-p) / miss
    return max(1, needed.rounded(.up))
  }
}
