/// A square matrix known by its products with vectors.
///
/// The solvers that take one (``ConjugateGradient``, ``Lanczos``) need it to be symmetric.
public protocol LinearOperator<Scalar> {
  /// The precision of the vectors.
  associatedtype Scalar: TensorScalar
  /// n, for an n × n operator.
  var dimension: Int { get }
  /// y = A · x for vectors `[n]`; what y held before does not matter.
  func apply(_ x: Tensor<Scalar>, into y: inout Tensor<Scalar>)
}

/// The operator of a square matrix that is held in memory.
public struct MatrixOperator<Scalar: TensorScalar>: LinearOperator, Sendable {
  /// The matrix `[n, n]`.
  public let matrix: Tensor<Scalar>

  /// The operator of a matrix.
  ///
  /// - Precondition: The matrix is square.
  public init(_ matrix: Tensor<Scalar>) {
    precondition(
      matrix.shape.rank == 2 && matrix.shape[0] == matrix.shape[1],
      "a linear operator of the shape \(matrix.shape)")
    self.matrix = matrix
  }

  /// n.
  public var dimension: Int { matrix.shape[0] }
  /// y = A · x.
  public func apply(_ x: Tensor<Scalar>, into y: inout Tensor<Scalar>) { y = matrix.matvec(x) }
}

/// A diagonal matrix; with the reciprocals of another's diagonal, the Jacobi preconditioner.
public struct DiagonalOperator<Scalar: TensorScalar>: LinearOperator, Sendable {
  /// The diagonal `[n]`.
  public let diagonal: Tensor<Scalar>

  /// The operator of a diagonal `[n]`.
  public init(_ diagonal: Tensor<Scalar>) {
    precondition(diagonal.shape.rank == 1, "a diagonal of the shape \(diagonal.shape)")
    self.diagonal = diagonal
  }

  /// n.
  public var dimension: Int { diagonal.count }
  /// y = d ⊙ x.
  public func apply(_ x: Tensor<Scalar>, into y: inout Tensor<Scalar>) { y = diagonal * x }
}

/// A + λ · I.
public struct DampedOperator<Base: LinearOperator>: LinearOperator {
  /// A.
  public let base: Base
  /// λ, absolute.
  public let damping: Base.Scalar

  /// The sum of an operator and a multiple of the identity.
  public init(_ base: Base, damping: Base.Scalar) {
    self.base = base
    self.damping = damping
  }

  /// n.
  public var dimension: Int { base.dimension }
  /// y = A · x + λ · x.
  public func apply(_ x: Tensor<Base.Scalar>, into y: inout Tensor<Base.Scalar>) {
    base.apply(x, into: &y)
    y.add(x, scale: damping)
  }
}

extension DampedOperator: Sendable where Base: Sendable {}
