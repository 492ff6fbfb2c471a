import Autodiff
import TensorCore
import Testing

/// Poolings against loops over every window.
@Suite struct PoolingTests {
  static let cases: [[WindowAxis]] = [
    [WindowAxis(extent: 7, size: 3, stride: 2)],
    [WindowAxis(extent: 8, size: 3, stride: 2)],
    [WindowAxis(extent: 6, size: 3, stride: 2, low: 1, high: 1), WindowAxis(extent: 5, size: 2)],
    [WindowAxis(extent: 6, size: 3, stride: 4, low: 1, high: 1), WindowAxis(extent: 3, size: 3)],
    [WindowAxis(extent: 5, size: 2, stride: 3), WindowAxis(extent: 9, size: 3, stride: 3, low: 1)],
    [
      WindowAxis(extent: 9, size: 2, stride: 2, dilation: 3),
      WindowAxis(extent: 4, size: 2, stride: 2),
    ],
    [WindowAxis(extent: 4, size: 4), WindowAxis(extent: 3, size: 3)],
    [
      WindowAxis(extent: 2, size: 2, stride: 2), WindowAxis(extent: 5, size: 2, stride: 3, high: 1),
    ],
  ]

  /// The number of windows by PyTorch's rule: round up, but begin in the image or before it.
  private func count(_ axis: WindowAxis, _ roundsUp: Bool) -> Int {
    let free = axis.extent + axis.low + axis.high - axis.span
    guard roundsUp else { return free / axis.stride + 1 }
    let count = (free + axis.stride - 1) / axis.stride + 1
    return (count - 1) * axis.stride >= axis.extent + axis.low ? count - 1 : count
  }

  @Test(arguments: cases, [false, true])
  func largestAndMean(_ axes: [WindowAxis], _ roundsUp: Bool) throws {
    let counts = axes.map { count($0, roundsUp) }
    let shape = Shape([2] + axes.map(\.extent))
    var graph = Graph()
    let x = graph.input("x", shape)
    let outputs = [
      try graph.maxPooling(x, over: axes, roundsUp: roundsUp),
      try graph.averagePooling(x, over: axes, roundsUp: roundsUp),
      try graph.averagePooling(x, over: axes, roundsUp: roundsUp, countsPadding: true),
    ]
    var draws = Draws(8)
    let value = draws.tensor(shape)
    let results = evaluate(graph, outputs, ["x": value])
    var wanted = outputs.map { Tensor<Double>(graph.shape($0)) }
    #expect(wanted.allSatisfy { $0.shape == Shape([2] + counts) })
    for item in 0..<2 {
      for window in ConvolutionTests.positions(counts) {
        var elements: [Double] = []
        var padded = 0
        for element in ConvolutionTests.positions(axes.map(\.size)) {
          let isInPadding = zip(axes, zip(window, element)).allSatisfy { axis, place in
            place.0 * axis.stride + place.1 * axis.dilation < axis.extent + axis.low + axis.high
          }
          padded += isInPadding ? 1 : 0
          guard let place = ConvolutionTests.inside(axes, window, element) else { continue }
          elements.append(value.scalars[ConvolutionTests.offset([item] + place, shape)])
        }
        let index = ConvolutionTests.offset([item] + window, wanted[0].shape)
        wanted[0].scalars[index] = try #require(elements.max())
        wanted[1].scalars[index] = elements.reduce(0, +) / Double(elements.count)
        wanted[2].scalars[index] = elements.reduce(0, +) / Double(padded)
      }
    }
    #expect(results[0] == wanted[0])
    #expect(difference(results[1], wanted[1]) <= 1e-15)
    #expect(difference(results[2], wanted[2]) <= 1e-15)
  }

  @Test func extremesAndTheirPlacesOverAnyAxes() throws {
    var graph = Graph()
    let x = graph.input("x", [3, 4, 5])
    let outputs = [
      try graph.maximum(x, axes: [-3, -1]), try graph.minimum(x, axes: [-2], keepsAxes: true),
      graph.mean(x, axes: [-3, -1], keepsAxes: true), try graph.maximumPlace(x, axis: -2),
    ]
    var draws = Draws(9)
    let value = draws.tensor([3, 4, 5])
    let results = evaluate(graph, outputs, ["x": value])
    #expect(outputs.map { graph.shape($0) } == [[4], [3, 1, 5], [1, 4, 1], [3, 5]])
    for row in 0..<4 {
      let all = (0..<3).flatMap { i in (0..<5).map { value[i, row, $0] } }
      #expect(results[0][row] == all.max())
      #expect(abs(results[2][0, row, 0] - all.reduce(0, +) / 15) <= 1e-15)
    }
    for i in 0..<3 {
      for k in 0..<5 {
        let column = (0..<4).map { value[i, $0, k] }
        #expect(results[1][i, 0, k] == column.min())
        #expect(
          results[3][i, k] == column.firstIndex(of: try #require(column.max())).map(Double.init))
      }
    }
    let empty = graph.input("e", [2, 0])
    #expect(throws: GraphError.self) { try graph.maximum(empty, axes: [-1]) }
    #expect(throws: GraphError.self) { try graph.maximumPlace(empty, axis: -1) }
  }
}
