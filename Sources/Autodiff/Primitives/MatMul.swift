public import TensorCore

/// op(A) · op(B) over the last two axes; the axes in front broadcast.
public struct MatMul: Primitive {
  /// The name of the primitive.
  public static let name = "matmul"
  /// All transpositions, axes in front of either or both, and a row of one.
  public static let examples = [
    PrimitiveExample(MatMul(), [[2, 3], [3, 4]]),
    PrimitiveExample(MatMul(transposeB: true), [[2, 3], [4, 3]]),
    PrimitiveExample(MatMul(transposeA: true), [[3, 2], [3, 4]]),
    PrimitiveExample(MatMul(transposeA: true, transposeB: true), [[3, 2], [4, 3]]),
    PrimitiveExample(MatMul(transposeB: true), [[2, 2, 3], [4, 3]]),
    PrimitiveExample(MatMul(), [[2, 3], [2, 3, 4]]),
    PrimitiveExample(MatMul(transposeA: true), [[2, 1, 3, 2], [2, 3, 4]]),
  ]
  /// Whether A's last two axes are swapped.
  public let transposeA: Bool
  /// Whether B's last two axes are swapped.
  public let transposeB: Bool

  /// The product with these transpositions.
  public init(transposeA: Bool = false, transposeB: Bool = false) {
    self.transposeA = transposeA
    self.transposeB = transposeB
  }

  /// The extents m, n, k and the broadcast axes in front; nil where the shapes do not fit.
  private func extents(_ a: Shape, _ b: Shape) -> (m: Int, n: Int, k: Int, front: Shape)? {
    guard a.rank >= 2, b.rank >= 2, let front = a.dropLast(2).broadcast(with: b.dropLast(2)) else {
      return nil
    }
    let (m, k) = transposeA ? (a[-1], a[-2]) : (a[-2], a[-1])
    let (kB, n) = transposeB ? (b[-1], b[-2]) : (b[-2], b[-1])
    return k == kB ? (m, n, k, front) : nil
  }

  /// `[…, m, n]`.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard let (m, n, _, front) = extents(operands[0], operands[1]) else {
      throw .shapes(
        primitive: Self.name, operands: operands,
        expected: "[…, M, K] and […, K, N]"
          + (transposeA || transposeB ? " after transposing" : ""))
    }
    return front.appending([m, n])
  }

  /// Ȧ · B + A · Ḃ.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    var terms: [NodeID] = []
    for (operand, tangent) in tangents.enumerated() {
      guard let tangent else { continue }
      let aligned = graph.aligned(
        tangent, from: graph.shape(operands[operand]), rank: graph.shape(result).rank)
      let product =
        operand == 0 ? graph.add(self, aligned, operands[1]) : graph.add(self, operands[0], aligned)
      terms.append(graph.filled(product, to: graph.shape(result)))
    }
    return graph.sum(of: terms)
  }

  /// C̄ · Bᵀ and Aᵀ · C̄, with the transpositions, summed over broadcast axes.
  public func vjp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, cotangent: NodeID, operand: Int
  ) -> NodeID? {
    let (a, b) = (operands[0], operands[1])
    if operand == 0 {
      let product =
        transposeA
        ? graph.matmul(b, cotangent, transposeA: transposeB, transposeB: true)
        : graph.matmul(cotangent, b, transposeB: !transposeB)
      return graph.sum(product, to: graph.shape(a))
    }
    if graph.shape(b).rank == 2, !transposeA,
      graph.shape(a).dropLast(2) == graph.shape(result).dropLast(2)
    {
      // One product over all rows instead of a sum of products.
      let (rowsA, rowsC) = (graph.rows(a), graph.rows(cotangent))
      return transposeB
        ? graph.matmul(rowsC, rowsA, transposeA: true)
        : graph.matmul(rowsA, rowsC, transposeA: true)
    }
    let product =
      transposeB
      ? graph.matmul(cotangent, a, transposeA: true, transposeB: transposeA)
      : graph.matmul(a, cotangent, transposeA: !transposeA)
    return graph.sum(product, to: graph.shape(b))
  }

  /// Operands without the axis stay as they are; the others' axes are aligned with the result's.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) -> NodeID {
    let aligned = zip(operands, single).map { operand, shape in
      graph.shape(operand) == shape
        ? operand : graph.aligned(operand, from: shape, rank: result.rank)
    }
    return graph.add(self, aligned[0], aligned[1])
  }

  /// A weight, perhaps one for each group, on either side of the activations.
  public func factor(
    _ graph: Graph, operands: [NodeID], cotangent: NodeID, operand: Int, size: Int
  ) -> Factor? {
    let (weight, data) = (graph.shape(operands[operand]), graph.shape(operands[1 - operand]))
    let result = graph.shape(cotangent)
    let groups = weight.dropLast(2).extents.drop { $0 == 1 }
    if data.rank == 2 {
      // Each row is a position of an example.
      guard operand == 1, !transposeA, groups.isEmpty, data[0] % size == 0 else { return nil }
      return Factor(
        parameter: operands[1],
        form: .product(
          FactorProduct(
            activation: operands[0], blocks: 1, groups: 1, positions: data[0] / size,
            inputs: data[-1],
            outputs: result[-1], isOutputsFirst: transposeB, hasActivationColumns: false,
            hasCotangentColumns: false)), cotangent: cotangent)
    }
    let front = data.extents.dropLast(2).dropFirst()
    guard data[0] == size, groups.count <= front.count,
      Array(front.suffix(groups.count)) == Array(groups),
      result.rank == data.rank
    else { return nil }
    let hasColumns = operand == 0 ? !transposeB : transposeA
    var (blocks, positions) = (
      front.dropLast(groups.count).reduce(1, *), hasColumns ? data[-1] : data[-2]
    )
    if operand == 1, !hasColumns, groups.isEmpty { (blocks, positions) = (1, blocks * positions) }
    return Factor(
      parameter: operands[operand],
      form: .product(
        FactorProduct(
          activation: operands[1 - operand], blocks: blocks, groups: groups.reduce(1, *),
          positions: positions, inputs: hasColumns ? data[-2] : data[-1],
          outputs: operand == 0 ? result[-2] : result[-1],
          isOutputsFirst: operand == 0 ? !transposeA : transposeB,
          hasActivationColumns: hasColumns, hasCotangentColumns: operand == 0)),
      cotangent: cotangent)
  }

  /// One product where only A has axes in front; else one for each of them.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func kernel<Scalar: TensorScalar>(
    _ operands: [Shape], _ result: Shape, _ type: Scalar.Type
  ) -> Kernel<Scalar> {
    guard let (rows, n, k, front) = extents(operands[0], operands[1]) else { return { _ in } }
    let (transposeA, transposeB) = (transposeA, transposeB)
    let folds = !transposeA && operands[1].dropLast(2).count == 1
    let m = folds ? rows * front.count : rows
    let (sizeA, sizeB, sizeC) = (m * k, k * n, m * n)
    let lda = transposeA ? m : k
    let ldb = transposeB ? k : n
    if folds || front.count == 1 {
      let tiles = MatMulTiles(m: m, n: n, k: k)
      return { operands in
        let a = UnsafeBufferPointer(start: operands[0], count: sizeA)
        let b = UnsafeBufferPointer(start: operands[1], count: sizeB)
        let c = UnsafeMutableBufferPointer(start: operands.result, count: sizeC)
        guard let pool = operands.pool, tiles.number > 1 else {
          for tile in 0..<tiles.number {
            tiles.run(tile, a, transposeA, lda, b, transposeB, ldb, c)
          }
          return
        }
        pool.run(tiles.number) { tile, _ in
          tiles.run(tile, a, transposeA, lda, b, transposeB, ldb, c)
        }
      }
    }
    let loops = StridedLoops(
      broadcasting: operands[0].dropLast(2), operands[1].dropLast(2), to: front)
    return { operands in
      let (a, b) = (operands[0], operands[1])
      var c = operands.result
      loops.forEach { matrixA, matrixB in
        MatrixProduct.gemm(
          UnsafeBufferPointer(start: a + matrixA * sizeA, count: sizeA), transposeA: transposeA,
          UnsafeBufferPointer(start: b + matrixB * sizeB, count: sizeB), transposeB: transposeB,
          m: m, n: n, k: k, into: UnsafeMutableBufferPointer(start: c, count: sizeC))
        c += sizeC
      }
    }
  }
}

