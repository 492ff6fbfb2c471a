import TensorCore

/// How the parameters of a layer begin.
enum Initialization {
  /// Uniform in ±1/√n for a layer whose outputs have n inputs each.
  case uniform(inputs: Int)
  /// Normal with deviation 1.
  case normal
  /// One value.
  case constant(Double)
}

extension ParameterLayout {
  /// The initial parameters of a seed, `[P]`: PyTorch's distributions, the library's own numbers.
  func initialValues(seed: UInt64, _ rule: (Entry) -> Initialization) -> [Double] {
    let stream = RandomStream(seed: seed, for: .initialParameters)
    var values: [Double] = []
    values.reserveCapacity(count)
    for entry in entries {
      switch rule(entry) {
      case .uniform(let inputs):
        let bound = 1 / Double(inputs).squareRoot()
        for position in entry.range {
          values.append((2 * stream.uniform(at: UInt64(position)) - 1) * bound)
        }
      case .normal:
        for position in entry.range { values.append(stream.normal(at: UInt64(position))) }
      case .constant(let value): values += [Double](repeating: value, count: entry.shape.count)
      }
    }
    return values
  }
}
