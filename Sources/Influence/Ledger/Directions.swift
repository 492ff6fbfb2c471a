import TensorCore
import Training

/// D vectors `[P]`, one for each direction, in memory that plans read: the D rows of each parameter
/// lie next to each other, `[D] + shape`.
struct Directions<Scalar: TensorScalar> {
  /// D.
  let count: Int
  let layout: ParameterLayout
  let memory: AlignedBuffer<Scalar>

  init(_ count: Int, _ layout: ParameterLayout) {
    self.count = count
    self.layout = layout
    memory = AlignedBuffer(count * layout.count, filledWith: 0)
  }

  /// D · P.
  var elementCount: Int { memory.count }

  /// The D rows of a parameter.
  func entry(_ entry: ParameterLayout.Entry) -> UnsafeMutablePointer<Scalar> {
    memory.base + count * entry.offset
  }

  /// One direction's row of a parameter.
  func row(_ direction: Int, of entry: ParameterLayout.Entry) -> UnsafeMutablePointer<Scalar> {
    self.entry(entry) + direction * entry.shape.count
  }

  func clear() { memory.clear() }

  /// Inner product of one direction with a flat vector.
  func dot(_ direction: Int, _ flat: UnsafePointer<Scalar>) -> Double {
    var sum = 0.0
    for entry in layout.entries {
      sum += Double(
        Scalar.dot(entry.shape.count, row(direction, of: entry), flat + entry.offset))
    }
    return sum
  }
}
