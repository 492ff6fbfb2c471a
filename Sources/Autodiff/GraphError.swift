public import TensorCore

/// A graph that cannot be built or run as asked.
public enum GraphError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The operands' shapes do not fit the primitive.
  case shapes(primitive: String, operands: [Shape], expected: String)
  /// A parameter meets data that have no batch axis in front.
  case noFactors(parameter: String, primitive: String)
  /// The value to differentiate is not a vector of one element per example.
  case notPerExample(shape: Shape)

  /// One line for the person.
  public var description: String {
    switch self {
    case .shapes(let primitive, let operands, let expected):
      "\(primitive) cannot take operands of shapes "
        + operands.map(\.description).joined(separator: ", ") + "; expected \(expected)"
    case .noFactors(let parameter, let primitive):
      "the parameter \(parameter) meets the data in \(primitive), whose outermost axis is not the batch"
    case .notPerExample(let shape):
      "a value of shape \(shape) is not one number per example; expected [B]"
    }
  }
}
