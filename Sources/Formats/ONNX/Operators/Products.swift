import Autodiff
import TensorCore

/// Products of matrices.
extension ONNXOperator {
  static let products: [ONNXOperator] = [
    ONNXOperator("MatMul", matmul), ONNXOperator("Gemm", gemm), ONNXOperator("Einsum", einsum),
  ]

  /// Vectors count as a row on the left and a column on the right.
  private static func matmul(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    var (a, b) = (try o.input(0), try o.input(1))
    let (shapeA, shapeB) = (o.graph.shape(a), o.graph.shape(b))
    guard shapeA.rank >= 1, shapeB.rank >= 1 else {
      throw o.fault("a product of \(shapeA) and \(shapeB)", expected: "vectors or matrices")
    }
    if shapeA.rank == 1 { a = try o.reshape(a, to: [1, shapeA[0]]) }
    if shapeB.rank == 1 { b = try o.reshape(b, to: [shapeB[0], 1]) }
    let product = try o.matmul(a, b)
    var extents = o.graph.shape(product).extents
    if shapeA.rank == 1 { extents.remove(at: extents.count - 2) }
    if shapeB.rank == 1 { extents.removeLast() }
    return [try o.result(try o.reshape(product, to: extents))]
  }

  /// α op(A) op(B) + β C.
  private static func gemm(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    o.ignore("broadcast")
    let (alpha, beta) = (try o.float("alpha") ?? 1, try o.float("beta") ?? 1)
    let (swapsA, swapsB) = (try o.flag("transA"), try o.flag("transB"))
    var (a, b) = (try o.input(0), try o.input(1))
    guard o.graph.shape(a).rank == 2, o.graph.shape(b).rank == 2 else {
      throw o.fault("\(o.graph.shape(a)) and \(o.graph.shape(b))", expected: "two matrices")
    }
    if swapsA { a = try o.transpose(a, [1, 0]) }
    if swapsB { b = try o.transpose(b, [1, 0]) }
    let product = o.graph.affine(try o.matmul(a, b), scale: alpha, offset: 0)
    guard let c = try o.optionalInput(2) else { return [try o.result(product)] }
    let sum = try o.add(product, o.graph.affine(c, scale: beta, offset: 0))
    guard o.graph.shape(sum) == o.graph.shape(product) else {
      throw o.fault("\(o.graph.shape(c)) added to \(o.graph.shape(product))")
    }
    return [try o.result(sum)]
  }
}
