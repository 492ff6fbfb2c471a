import Autodiff
import TensorCore
import Testing

/// Convolutions and poolings against loops over every window.
@Suite struct ConvolutionTests {
  struct Case: CustomTestStringConvertible {
    var channels = 2, outputs = 3, groups = 1
    var axes: [WindowAxis]
    var testDescription: String { "\(channels) to \(outputs) by \(groups), \(axes)" }
  }

  static let cases = [
    Case(axes: [WindowAxis(extent: 6, size: 3), WindowAxis(extent: 5, size: 2)]),
    Case(axes: [WindowAxis(extent: 9, size: 3, stride: 2, dilation: 2, low: 1, high: 2)]),
    Case(channels: 4, outputs: 6, groups: 2, axes: [WindowAxis(extent: 7, size: 3, low: 2)]),
    Case(
      channels: 3, outputs: 6, groups: 3,
      axes: [WindowAxis(extent: 4, size: 2, stride: 2), WindowAxis(extent: 5, size: 3, low: 1)]),
    Case(axes: [WindowAxis(extent: 4, size: 1), WindowAxis(extent: 3, size: 1)]),
    Case(axes: [WindowAxis(extent: 4, size: 1, stride: 2), WindowAxis(extent: 3, size: 1)]),
  ]

  /// The indices of one or two axes as pairs.
  static func positions(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { all, extent in all.flatMap { one in (0..<extent).map { one + [$0] } } }
  }

  static func inside(_ axes: [WindowAxis], _ window: [Int], _ element: [Int]) -> [Int]? {
    var place: [Int] = []
    for (axis, (i, j)) in zip(axes, zip(window, element)) {
      let p = i * axis.stride + j * axis.dilation - axis.low
      guard p >= 0, p < axis.extent else { return nil }
      place.append(p)
    }
    return place
  }

  static func offset(_ indices: [Int], _ shape: Shape) -> Int {
    zip(indices, shape.extents).reduce(0) { $0 * $1.1 + $1.0 }
  }

  /// Calls `body` with the places in x, in the weight and in y that are multiplied and added.
  private func forEachTerm(
    _ test: Case, item: Int, x: Shape, w: Shape, y: Shape, body: (Int, Int, Int) -> Void
  ) {
    let (inputs, outputs) = (test.channels / test.groups, test.outputs / test.groups)
    for output in 0..<test.outputs {
      for input in 0..<inputs {
        let channel = output / outputs * inputs + input
        for window in Self.positions(test.axes.map(\.windows)) {
          for element in Self.positions(test.axes.map(\.size)) {
            guard let place = Self.inside(test.axes, window, element) else { continue }
            body(
              Self.offset([item, channel] + place, x), Self.offset([output, input] + element, w),
              Self.offset([item, output] + window, y))
          }
        }
      }
    }
  }

