import Autodiff
import TensorCore
import Training

/// Numbers that a batch gives for each of its items.
struct FactorSource: Hashable, Sendable {
  /// The output of the plan that holds them, `[B, count]`; nil for the batch's own inputs.
  let output: Int?
  /// How many an item has.
  let count: Int
}

/// One place where a parameter meets the data: a part of each item's gradient.
struct FactorUse: Sendable {
  /// How the part is made; the sources are named by number.
  enum Form: Sendable {
    /// Σ δ aᵀ over blocks and positions, group by group.
    case product(activation: Int, FactorProduct)
    /// Rows of δ `[T, D]` added where the indices `[T]` point.
    case rows(indices: Int, positions: Int, width: Int)
    /// δ itself.
    case whole
  }

  /// The parameter.
  let entry: ParameterLayout.Entry
  let form: Form
  /// δ.
  let cotangent: Int

  /// The activation and the extents where one row of each makes the part: δ aᵀ.
  var rankOne: (activation: Int, product: FactorProduct)? {
    guard case .product(let activation, let product) = form,
      product.blocks * product.groups * product.positions == 1
    else { return nil }
    return (activation, product)
  }

  /// The rows of δ and a that a part sums over.
  var positions: Int {
    switch form {
    case .product(_, let product): product.blocks * product.positions
    case .rows(_, let positions, _): positions
    case .whole: 1
    }
  }

  /// Adds `weight` times an item's part to beta times what is there, in the parameter's own layout;
  /// with beta 0 that is not read.
  ///
  /// - Parameters:
  ///   - rows: Where the numbers of each source begin.
  ///   - sources: What the sources hold.
  ///   - item: The item's place in the batch.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func addGradient<Scalar: TensorScalar>(
    _ rows: FactorRows<Scalar>, _ sources: [FactorSource], _ item: Int, weight: Scalar,
    beta: Scalar, to target: UnsafeMutablePointer<Scalar>
  ) {
    let own = rows.base[cotangent] + item * sources[cotangent].count
    switch form {
    case .whole:
      if beta == 0 {
        Scalar.affine(entry.shape.count, weight, own, 0, target)
      } else {
        Scalar.axpy(entry.shape.count, weight, own, target)
      }
    case .rows(let indices, let positions, let width):
      let chosen = rows.base[indices] + item * sources[indices].count
      if beta == 0 { target.update(repeating: 0, count: entry.shape.count) }
      let bound = Scalar(entry.shape.count / max(width, 1))
      for position in 0..<positions where chosen[position] >= 0 && chosen[position] < bound {
        Scalar.axpy(
          width, weight, own + position * width, target + Int(chosen[position]) * width)
      }
    case .product(let activation, let product):
      let other = rows.base[activation] + item * sources[activation].count
      if rankOne != nil, beta != 0 {
        let (inputs, outputs) = (product.inputs, product.outputs)
        if product.isOutputsFirst {
          Scalar.addOuter(outputs, inputs, weight, own, other, target)
        } else {
          Scalar.addOuter(inputs, outputs, weight, other, own, target)
        }
        return
      }
      product.add(own, other, weight: weight, beta: beta, to: target)
    }
  }
}

extension FactorProduct {
  /// Adds `weight` times the products of one item to beta times the parameter.
  @inline(__always)
  func add<Scalar: TensorScalar>(
    _ cotangent: UnsafePointer<Scalar>, _ activation: UnsafePointer<Scalar>, weight: Scalar,
    beta: Scalar, to target: UnsafeMutablePointer<Scalar>
  ) {
    let (sizeA, sizeD) = (positions * inputs, positions * outputs)
    for block in 0..<blocks {
      for group in 0..<groups {
        let matrix = block * groups + group
        let (a, d) = (activation + matrix * sizeA, cotangent + matrix * sizeD)
        let part = target + group * inputs * outputs
        let beta = block == 0 ? beta : 1
        if isOutputsFirst {
          MatrixProduct.unchecked(
            !hasCotangentColumns, hasActivationColumns, outputs, inputs, positions, weight, d,
            hasCotangentColumns ? positions : outputs, a, hasActivationColumns ? positions : inputs,
            beta, part, inputs)
        } else {
          MatrixProduct.unchecked(
            !hasActivationColumns, hasCotangentColumns, inputs, outputs, positions, weight, a,
            hasActivationColumns ? positions : inputs, d, hasCotangentColumns ? positions : outputs,
            beta, part, outputs)
        }
      }
    }
  }
}

/// The factors of one batch in memory.
struct FactorRows<Scalar: TensorScalar> {
  /// The first number of each source.
  let base: [UnsafePointer<Scalar>]
}
