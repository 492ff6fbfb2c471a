import TensorCore
import Testing

@Suite struct SparseProductTests {
  /// Rows with a given share of zeros, kept with room between them.
  static func sparse<Scalar: TensorScalar>(_ rows: Int, _ columns: Int, zeros: Double)
    -> Tensor<Scalar>
  {
    let matrix: Tensor<Scalar> = random([rows, columns], seed: 5)
    let stream = RandomStream(seed: 6, stream: 0)
    return Tensor(
      matrix.shape,
      matrix.scalars.enumerated().map { stream.uniform(at: UInt64($0)) < zeros ? 0 : $1 })
  }

  @Test(arguments: precisions) func `compressed rows hold exactly the nonzeros`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for (rows, columns) in [(0, 3), (3, 0), (1, 1), (4, 7), (9, 40)] {
        for zeros in [0, 0.7, 1] {
          var matrix: Tensor<Scalar> = Self.sparse(rows, columns, zeros: zeros)
          if rows == 4 { matrix[2, 3] = .nan }
          let stride = columns + 2
          let padded: [Scalar] = (0..<rows).flatMap { matrix.row($0).scalars + [5, 5] }
          var index = [Int32](repeating: -1, count: rows * columns + 16)
          var value = [Scalar](repeating: 0, count: rows * columns + 16)
          var start = [Int](repeating: -1, count: rows + 1)
          let count = Scalar.compress(rows, columns, padded, stride, &index, &value, &start)
          #expect(count == matrix.scalars.count { $0 != 0 })
          #expect(start[0] == 0 && start[rows] == count)
          for row in 0..<rows {
            let kept = start[row]..<start[row + 1]
            let expected = (0..<columns).filter { matrix[row, $0] != 0 }
            #expect(index[kept].map(Int.init) == expected)
            #expect(
              zip(value[kept], expected).allSatisfy { value, column in
                value == matrix[row, column] || (value.isNaN && matrix[row, column].isNaN)
              })
          }
        }
      }
    }
    body(type)
  }

  @Test(arguments: precisions) func `a sparse product is the dense one`(
    type: any TensorScalar.Type
  ) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for (rows, columns, width) in [
        (3, 0, 4), (1, 5, 1), (4, 30, 31), (5, 9, 32), (3, 300, 32), (260, 129, 3),
      ] {
        let matrix: Tensor<Scalar> = Self.sparse(rows, columns, zeros: 0.6)
        let b: Tensor<Scalar> = random([columns, width], seed: 7)
        var index = [Int32](repeating: 0, count: rows * columns + 16)
        var value = [Scalar](repeating: 0, count: rows * columns + 16)
        var start = [Int](repeating: 0, count: rows + 1)
        _ = Scalar.compress(rows, columns, matrix.scalars, columns, &index, &value, &start)
        var panel = [Scalar](repeating: 0, count: columns * Scalar.panelWidth)
        for column in 0..<columns {
          panel.replaceSubrange(
            column * Scalar.panelWidth..<column * Scalar.panelWidth + width,
            with: b.row(column).scalars)
        }
        var product = Tensor<Scalar>([rows, width], repeating: .nan)
        Scalar.sparseProduct(
          rows, columns, width, index, value, start, panel, &product.scalars, width)
        MatrixProductTests.expectProduct(product, matrix, b)
        // What is left out of the sums is zero.
        #expect(product == MatrixProduct.reference(matrix, b))
      }
    }
    body(type)
  }
}