  @Test(arguments: cases) func convolutionsAndTheirGradients(_ test: Case) throws {
    var graph = Graph()
    let x = graph.input("x", Shape([2, test.channels] + test.axes.map(\.extent)))
    let w = graph.input(
      "w", Shape([test.outputs, test.channels / test.groups] + test.axes.map(\.size)))
    let b = graph.input("b", [test.outputs])
    let y = try graph.convolution(x, w, bias: b, over: test.axes, groups: test.groups)
    let seed = graph.input("seed", graph.shape(y))
    let gradients = graph.gradient(of: y, withRespectTo: [x, w, b], seed: seed)
    var draws = Draws(6)
    var values: [String: Tensor<Double>] = [:]
    for (label, node) in [("x", x), ("w", w), ("b", b), ("seed", seed)] {
      values[label] = draws.tensor(graph.shape(node))
    }
    let results = evaluate(graph, [y] + gradients, values)
    let (xs, ws) = (try #require(values["x"]), try #require(values["w"]))
    let (bs, cs) = (try #require(values["b"]), try #require(values["seed"]))
    var wanted = [y, x, w, b].map { Tensor<Double>(graph.shape($0)) }
    #expect(wanted[0].shape == Shape([2, test.outputs] + test.axes.map(\.windows)))
    let places = wanted[0].count / 2 / test.outputs
    for index in 0..<wanted[0].count {
      let output = index / places % test.outputs
      wanted[0].scalars[index] = bs[output]
      wanted[3].scalars[output] += cs.scalars[index]
    }
    for item in 0..<2 {
      forEachTerm(test, item: item, x: xs.shape, w: ws.shape, y: cs.shape) { i, j, k in
        wanted[0].scalars[k] += xs.scalars[i] * ws.scalars[j]
        wanted[1].scalars[i] += cs.scalars[k] * ws.scalars[j]
        wanted[2].scalars[j] += cs.scalars[k] * xs.scalars[i]
      }
    }
    for (result, wanted) in zip(results, wanted) { #expect(difference(result, wanted) <= 1e-14) }
  }

  /// The transposed convolution is the gradient of a convolution by its images.
  @Test(arguments: cases) func transposedConvolutions(_ test: Case) throws {
    var graph = Graph()
    let y = graph.input("y", Shape([2, test.outputs] + test.axes.map(\.windows)))
    let w = graph.input(
      "w", Shape([test.outputs, test.channels / test.groups] + test.axes.map(\.size)))
    let b = graph.input("b", [test.channels])
    let x = try graph.transposedConvolution(y, w, bias: b, over: test.axes, groups: test.groups)
    var draws = Draws(7)
    let values = [
      "y": draws.tensor(graph.shape(y)), "w": draws.tensor(graph.shape(w)),
      "b": draws.tensor([test.channels]),
    ]
    let result = evaluate(graph, [x], values)[0]
    let (ys, ws) = (try #require(values["y"]), try #require(values["w"]))
    var wanted = Tensor<Double>(Shape([2, test.channels] + test.axes.map(\.extent)))
    let bias = try #require(values["b"])
    let size = wanted.count / 2 / test.channels
    for index in 0..<wanted.count { wanted.scalars[index] = bias[index / size % test.channels] }
    for item in 0..<2 {
      forEachTerm(test, item: item, x: wanted.shape, w: ws.shape, y: ys.shape) { i, j, k in
        wanted.scalars[i] += ys.scalars[k] * ws.scalars[j]
      }
    }
    #expect(difference(result, wanted) <= 1e-14)
  }

  /// The extent that a transposed convolution makes: stride · (in − 1) + output padding + span − padding.
  @Test func windowsOfTransposedConvolutions() {
    for stride in 1...3 {
      for dilation in 1...2 {
        for padding in 0...2 {
          for outputPadding in 0..<max(stride, dilation) {
            let axis = WindowAxis(
              transposing: 4, size: 3, stride: stride, dilation: dilation, low: padding,
              high: padding,
              outputPadding: outputPadding)
            #expect(axis.windows == 4)
            #expect(axis.extent == stride * 3 + outputPadding + 2 * dilation + 1 - 2 * padding)
          }
        }
      }
    }
    #expect(WindowAxis(transposing: .max, size: 3).windows == 0)
    #expect(WindowAxis(transposing: 2, size: 1, low: 2, high: 2).windows == 0)
  }

  @Test func operandsThatDoNotFitAreRefused() {
    var graph = Graph()
    let x = graph.input("x", [4, 6, 6]), w = graph.input("w", [2, 4, 3, 3])
    let axis = WindowAxis(extent: 6, size: 3)
    let odd: [(NodeID, NodeID, NodeID?, [WindowAxis], Int)] = [
      (x, w, nil, [axis], 1), (x, w, nil, [axis, axis, axis], 1), (x, w, nil, [], 1),
      (x, w, nil, [axis, axis], 2), (x, w, nil, [axis, axis], 0), (w, w, nil, [axis, axis], 1),
      (x, w, graph.input("b", [4]), [axis, axis], 1), (x, x, nil, [axis, axis], 1),
      (x, w, nil, [axis, WindowAxis(extent: 6, size: 2)], 1),
      (x, w, nil, [axis, WindowAxis(extent: 7, size: 3)], 1),
      (x, graph.input("v", [2, 4, 3, 9]), nil, [axis, WindowAxis(extent: 6, size: 9)], 1),
    ]
    for (x, w, b, axes, groups) in odd {
      #expect(throws: GraphError.self) {
        try graph.convolution(x, w, bias: b, over: axes, groups: groups)
      }
      #expect(throws: GraphError.self) {
        try graph.transposedConvolution(x, w, bias: b, over: axes, groups: groups)
      }
      #expect(throws: GraphError.self) { try graph.averagePooling(w, over: axes + [axis]) }
    }
    #expect(throws: GraphError.self) {
      try graph.averagePooling(x, over: [WindowAxis(extent: 6, size: 1, low: 1), axis])
    }
  }
}