/// A large product cut along the columns of its result into tiles that threads can share.
///
/// The cut depends on the extents alone, and each element is summed over k in one piece.
struct MatMulTiles: Sendable {
  let m: Int
  let n: Int
  let k: Int
  private let columns: Blocks

  /// Floating-point operations below which a tile is not worth handing to a thread.
  private static let smallestTile = 2_000_000
  /// Columns below which a tile packs more than it multiplies.
  private static let fewestColumns = 64

  init(m: Int, n: Int, k: Int) {
    self.m = m
    self.n = n
    self.k = k
    let wanted = max(1, min(2 * m * n * k / Self.smallestTile, n / Self.fewestColumns, 16))
    let width = (n + wanted - 1) / wanted
    columns = Blocks(n, size: max(wanted == 1 ? n : (width + 15) / 16 * 16, 1))
  }

  var number: Int { columns.number }

  @inline(__always)
  func run<Scalar: TensorScalar>(
    _ tile: Int, _ a: UnsafeBufferPointer<Scalar>, _ transposeA: Bool, _ lda: Int,
    _ b: UnsafeBufferPointer<Scalar>, _ transposeB: Bool, _ ldb: Int,
    _ c: UnsafeMutableBufferPointer<Scalar>
  ) {
    let range = columns[tile]
    let start = transposeB ? range.lowerBound * ldb : range.lowerBound
    MatrixProduct.gemm(
      a, transposeA: transposeA, lda: lda, UnsafeBufferPointer(rebasing: b[start...]),
      transposeB: transposeB, ldb: ldb, m: m, n: range.count, k: k,
      into: UnsafeMutableBufferPointer(rebasing: c[range.lowerBound...]), ldc: n)
  }
}

extension Graph {
  /// op(a) · op(b) over the last two axes.
  public mutating func matmul(
    _ a: NodeID, _ b: NodeID, transposeA: Bool = false, transposeB: Bool = false
  ) -> NodeID { add(MatMul(transposeA: transposeA, transposeB: transposeB), a, b) }

  /// x `[…, C]` as `[R, C]`.
  mutating func rows(_ x: NodeID) -> NodeID {
    let shape = shape(x)
    return shape.rank == 2 ? x : reshape(x, to: [shape.dropLast().count, shape[-1]])
  }
}
