import Autodiff
import TensorCore
import Testing

/// Derivatives of whole graphs against values known by hand or by another way.
@Suite struct TransformTests {
  /// y = Σ h², h = tanh x: h gets 2 h, and x what comes through h.
  @Test func aSourceThatAnotherDependsOnHasItsPartThroughIt() {
    var graph = Graph()
    let x = graph.input("x", [3])
    let h = graph.unary(.tanh, x)
    let y = graph.sum(graph.unary(.square, h), axes: [-1])
    let both = graph.gradient(of: y, withRespectTo: [x, h])
    let alone = graph.gradient(of: y, withRespectTo: [x])
    let values: Tensor<Double> = Tensor([3], [-0.5, 0.25, 2])
    let results = evaluate(graph, both + alone + [h], ["x": values])
    #expect(results[0] == results[2])
    #expect(results[0].scalars.allSatisfy { $0 != 0 })
    #expect(results[1] == 2 * results[3])
  }

  /// Items whose label leads by a gap: softmax is 1 up to rounding, and what counts is 1 − p.
  @Test(arguments: [12, 16, 20, 30] as [Double])
  func curvatureOfWellFittedItemsKeepsItsDigits(_ gap: Double) {
    var graph = Graph()
    let logits = graph.input("z", [2, 4])
    let labels = graph.indexInput("y", [2])
    let losses = graph.crossEntropy(logits, labels: labels)
    let direction = graph.input("v", [2, 4])
    let outputs =
      graph.hessianProduct(of: losses, along: [(logits, direction)])
      + graph.gaussNewtonProduct(of: losses, through: logits, along: [(logits, direction)])
    // The pull-back of v through the slope: the same symmetric matrix by reverse mode.
    let slope = graph.gradient(of: losses, withRespectTo: [logits])[0]
    let reverse = graph.gradient(of: slope, withRespectTo: [logits], seed: direction)
    let values: [String: Tensor<Float>] = [
      "z": Tensor([2, 4], [Float(gap), 0, 0.5, -0.25, 0.125, -1, Float(gap) - 1, 0]),
      "v": Tensor([2, 4], [0.75, -0.5, 0.3, 1, 0.2, 0.9, -0.4, 0.7]),
    ]
    let single = evaluate(graph, outputs + reverse, values, indices: ["y": [0, 2]])
    let exact = evaluate(
      graph, outputs + reverse, values.mapValues { $0.cast(to: Double.self) },
      indices: ["y": [0, 2]])
    for (single, exact) in zip(single, exact) {
      for (got, wanted) in zip(single.scalars, exact.scalars) {
        // A few roundings of Float, each element by itself.
        #expect(abs(Double(got) - wanted) <= 1e-5 * abs(wanted), "gap \(gap): \(got) and \(wanted)")
      }
    }
  }
}
