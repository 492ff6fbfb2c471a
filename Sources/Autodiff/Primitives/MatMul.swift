public import TensorCore

/// op(A) · op(B) over the last two axes; the axes in front broadcast, and some may be summed over.
public struct MatMul: Primitive {
  /// The name of the primitive.
  public static let name = "matmul"
  /// All transpositions, axes in front of either or both, a row of one, and sums of products.
  public static let examples = [
    PrimitiveExample(MatMul(), [[2, 3], [3, 4]]),
    PrimitiveExample(MatMul(transposeB: true), [[2, 3], [4, 3]]),
    PrimitiveExample(MatMul(transposeA: true), [[3, 2], [3, 4]]),
    PrimitiveExample(MatMul(transposeA: true, transposeB: true), [[3, 2], [4, 3]]),
    PrimitiveExample(MatMul(transposeB: true), [[2, 2, 3], [4, 3]]),
    PrimitiveExample(MatMul(), [[2, 3], [2, 3, 4]]),
    PrimitiveExample(MatMul(transposeA: true), [[2, 1, 3, 2], [2, 3, 4]]),
    PrimitiveExample(MatMul(transposeB: true, summedAxes: [-3]), [[3, 2, 3], [3, 4, 3]]),
    PrimitiveExample(MatMul(summedAxes: [-4]), [[3, 2, 2, 3], [2, 3, 1]]),
    PrimitiveExample(MatMul(summedAxes: [-4, -3]), [[3, 1, 2, 3], [2, 3, 1]]),
    PrimitiveExample(MatMul(transposeA: true, summedAxes: [-3]), [[3, 2], [4, 3, 2]]),
  ]
  /// Whether A's last two axes are swapped.
  public let transposeA: Bool
  /// Whether B's last two axes are swapped.
  public let transposeB: Bool
  /// The axes of the products that are summed over, counted from the end and ascending; −3 is the
  /// last in front of the matrices.
  public let summedAxes: [Int]

  /// The product with these transpositions, summed over these axes of the products.
  public init(transposeA: Bool = false, transposeB: Bool = false, summedAxes: [Int] = []) {
    precondition(summedAxes.allSatisfy { $0 <= -3 }, "the axes of the matrices are not summed over")
    self.transposeA = transposeA
    self.transposeB = transposeB
    self.summedAxes = summedAxes.sorted()
  }

  /// The extents m, n, k and the broadcast axes in front; nil where the shapes do not fit.
  private func extents(_ a: Shape, _ b: Shape) -> (m: Int, n: Int, k: Int, front: Shape)? {
    guard a.rank >= 2, b.rank >= 2, let front = a.dropLast(2).broadcast(with: b.dropLast(2)) else {
      return nil
    }
    let (m, k) = transposeA ? (a[-1], a[-2]) : (a[-2], a[-1])
    let (kB, n) = transposeB ? (b[-1], b[-2]) : (b[-2], b[-1])
    let areInFront = summedAxes.allSatisfy { $0 >= -2 - front.rank }
    return k == kB && areInFront ? (m, n, k, front) : nil
  }

  /// Whether an axis of those in front is summed over.
  private func isSummed(_ axis: Int, of front: Shape) -> Bool {
    summedAxes.contains(axis - front.rank - 2)
  }

  /// `[…, m, n]`, without the axes that are summed over.
  public func shape(of operands: [Shape]) throws(GraphError) -> Shape {
    guard let (m, n, _, front) = extents(operands[0], operands[1]) else {
      throw .shapes(
        primitive: Self.name, operands: operands,
        expected: "[…, M, K] and […, K, N]"
          + (transposeA || transposeB ? " after transposing" : ""))
    }
    let kept = front.extents.indices.filter { !isSummed($0, of: front) }
    return Shape(kept.map { front[$0] } + [m, n])
  }

