import Autodiff
import RealModule
import TensorCore
import Testing

/// Normalisations, attention and selection against their formulas.
@Suite struct NormalizationTests {
  private func normal(_ x: [Double], _ epsilon: Double) -> [Double] {
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    return x.map { ($0 - mean) / (variance + epsilon).squareRoot() }
  }

  @Test func layersGroupsAndBatches() throws {
    var graph = Graph()
    let x = graph.input("x", [2, 4, 3])
    let layerScale = graph.input("s", [4, 3]), layerOffset = graph.input("o", [3])
    let scale = graph.input("c", [4]), offset = graph.input("d", [4])
    let mean = graph.input("m", [4]), variance = graph.input("v", [4])
    let outputs = [
      try graph.layerNormalization(
        x, axes: 2, scale: layerScale, offset: layerOffset, epsilon: 0.01),
      try graph.rmsNormalization(x, scale: layerOffset, epsilon: 0.01),
      try graph.groupNormalization(
        x, groups: 2, positionAxes: 1, scale: scale, offset: offset, epsilon: 0.01),
      try graph.batchNormalization(
        x, positionAxes: 1, mean: mean, variance: variance, scale: scale, offset: offset,
        epsilon: 0.01),
    ]
    var draws = Draws(10)
    var values: [String: Tensor<Double>] = [:]
    for (label, shape) in [
      ("x", [2, 4, 3]), ("s", [4, 3]), ("o", [3]), ("c", [4]), ("d", [4]), ("m", [4]),
    ] {
      values[label] = draws.tensor(Shape(shape))
    }
    values["v"] = draws.tensor([4], in: 0.1...2)
    let results = evaluate(graph, outputs, values)
    func value(_ label: String) throws -> Tensor<Double> { try #require(values[label]) }
    let (xs, s, o, c, d) = (
      try value("x"), try value("s"), try value("o"), try value("c"), try value("d")
    )
    let (m, v) = (try value("m"), try value("v"))
    for item in 0..<2 {
      let layer = normal(xs.row(item).scalars, 0.01)
      for channel in 0..<4 {
        let group = normal(
          Array(xs.row(item).scalars[channel / 2 * 6..<channel / 2 * 6 + 6]), 0.01)
        let row = (0..<3).map { xs[item, channel, $0] }
        let root = (row.reduce(0) { $0 + $1 * $1 } / 3 + 0.01).squareRoot()
        for place in 0..<3 {
          let wanted = [
            layer[channel * 3 + place] * s[channel, place] + o[place],
            row[place] / root * o[place],
            group[channel % 2 * 3 + place] * c[channel] + d[channel],
            (row[place] - m[channel]) / (v[channel] + 0.01).squareRoot() * c[channel] + d[channel],
          ]
          for (result, wanted) in zip(results, wanted) {
            #expect(abs(result[item, channel, place] - wanted) <= 1e-14)
          }
        }
      }
    }
    #expect(throws: GraphError.self) { try graph.groupNormalization(x, groups: 3, positionAxes: 1) }
    #expect(throws: GraphError.self) { try graph.groupNormalization(x, groups: 1, positionAxes: 3) }
    #expect(throws: GraphError.self) { try graph.layerNormalization(x, axes: 4) }
    #expect(throws: GraphError.self) { try graph.layerNormalization(x, scale: scale) }
  }

  @Test func attentionLooksWhereItMay() throws {
    var graph = Graph()
    let q = graph.input("q", [2, 3, 4]), k = graph.input("k", [2, 5, 4])
    let v = graph.input("v", [2, 5, 2])
    let added = graph.input("a", [3, 5]), allowed = graph.input("b", [3, 5])
    let outputs = [
      try graph.attention(q, k, v), try graph.attention(q, k, v, scale: 0.3, mask: .added(added)),
      try graph.attention(q, k, v, mask: .allowed(allowed)),
      try graph.attention(q, k, v, isCausal: true),
    ]
    var draws = Draws(11)
    var values = [
      "q": draws.tensor([2, 3, 4]), "k": draws.tensor([2, 5, 4]), "v": draws.tensor([2, 5, 2]),
      "a": draws.tensor([3, 5]),
    ]
    // The last query may look at nothing.
    let conditions: [Double] = [1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    values["b"] = Tensor([3, 5], conditions)
    let results = evaluate(graph, outputs, values)
    func value(_ label: String) throws -> Tensor<Double> { try #require(values[label]) }
    let (qs, ks, vs, added1) = (try value("q"), try value("k"), try value("v"), try value("a"))
    for item in 0..<2 {
      for t in 0..<3 {
        let scores = (0..<5).map { s in
          (0..<4).reduce(0.0) { $0 + qs[item, t, $1] * ks[item, s, $1] }
        }
        let weights: [[Double]] = [
          scores.map { Double.exp($0 / 2) },
          scores.enumerated().map { Double.exp(0.3 * $1 + added1[t, $0]) },
          scores.enumerated().map { conditions[t * 5 + $0] == 0 ? 0 : Double.exp($1 / 2) },
          scores.enumerated().map { $0 > t ? 0 : Double.exp($1 / 2) },
        ]
        for (result, weights) in zip(results, weights) {
          let total = weights.reduce(0, +)
          for column in 0..<2 {
            let sum = (0..<5).reduce(0.0) { $0 + weights[$1] * vs[item, $1, column] }
            let got = result[item, t, column]
            #expect(total == 0 ? got.isNaN : abs(got - sum / total) <= 1e-14)
          }
        }
      }
    }
    #expect(throws: GraphError.self) { try graph.attention(q, v, k) }
    #expect(throws: GraphError.self) { try graph.attention(q, k, v, mask: .allowed(q)) }
    // What is hidden has exact zeros for its gradients, where every query may look somewhere.
    let some = graph.slice(q, axis: -2, start: 0, count: 2)
    let rows = graph.slice(allowed, axis: -2, start: 0, count: 2)
    let seen = try graph.attention(some, k, v, mask: .allowed(rows))
    let gradient = graph.gradient(of: seen, withRespectTo: [k, v])
    let gradients = evaluate(graph, gradient, values)
    for item in 0..<2 {
      for column in 0..<4 { #expect(gradients[0][item, 1, column] == 0) }
      #expect(gradients[1][item, 1, 0] == 0 && gradients[1][item, 0, 0] != 0)
    }
  }

  /// What was not selected leaves no NaN behind.
  @Test func selectionAndBounds() throws {
    var graph = Graph()
    let x = graph.input("x", [4])
    let zero = graph.constant(0)
    let root = graph.unary(.sqrt, x)
    let condition = graph.binary(.less, zero, x)
    let selected = graph.select(condition, root, otherwise: x)
    let (low, high) = (graph.constant(-1), graph.constant(2))
    let clipped = graph.clip(x, low: low, high: high)
    let slopes =
      graph.gradient(of: selected, withRespectTo: [x])
      + graph.gradient(of: clipped, withRespectTo: [x])
    let value = Tensor<Double>([4], [-4, -1, 4, 2])
    let results = evaluate(graph, [selected, clipped] + slopes, ["x": value])
    #expect(results[0].scalars == [-4, -1, 2, 2.0.squareRoot()])
    #expect(results[1].scalars == [-1, -1, 2, 2])
    #expect(results[3].scalars == [0, 1, 0, 1])
    #expect(results[2].scalars[2] == 0.25)
  }
}
