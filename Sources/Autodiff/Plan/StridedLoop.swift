import TensorCore

/// The loop nest of an operation that broadcasts up to two operands against a shape.
///
/// Axes that are contiguous in every operand are merged; the innermost remaining run goes to a bulk
/// kernel, with each operand either varying or held.
struct StridedLoop: Sendable {
  /// The elements of one innermost run.
  let innerCount: Int
  /// Whether each operand varies along the innermost run.
  let innerVaries: [Bool]
  private let extents: [Int]
  private let strides: [(Int, Int)]

  init(over shape: Shape, _ operands: [Shape]) {
    // One entry per axis of the result: its extent and each operand's stride, 0 where held.
    var axes: [(extent: Int, strides: [Int])] = shape.extents.map { ($0, []) }
    for operand in operands {
      var stride = 1
      for axis in shape.extents.indices.reversed() {
        let own = axis - (shape.rank - operand.rank)
        let extent = own >= 0 ? operand[own] : 1
        axes[axis].strides.append(extent == 1 ? 0 : stride)
        stride *= extent
      }
    }
    axes.removeAll { $0.extent == 1 }
    var merged: [(extent: Int, strides: [Int])] = []
    for axis in axes {
      if let outer = merged.last,
        zip(outer.strides, axis.strides).allSatisfy({ $0 == $1 * axis.extent })
      {
        merged[merged.count - 1] = (outer.extent * axis.extent, axis.strides)
      } else {
        merged.append(axis)
      }
    }
    let inner = merged.popLast() ?? (1, operands.map { _ in 0 })
    innerCount = inner.extent
    innerVaries = inner.strides.map { $0 != 0 }
    extents = merged.map(\.extent)
    strides = merged.map { ($0.strides.first ?? 0, $0.strides.count > 1 ? $0.strides[1] : 0) }
  }

  /// Calls the body for each innermost run with its number and the operands' offsets.
  @inline(__always)
  func forEach(_ body: (_ index: Int, _ offsets: (Int, Int)) -> Void) {
    if innerCount == 0 { return }
    let runs = extents.reduce(1, *)
    for index in 0..<runs {
      var rest = index
      var offsets = (0, 0)
      for axis in extents.indices.reversed() {
        let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: extents[axis])
        offsets.0 += remainder * strides[axis].0
        offsets.1 += remainder * strides[axis].1
        rest = quotient
      }
      body(index, offsets)
    }
  }
}