  /// Ȧ · B + A · Ḃ.
  public func jvp(
    _ graph: inout Graph, operands: [NodeID], result: NodeID, tangents: [NodeID?]
  ) -> NodeID? {
    let rank = graph.shape(result).rank + summedAxes.count
    var terms: [NodeID] = []
    for (operand, tangent) in tangents.enumerated() {
      guard let tangent else { continue }
      let aligned = graph.aligned(tangent, from: graph.shape(operands[operand]), rank: rank)
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
    let c = withSummedAxes(&graph, cotangent)
    let shape = graph.shape(operands[operand])
    if operand == 0 {
      return transposeA
        ? graph.product(b, c, transposeA: transposeB, transposeB: true, to: shape)
        : graph.product(c, b, transposeB: !transposeB, to: shape)
    }
    if shape.rank == 2, !transposeA, graph.shape(a).dropLast(2) == graph.shape(c).dropLast(2) {
      // One product over all rows instead of a sum of products.
      let (rowsA, rowsC) = (graph.rows(a), graph.rows(c))
      return transposeB
        ? graph.matmul(rowsC, rowsA, transposeA: true)
        : graph.matmul(rowsA, rowsC, transposeA: true)
    }
    return transposeB
      ? graph.product(c, a, transposeA: true, transposeB: transposeA, to: shape)
      : graph.product(a, c, transposeA: !transposeA, to: shape)
  }

  /// The cotangent with an extent of one for each axis that was summed over.
  private func withSummedAxes(_ graph: inout Graph, _ cotangent: NodeID) -> NodeID {
    var extents = graph.shape(cotangent).extents
    for axis in summedAxes.reversed() { extents.insert(1, at: extents.count + axis + 1) }
    return graph.reshape(cotangent, to: Shape(extents))
  }

  /// Operands without the axis stay as they are; the others' axes are aligned with the result's.
  public func batched(
    _ graph: inout Graph, operands: [NodeID], single: [Shape], result: Shape, size: Int
  ) throws(GraphError) -> NodeID {
    let aligned = zip(operands, single).map { operand, shape in
      graph.shape(operand) == shape
        ? operand : graph.aligned(operand, from: shape, rank: result.rank + summedAxes.count)
    }
    return try graph.adding(self, aligned)
  }

  /// A weight, perhaps one for each group, on either side of the activations.
  public func factor(
    _ graph: Graph, operands: [NodeID], cotangent: NodeID, operand: Int, size: Int
  ) -> Factor? {
    let (weight, data) = (graph.shape(operands[operand]), graph.shape(operands[1 - operand]))
    let result = graph.shape(cotangent)
    let groups = weight.dropLast(2).extents.drop { $0 == 1 }
    guard summedAxes.isEmpty else { return nil }
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
    let folds = summedAxes.isEmpty && !transposeA && operands[1].dropLast(2).count == 1
    let m = folds ? rows * front.count : rows
    let (sizeA, sizeB, sizeC) = (m * k, k * n, m * n)
    if folds || front.count == 1 {
      let tiles = MatMulTiles(m: m, n: n, k: k)
      return { operands in
        let a = UnsafeBufferPointer(start: operands[0], count: sizeA)
        let b = UnsafeBufferPointer(start: operands[1], count: sizeB)
        let c = UnsafeMutableBufferPointer(start: operands.result, count: sizeC)
        operands.share(Blocks(tiles.number, size: 1)) { range in
          for tile in range { tiles.run(tile, a, transposeA, b, transposeB, 0, c) }
        }
      }
    }
    let terms = terms(operands[0].dropLast(2), operands[1].dropLast(2), to: front)
    guard sizeC > 0, !terms.isEmpty else {
      return { $0.result.update(repeating: 0, count: result.count) }
    }
    let products = result.count / sizeC
    let depth = terms.count / products
    let tiles = MatMulTiles(m: m, n: n, k: k, products: products, depth: depth)
    return { operands in
      let (a, b, c) = (operands[0], operands[1], operands.result)
      operands.share(tiles.blocks(of: products)) { range in
        for item in range {
          let (product, tile) = item.quotientAndRemainder(dividingBy: tiles.number)
          let result = UnsafeMutableBufferPointer(start: c + product * sizeC, count: sizeC)
          for term in product * depth..<(product + 1) * depth {
            tiles.run(
              tile,
              UnsafeBufferPointer(start: a + terms[term].a * sizeA, count: sizeA), transposeA,
              UnsafeBufferPointer(start: b + terms[term].b * sizeB, count: sizeB), transposeB,
              term == product * depth ? 0 : 1, result)
          }
        }
      }
    }
  }

  /// Which matrices of both operands are multiplied, those of one sum together and in order.
  private func terms(_ a: Shape, _ b: Shape, to front: Shape) -> [(a: Int, b: Int)] {
    var axes: [(isSummed: Bool, axis: StridedLoops.Axis)] = []
    var (strideA, strideB) = (1, 1)
    for axis in front.extents.indices.reversed() {
      let extentA = front.rank - axis <= a.rank ? a[axis - front.rank] : 1
      let extentB = front.rank - axis <= b.rank ? b[axis - front.rank] : 1
      axes.append(
        (
          isSummed(axis, of: front),
          (front[axis], extentA == 1 ? 0 : strideA, extentB == 1 ? 0 : strideB)
        ))
      strideA *= extentA
      strideB *= extentB
    }
    var terms: [(a: Int, b: Int)] = []
    let inner = axes.filter(\.isSummed) + axes.filter { !$0.isSummed }
    StridedLoops(axes: inner.map(\.axis)).forEach { terms.append(($0, $1)) }
    return terms
  }
}

/// A large product cut into tiles of its result that threads can share.
///
/// The cut depends on the extents alone; an element has the same bits in any cut.
struct MatMulTiles: Sendable {
  let m: Int
  let n: Int
  let k: Int
  private let rows: Blocks
  private let columns: Blocks
  /// Tiles that make a block worth a thread's while.
  private let blockSize: Int

