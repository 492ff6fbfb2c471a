import TensorCore

/// How one use of a parameter contributes to the gradient of each example.
///
/// A parameter used at several places has several factors; an example's gradient is their sum.
public struct Factor: Hashable, Sendable {
  /// The shape of the contribution.
  public enum Form: Hashable, Sendable {
    /// Outer products of activations with the cotangent, summed over positions.
    case product(FactorProduct)
    /// Rows of the cotangent δ `[B, …, D]` added where whole numbers `[B, …]` point into a parameter
    /// `[V, D]`.
    case rows(indices: NodeID)
    /// The cotangent itself: one number for each element of the parameter, `[B] + shape` but for axes
    /// of one.
    case whole
  }

  /// The parameter.
  public let parameter: NodeID
  /// How it meets the data.
  public let form: Form
  /// The cotangent δ of the place where they meet, of each example's own loss.
  public let cotangent: NodeID

  /// A contribution of this form.
  public init(parameter: NodeID, form: Form, cotangent: NodeID) {
    self.parameter = parameter
    self.form = form
    self.cotangent = cotangent
  }
}

/// Σ δ aᵀ for activations a and the cotangent δ, by groups.
///
/// Each example has K blocks of G groups of matrices: a `[B, K, G, T, I]` and δ `[B, K, G, T, O]`, the
/// last two axes of either perhaps the other way round. A group's part of the parameter, `[O, I]` or
/// `[I, O]`, is the sum over blocks and positions.
public struct FactorProduct: Hashable, Sendable {
  /// a.
  public let activation: NodeID
  /// K.
  public let blocks: Int
  /// G.
  public let groups: Int
  /// T.
  public let positions: Int
  /// I.
  public let inputs: Int
  /// O.
  public let outputs: Int
  /// Whether the parameter is stored `[O, I]` rather than `[I, O]`.
  public let isOutputsFirst: Bool
  /// Whether a matrix of a is `[I, T]`.
  public let hasActivationColumns: Bool
  /// Whether a matrix of δ is `[O, T]`.
  public let hasCotangentColumns: Bool
}
