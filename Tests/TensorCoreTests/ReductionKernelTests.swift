import RealModule
import TensorCore
import Testing

@Suite struct ReductionKernelTests {
  static let lengths = [0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100]

  @Test(arguments: precisions) func `sums of any length`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for count in Self.lengths {
        let x: Tensor<Scalar> = random([count], seed: 1),
          y: Tensor<Scalar> = random([count], seed: 2)
        let sum = x.scalars.reduce(0.0) { $0 + Double($1) }
        let dot = zip(x.scalars, y.scalars).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        // No term exceeds 1 and each takes part in at most count additions.
        let bound = Double(count * count + 1) * Double(Scalar.ulpOfOne)
        #expect(abs(Double(Scalar.sum(count, x.scalars)) - sum) <= bound)
        #expect(abs(Double(Scalar.dot(count, x.scalars, y.scalars)) - dot) <= bound)
        #expect(Scalar.maximum(count, x.scalars) == x.scalars.max() ?? -.infinity)
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `a NaN or infinity is found wherever it stands`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for count in Self.lengths {
        let x: Tensor<Scalar> = random([count])
        #expect(x.firstNonFinite == nil)
        for place in 0..<count {
          var marked = x.scalars
          marked[place] = .nan
          #expect(Scalar.maximum(count, marked).isNaN)
          #expect(Scalar.sum(count, marked).isNaN)
          #expect(Scalar.dot(count, marked, x.scalars).isNaN)
          #expect(Tensor([count], marked).firstNonFinite == place)
          marked[place] = -.infinity
          #expect(Tensor([count], marked).firstNonFinite == place)
          #expect(Scalar.sum(count, marked) == -.infinity)
          marked[place] = .infinity
          #expect(Scalar.maximum(count, marked) == .infinity)
          marked[place] = 7
          #expect(Scalar.maximum(count, marked) == 7)
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `the bits do not depend on alignment`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let x: Tensor<Scalar> = random([100])
      let sum = Scalar.sum(100, x.scalars), dot = Scalar.dot(100, x.scalars, x.scalars)
      for offset in 0..<16 {
        let moved = [Scalar](repeating: 0, count: offset) + x.scalars
        moved.withUnsafeBufferPointer { buffer in
          guard let base = buffer.baseAddress else { return }
          #expect(Scalar.sum(100, base + offset) == sum)
          #expect(Scalar.dot(100, base + offset, base + offset) == dot)
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `moments of any length`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for count in Self.lengths + [128, 200] {
        var x = (random([count]) as Tensor<Scalar>).scalars
        // A zero adds nothing to Σ |x| log |x|; a denormal's logarithm is far below the others.
        if count > 2 { (x[1], x[2]) = (0, .leastNonzeroMagnitude) }
        var sums = [1.0, 2, 3, 4]
        Scalar.addMoments(count, x, to: &sums)
        let wide = x.map { Double($0) }
        let logs = wide.reduce(0.0) { $0 + ($1 == 0 ? 0 : abs($1) * Double.log(abs($1))) }
        let exact = [
          1 + wide.reduce(0, +), 2 + wide.reduce(0) { $0 + abs($1) },
          3 + wide.reduce(0) { $0 + $1 * $1 }, 4 + logs,
        ]
        // Sums of doubles; the logarithms are in the precision of x and below 1 in size times x.
        for (number, (got, wanted)) in zip(sums, exact).enumerated() {
          let unit = number == 3 ? Double(Scalar.ulpOfOne) : Double.ulpOfOne
          #expect(abs(got - wanted) <= Double(count + 8) * unit)
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `sums of rows, of columns and of products`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for columns in Self.lengths {
        // Multiples of 1/8 make every sum exact, in any order.
        let (blocks, rows) = (2, 3)
        let x = (0..<blocks * rows * columns).map { Scalar($0 % 11) / 8 - 0.5 }
        let y = (0..<columns).map { Scalar($0 % 5) / 8 }
        let all = (0..<blocks * rows).map { Array(x[$0 * columns..<($0 + 1) * columns]) }
        var sums = [Scalar](repeating: -1, count: blocks * rows)
        Scalar.sumRows(blocks * rows, columns, x, &sums)
        #expect(sums == all.map { $0.reduce(0, +) })
        var below = [Scalar](repeating: -1, count: blocks * columns)
        Scalar.sumColumns(blocks, rows, columns, x, &below)
        for block in 0..<blocks {
          for column in 0..<columns {
            let rowsOfBlock = all[block * rows..<(block + 1) * rows]
            let sum: Scalar = rowsOfBlock.reduce(0) { $0 + $1[column] }
            #expect(below[block * columns + column] == sum)
          }
        }
        var dots = [Scalar](repeating: 1, count: 2 * blocks * rows)
        Scalar.addDots(blocks * rows, columns, x, y, &dots, 2)
        for (row, place) in zip(all, stride(from: 0, to: dots.count, by: 2)) {
          var sum: Scalar = 1
          for (left, right) in zip(row, y) { sum += left * right }
          #expect(dots[place] == sum && dots[place + 1] == 1)
        }
        let left: [Scalar] = [0, 1, 3]
        var outer = [Scalar](repeating: 1, count: rows * columns)
        Scalar.addOuter(rows, columns, -2, left, y, &outer)
        for (row, factor) in left.enumerated() {
          let wanted = y.map { 1 - 2 * factor * $0 }
          #expect(Array(outer[row * columns..<(row + 1) * columns]) == wanted)
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `fused updates`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for count in Self.lengths {
        // Multiples of 1/8 make every result exact, fused or not.
        let x = (0..<count).map { Scalar($0 % 9) / 8 - 0.5 }, y = (0..<count).map { Scalar($0 % 5) }
        var z = y
        Scalar.affine(count, 2, x, -1, &z)
        #expect(z == x.map { 2 * $0 - 1 })
        z = y
        Scalar.axpy(count, -3, x, &z)
        #expect(z == zip(x, y).map { $1 - 3 * $0 })
        z = y
        Scalar.multiplyAdd(count, x, 0.5, y, &z)
        #expect(z == zip(x, y).map { $1 + ($0 + 0.5) * $1 })
      }
    }
    body(type)
  }
}