  /// Floating-point operations below which a tile is not worth handing to a thread.
  private static let smallestTile = 2_000_000
  /// Tiles below these extents copy more than they multiply.
  private static let fewestColumns = 64
  private static let fewestRows = 24
  private static let mostTiles = 16

  /// - Parameters:
  ///   - products: How many results of these extents there are.
  ///   - depth: How many products make one result.
  init(m: Int, n: Int, k: Int, products: Int = 1, depth: Int = 1) {
    self.m = m
    self.n = n
    self.k = k
    let operations = Double(depth) * 2 * Double(m) * Double(n) * Double(k)
    // Many results are shared out as they are.
    let most = products >= Self.mostTiles ? 1 : Self.mostTiles
    let wanted = max(1, min(Int(min(operations / Double(Self.smallestTile), 1e9)), most))
    (rows, columns) = Self.cut(m, n, into: wanted)
    let tile = operations / Double(max(rows.number * columns.number, 1))
    blockSize = max(Int(Double(Self.smallestTile) / max(tile, 1)), 1)
  }

  /// As many tiles as wanted or fewer, so that they read as little as possible: each row of tiles
  /// reads all of B, each column of them all of A.
  private static func cut(_ m: Int, _ n: Int, into wanted: Int) -> (rows: Blocks, columns: Blocks) {
    var best = (rows: Blocks(m, size: max(m, 1)), columns: Blocks(n, size: max(n, 1)))
    func reads(_ cut: (rows: Blocks, columns: Blocks)) -> Int {
      cut.columns.number * m + cut.rows.number * n
    }
    for down in 1...max(1, min(wanted, m / fewestRows)) {
      let across = max(1, min(wanted / down, n / fewestColumns))
      let width = (n + across - 1) / across
      let cut = (
        rows: Blocks(m, size: max((m + down - 1) / down, 1)),
        columns: Blocks(n, size: max(across == 1 ? n : (width + 15) / 16 * 16, 1))
      )
      let (tiles, most) = (
        cut.rows.number * cut.columns.number, best.rows.number * best.columns.number
      )
      if tiles > most || tiles == most && reads(cut) < reads(best) { best = cut }
    }
    return best
  }

  /// The tiles of one result.
  var number: Int { rows.number * columns.number }

  /// The tiles of some results, in blocks for threads to take.
  func blocks(of products: Int) -> Blocks { Blocks(products * number, size: blockSize) }

