/// Nested loops over two operands, each with its own stride per axis.
package struct StridedLoops: Sendable {
  /// One loop: how often, and how far each operand moves.
  package typealias Axis = (extent: Int, strideA: Int, strideB: Int)
  /// The axes, innermost first.
  package private(set) var axes: [Axis]

  /// Loops over these axes, innermost first.
  package init(axes: [Axis]) { self.axes = axes }

  /// The loops over two operands that repeat along their axes of extent 1.
  ///
  /// Neighbouring axes that both operands walk in one stride are merged: the innermost loop, whose
  /// strides are 0 or 1, is as long as it can be.
  ///
  /// - Precondition: `common` is the shape that both broadcast to.
  package init(broadcasting a: Shape, _ b: Shape, to common: Shape) {
    axes = []
    var strideA = 1, strideB = 1
    for axis in stride(from: -1, through: -common.rank, by: -1) where common[axis] != 1 {
      let extentA = -axis <= a.rank ? a[axis] : 1
      let extentB = -axis <= b.rank ? b[axis] : 1
      let next = (
        extent: common[axis], strideA: extentA == 1 ? 0 : strideA,
        strideB: extentB == 1 ? 0 : strideB
      )
      strideA *= extentA
      strideB *= extentB
      if let last = axes.last, last.extent * last.strideA == next.strideA,
        last.extent * last.strideB == next.strideB
      {
        axes[axes.count - 1].extent *= next.extent
      } else {
        axes.append(next)
      }
    }
  }

  /// Takes the innermost loop out, for a kernel to run.
  package mutating func removeInnermost() -> Axis {
    axes.isEmpty ? (1, 1, 1) : axes.removeFirst()
  }

  /// Calls `body` with both offsets of each index, the innermost axis running fastest.
  @inline(__always)
  package func forEach(_ body: (_ offsetA: Int, _ offsetB: Int) -> Void) {
    guard axes.allSatisfy({ $0.extent > 0 }) else { return }
    withUnsafeTemporaryAllocation(of: Int.self, capacity: axes.count) { indices in
      indices.initialize(repeating: 0)
      var a = 0, b = 0
      while true {
        body(a, b)
        var level = 0
        while level < axes.count {
          let axis = axes[level]
          indices[level] += 1
          a += axis.strideA
          b += axis.strideB
          if indices[level] < axis.extent { break }
          indices[level] = 0
          a -= axis.extent * axis.strideA
          b -= axis.extent * axis.strideB
          level += 1
        }
        if level == axes.count { return }
      }
    }
  }
}
