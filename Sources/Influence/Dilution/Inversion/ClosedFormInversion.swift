import TensorCore
import Training

/// Reads inputs out of a shared gradient without a search, through the first layer.
///
/// A unit r of the first layer with weights W_r and bias b_r has the gradients Σ δ_ir x_i / B and
/// Σ δ_ir / B over the items on which it is active. Where that is a single item, their ratio is its
/// input to the last digits. Which ratios are inputs shows without knowing any: if x is one, then for
/// its label the network itself gives the δ_r that the gradient of the bias has. What is found is
/// taken away from the gradient, and units that are then left with one item give the next ones; so
/// codes on sparse graphs are decoded.
///
/// Sources: L. T. Phong and others, "Privacy-preserving deep learning via additively homomorphic
/// encryption", 2018, section 3 (the ratio for one item); M. Luby and others, "Efficient erasure
/// correcting codes", 2001 (taking away what is known).
package struct ClosedFormInversion {
  /// An input that was read.
  package struct Finding: Equatable, Sendable {
    /// `[I]`.
    package let input: [Double]
    /// Its label.
    package let label: Int32
    /// 1 where a unit had it for itself from the start, 2 where that needed one round of taking
    /// away, and so on.
    package let round: Int
  }

  /// How far δ may be from what the gradient says, as a share of it: far more than rounding leaves,
  /// far less than a mixture of inputs meets by chance.
  private static let tolerance = 1e-6
  /// What is left of a unit's gradient when all its items were taken away, as a share of the largest.
  private static let remainder = 1e-9

  /// The inputs that can be read, in the order of the rounds.
  ///
  /// - Complexity: For each round and unit, as many backward passes as there are classes.
  package static func findings(_ shared: SharedGradient) -> [Finding] {
    var layer = FirstLayer(shared)
    let cotangents = MeanGradient(
      shared.model, parameters: shared.parameters, batch: 1, wanted: [1])
    let classes = shared.model.outputShape[-1]
    var findings: [Finding] = []
    for round in 1...max(shared.count, 1) where findings.count < shared.count {
      var found: [(finding: Finding, cotangent: [Double])] = []
      for unit in 0..<layer.units where layer.isLeft(unit, share: remainder) {
        let input = layer.ratio(unit)
        guard input.allSatisfy(\.isFinite), !found.contains(where: { $0.finding.isNear(input) })
        else { continue }
        for label in 0..<Int32(classes) {
          let cotangent = cotangents(Tensor([1, input.count], input), [label])[0]
          let expected = layer.bias[unit] * Double(shared.count)
          guard abs(cotangent[unit] - expected) <= tolerance * abs(expected) else { continue }
          found.append((Finding(input: input, label: label, round: round), cotangent))
          break
        }
      }
      if found.isEmpty { break }
      for (finding, cotangent) in found {
        layer.take(finding.input, cotangent.map { $0 / Double(shared.count) })
      }
      findings += found.map(\.finding)
    }
    return Array(findings.prefix(shared.count))
  }

  /// What is left of the gradient of the first layer.
  private struct FirstLayer {
    private var weight: [Double]
    private(set) var bias: [Double]
    private let inputs: Int
    private let largest: Double

    var units: Int { bias.count }

    init(_ shared: SharedGradient) {
      weight = shared.parts[0]
      bias = shared.parts[1]
      inputs = weight.count / bias.count
      largest = bias.reduce(0) { max($0, abs($1)) }
    }

    func isLeft(_ unit: Int, share: Double) -> Bool { abs(bias[unit]) > share * largest }

    func ratio(_ unit: Int) -> [Double] {
      weight[unit * inputs..<(unit + 1) * inputs].map { $0 / bias[unit] }
    }

    /// Takes an item's part away.
    mutating func take(_ input: [Double], _ cotangent: [Double]) {
      for unit in bias.indices where cotangent[unit] != 0 {
        bias[unit] -= cotangent[unit]
        for place in 0..<inputs { weight[unit * inputs + place] -= cotangent[unit] * input[place] }
      }
    }
  }
}

extension ClosedFormInversion.Finding {
  /// Whether another unit gave the same input, but for rounding.
  fileprivate func isNear(_ other: [Double]) -> Bool {
    zip(input, other).allSatisfy { abs($0 - $1) <= 1e-6 * (1 + abs($0)) }
  }
}