  @inline(__always)
  func run<Scalar: TensorScalar>(
    _ tile: Int, _ a: UnsafeBufferPointer<Scalar>, _ transposeA: Bool,
    _ b: UnsafeBufferPointer<Scalar>, _ transposeB: Bool, _ beta: Scalar,
    _ c: UnsafeMutableBufferPointer<Scalar>
  ) {
    let (row, column) = tile.quotientAndRemainder(dividingBy: columns.number)
    let (down, across) = (rows[row], columns[column])
    let (lda, ldb) = (transposeA ? m : k, transposeB ? k : n)
    let startA = transposeA ? down.lowerBound : down.lowerBound * lda
    let startB = transposeB ? across.lowerBound * ldb : across.lowerBound
    let startC = down.lowerBound * n + across.lowerBound
    MatrixProduct.gemm(
      UnsafeBufferPointer(rebasing: a[startA...]), transposeA: transposeA, lda: lda,
      UnsafeBufferPointer(rebasing: b[startB...]), transposeB: transposeB, ldb: ldb,
      m: down.count, n: across.count, k: k, beta: beta,
      into: UnsafeMutableBufferPointer(rebasing: c[startC...]), ldc: n)
  }
}

extension Graph {
  /// op(a) · op(b) over the last two axes, summed over some axes in front counted from the end.
  public mutating func matmul(
    _ a: NodeID, _ b: NodeID, transposeA: Bool = false, transposeB: Bool = false,
    summedAxes: [Int] = []
  ) -> NodeID {
    if let source = beforeSwap(b) {
      return matmul(
        a, source, transposeA: transposeA, transposeB: !transposeB, summedAxes: summedAxes)
    }
    // Rows that lie one after another meet one matrix in one product, which is worth a transpose.
    if let source = beforeSwap(a), shape(a).rank == 2 || shape(b).dropLast(2).count > 1 {
      return matmul(
        source, b, transposeA: !transposeA, transposeB: transposeB, summedAxes: summedAxes)
    }
    return add(
      MatMul(transposeA: transposeA, transposeB: transposeB, summedAxes: summedAxes), a, b)
  }

  /// x before its last two axes were swapped; nil where they were not.
  private func beforeSwap(_ x: NodeID) -> NodeID? {
    guard let transpose = self[x].primitive as? Transpose else { return nil }
    let (order, rank) = (transpose.permutation, transpose.permutation.count)
    let swapped = Array(0..<max(rank - 2, 0)) + [rank - 1, rank - 2]
    return rank >= 2 && order == swapped ? self[x].operands[0] : nil
  }

  /// op(a) · op(b) as the cotangent of an operand of this shape: summed over the axes in front along
  /// which the operand was repeated, repeated along those it was summed over.
  fileprivate mutating func product(
    _ a: NodeID, _ b: NodeID, transposeA: Bool = false, transposeB: Bool = false, to shape: Shape
  ) -> NodeID {
    let (frontA, frontB) = (self.shape(a).dropLast(2), self.shape(b).dropLast(2))
    let front = frontA.broadcast(with: frontB) ?? frontA
    let own = shape.dropLast(2)
    let isRepeated = { (axis: Int) in front[-axis] != 1 && (axis > own.rank || own[-axis] == 1) }
    let axes = (1...max(front.rank, 1)).filter { $0 <= front.rank && isRepeated($0) }
    let sum = matmul(
      a, b, transposeA: transposeA, transposeB: transposeB, summedAxes: axes.map { -$0 - 2 })
    let narrow = Shape(
      own.extents.indices.map { axis in
        let place = own.rank - axis
        return place > front.rank || front[-place] == 1 ? 1 : own[axis]
      } + shape.suffix(2).extents)
    return broadcast(reshape(sum, to: narrow), from: narrow, to: shape)
  }

  /// x `[…, C]` as `[R, C]`.
  mutating func rows(_ x: NodeID) -> NodeID {
    let shape = shape(x)
    return shape.rank == 2 ? x : reshape(x, to: [shape.dropLast().count, shape[-1]])
  }
}
