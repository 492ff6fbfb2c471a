import RealModule
import TensorCore
import Testing

/// The eager operations against their definitions, index by index.
@Suite struct TensorOperationTests {
  static func element<Scalar>(_ tensor: Tensor<Scalar>, _ index: [Int]) -> Scalar {
    let offset = zip(tensor.shape.extents, index).reduce(0) { $0 * $1.0 + $1.1 }
    return tensor.scalars[offset]
  }

  static let pairs: [(Shape, Shape)] = [
    ([], []), ([3], []), ([], [2, 2]), ([4], [4]), ([2, 3], [3]), ([2, 3], [2, 1]),
    ([2, 1], [1, 3]),
    ([2, 3, 4], [3, 1]), ([2, 1, 4], [5, 1]), ([4, 1, 2], [1, 3, 1]), ([1, 1], [1]), ([0, 3], [3]),
    ([2, 0], [2, 1]), ([3, 1], [0]), ([2, 1, 3, 1], [1, 4, 1, 5]), ([2, 3, 4, 5], [3, 4, 1]),
    ([2, 3, 4, 5], [1, 4, 5]), ([1, 3], [5, 2, 1]),
  ]

  @Test(arguments: precisions) func `broadcasting repeats along axes of extent 1`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) throws {
      for (shapeA, shapeB) in Self.pairs + Self.pairs.map({ ($0.1, $0.0) }) {
        let a: Tensor<Scalar> = random(shapeA, seed: 1)
        let b: Tensor<Scalar> = 2 + random(shapeB, seed: 2)
        let common = try #require(shapeA.broadcast(with: shapeB))
        let operations: [(Tensor<Scalar>, (Scalar, Scalar) -> Scalar)] = [
          (a + b, { $0 + $1 }), (a - b, { $0 - $1 }), (a * b, { $0 * $1 }), (a / b, { $0 / $1 }),
          (a.zip(.less, b - 2), { $0 < $1 - 2 ? 1 : 0 }),
          (a.zip(.maximum, b - 2), { Swift.max($0, $1 - 2) }),
          (a.zip(.minimum, b - 2), { Swift.min($0, $1 - 2) }),
          ((b - 2).zip(.mask, a), { $1 == 2 ? 0 : $0 }),
        ]
        for (result, operation) in operations {
          #expect(result.shape == common)
          let expected = indices(of: common).map { index in
            func own(_ tensor: Tensor<Scalar>) -> Scalar {
              let inner = index.suffix(tensor.shape.rank)
              return Self.element(
                tensor, zip(inner, tensor.shape.extents).map { $1 == 1 ? 0 : $0 })
            }
            return operation(own(a), own(b))
          }
          #expect(result.scalars == expected, "\(shapeA) with \(shapeB)")
        }
      }
    }
    #expect(throws: Never.self) { try body(type) }
  }

  @Test(arguments: precisions) func `scalars stand on either side`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let x = Tensor<Scalar>([2, 2], [1, 2, 4, 8])
      #expect((x + 1).scalars == [2, 3, 5, 9] && (1 + x).scalars == [2, 3, 5, 9])
      #expect((x - 1).scalars == [0, 1, 3, 7] && (1 - x).scalars == [0, -1, -3, -7])
      #expect((x * 2).scalars == [2, 4, 8, 16] && (2 * x).scalars == [2, 4, 8, 16])
      #expect((x / 2).scalars == [0.5, 1, 2, 4] && (8 / x).scalars == [8, 4, 2, 1])
      #expect((-x).scalars == [-1, -2, -4, -8])
      #expect((Tensor<Scalar>([0, 2]) * 3).shape == [0, 2])
    }
    body(type)
  }

  @Test(arguments: precisions) func `comparisons, ties and NaN`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let x = Tensor<Scalar>([8], [1, 2, 2, -.infinity, 0, .nan, 1, 0])
      let y = Tensor<Scalar>([8], [2, 2, 1, .infinity, -0.0, 1, .nan, -.infinity])
      #expect(x.zip(.less, y).scalars == [1, 0, 0, 1, 0, 0, 0, 0])
      #expect(x.zip(.lessOrEqual, y).scalars == [1, 1, 0, 1, 1, 0, 0, 0])
      #expect(x.zip(.equal, y).scalars == [0, 1, 0, 0, 1, 0, 0, 0])
      // What is masked out does not count, even where it is infinite or NaN.
      #expect(x.zip(.mask, y).scalars.prefix(6) == [2, 2, 1, .infinity, 0, 1])
      #expect(Tensor<Scalar>(0).zip(.mask, x).scalars.allSatisfy { $0 == 0 })
      let largest = x.zip(.maximum, y).scalars, smallest = x.zip(.minimum, y).scalars
      #expect(largest[...4] == [2, 2, 2, .infinity, 0] && largest[7] == 0)
      #expect(smallest[...4] == [1, 2, 1, -.infinity, 0] && smallest[7] == -.infinity)
      for place in [5, 6] { #expect(largest[place].isNaN && smallest[place].isNaN) }
      let power = Tensor<Scalar>([5], [2, -2, 0, 4, -1])
        .zip(.power, Tensor([5], [10, 3, 0, 0.5, 0.5])).scalars
      #expect(power[..<4] == [1024, -8, 1, 2] && power[4].isNaN)
    }
    body(type)
  }

  static let shapes: [Shape] = [
    [1], [5], [2, 3], [3, 1, 4], [2, 3, 2, 2], [0, 3], [3, 0], [2, 0, 3],
  ]

  @Test(arguments: precisions) func `reductions along every axis`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for shape in Self.shapes {
        let x: Tensor<Scalar> = random(shape)
        for axis in 0..<shape.rank {
          var rest = shape.extents
          rest.remove(at: axis)
          let runs = indices(of: Shape(rest)).map { outer in
            (0..<shape[axis]).map { place in
              var index = outer
              index.insert(place, at: axis)
              return Self.element(x, index)
            }
          }
          #expect(x.sum(axis: axis).shape == Shape(rest))
          #expect(x.sum(axis: axis - shape.rank) == x.sum(axis: axis))
          // Runs this short are summed in the order of their indices.
          #expect(x.sum(axis: axis).scalars == runs.map { $0.reduce(0, +) })
          #expect(x.max(axis: axis).scalars == runs.map { $0.max() ?? -.infinity })
          if shape[axis] > 0 {
            let means = runs.map { $0.reduce(0, +) / Scalar(shape[axis]) }
            #expect(x.mean(axis: axis).scalars == means)
          } else {
            #expect(x.mean(axis: axis).scalars.allSatisfy { $0.isNaN })
          }
        }
        #expect(
          x.sum() == x.scalars.withUnsafeBufferPointer { $0.reduce(0, +) } || shape.count > 15)
        #expect(x.max() == x.scalars.max() ?? -.infinity)
      }
      #expect(Tensor<Scalar>(3).sum() == 3 && Tensor<Scalar>(3).mean() == 3)
    }
    body(type)
  }

  @Test(arguments: precisions) func `softmax and log-sum-exp do not overflow`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let x = Tensor<Scalar>(rows: [[10_000, 10_000], [-10_000, -10_000], [0, 10_000]])
      #expect(x.softmax().scalars == [0.5, 0.5, 0.5, 0.5, 0, 1])
      let log2 = Scalar.log(2)
      #expect(x.logSumExp().scalars == [10_000 + log2, -10_000 + log2, 10_000])
      let y: Tensor<Scalar> = 100 * random([4, 3, 5])
      #expect(y.logSumExp().shape == [4, 3])
      let sums = y.softmax().sum(axis: -1)
      #expect(sums.scalars.allSatisfy { abs($0 - 1) <= 5 * .ulpOfOne })
    }
    body(type)
  }

  static func permutations(_ items: [Int]) -> [[Int]] {
    items.isEmpty
      ? [[]]
      : items.flatMap { first in permutations(items.filter { $0 != first }).map { [first] + $0 } }
  }

  @Test(arguments: precisions) func `every order of the axes`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for shape in [[], [4], [3, 5], [17, 33], [2, 3, 4], [3, 1, 2, 4], [2, 0, 3]] as [Shape] {
        let x: Tensor<Scalar> = random(shape)
        for order in Self.permutations(Array(0..<shape.rank)) {
          let moved = x.transposed(order)
          #expect(moved.shape.extents == order.map { shape[$0] })
          for (place, index) in indices(of: moved.shape).enumerated() {
            var source = index
            for (axis, value) in zip(order, index) { source[axis] = value }
            #expect(moved.scalars[place] == Self.element(x, source))
          }
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `adding rows is the adjoint of gathering them`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      // Small integers: every sum is exact.
      let x = Tensor<Scalar>([4, 2, 3], (0..<24).map { Scalar($0 % 7) })
      let chosen = [3, 0, 3, 1, 3]
      let y = Tensor<Scalar>([5, 2, 3], (0..<30).map { Scalar($0 % 5) })
      var scattered = Tensor<Scalar>([4, 2, 3])
      scattered.addRows(y, at: chosen)
      #expect(x.gatheringRows(chosen).dot(y) == x.dot(scattered))
      #expect(scattered.row(2) == Tensor([2, 3]))
      #expect(scattered.row(3) == y.row(0) + y.row(2) + y.row(4))
      scattered.addRows(Tensor([0, 2, 3]), at: [])
      #expect(scattered.row(0) == y.row(1))
    }
    body(type)
  }
}
