import TensorCore
import Training

/// The chord of a step, and points on it.
final class Chord<Scalar: TensorScalar> {
  /// θ_{s+1} − θ_s as the only direction.
  let direction: Directions<Scalar>
  private let point: AlignedBuffer<Scalar>
  private var start: UnsafePointer<Scalar>
  private var end: UnsafePointer<Scalar>

  init(_ layout: ParameterLayout) {
    direction = Directions(1, layout)
    point = AlignedBuffer(layout.count, filledWith: 0)
    start = UnsafePointer(point.base)
    end = start
  }

  /// The chord of a step; the states must stay where they are until the next one.
  func move(from before: UnsafePointer<Scalar>, to after: UnsafePointer<Scalar>) {
    (start, end) = (before, after)
    Scalar.zip(.subtract, point.count, after, true, before, true, direction.memory.base)
  }

  /// The parameters at a share of the way; at the ends they are the states themselves, to the bit.
  func parameters(at place: Double) -> UnsafePointer<Scalar> {
    if place == 0 { return start }
    if place == 1 { return end }
    point.base.update(from: start, count: point.count)
    Scalar.axpy(point.count, Scalar(place), direction.memory.base, point.base)
    return UnsafePointer(point.base)
  }
}
