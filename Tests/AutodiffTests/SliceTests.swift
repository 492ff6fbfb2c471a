import Autodiff
import TensorCore
import Testing

/// Slices, places and concatenations against plain lists.
@Suite struct SliceTests {
  @Test(arguments: [
    (0, 1, 7), (2, 1, 3), (0, 2, 4), (1, 3, 2), (6, -1, 7), (5, -2, 3), (4, 1, 0), (7, 1, 0),
  ])
  func slicesAndPlacesAreTransposes(_ start: Int, _ step: Int, _ count: Int) throws {
    let wanted = (0..<count).map { start + $0 * step }
    for inner in [1, 3] {
      var graph = Graph()
      let x = graph.input("x", [2, 7, inner])
      let v = graph.input("v", [2, count, inner])
      let places = SlicePlaces(extent: 7, start: start, step: step, count: count)
      let outputs = [
        try graph.adding(Slice(-2, places), [x]), try graph.adding(Place(-2, places), [v]),
      ]
      var draws = Draws(5)
      let values = ["x": draws.tensor([2, 7, inner]), "v": draws.tensor([2, count, inner])]
      let results = evaluate(graph, outputs, values)
      let (whole, part) = (try #require(values["x"]), try #require(values["v"]))
      var placed = Tensor<Double>([2, 7, inner])
      for item in 0..<2 {
        for (index, place) in wanted.enumerated() {
          for column in 0..<inner {
            #expect(results[0][item, index, column] == whole[item, place, column])
            placed[item, place, column] = part[item, index, column]
          }
        }
      }
      #expect(results[1] == placed)
    }
  }

  @Test func placesOutsideTheAxisAreRefused() {
    var graph = Graph()
    let x = graph.input("x", [2, 4])
    let odd = [
      SlicePlaces(extent: 4, start: 2, count: 3), SlicePlaces(extent: 4, start: -1, count: 2),
      SlicePlaces(extent: 4, start: 4, count: 1),
      SlicePlaces(extent: 4, start: 0, step: 0, count: 1),
      SlicePlaces(extent: 4, start: 1, step: -1, count: 3),
      SlicePlaces(extent: 4, start: 0, step: .max, count: 3),
      SlicePlaces(extent: 4, start: 3, step: .min, count: .max),
      SlicePlaces(extent: 4, start: 0, count: -1), SlicePlaces(extent: 5, start: 0, count: 4),
    ]
    for places in odd {
      #expect(throws: GraphError.self) { try graph.adding(Slice(-1, places), [x]) }
    }
    for places in odd.dropLast() {
      #expect(throws: GraphError.self) { try graph.adding(Place(-1, places), [x]) }
    }
    #expect(throws: GraphError.self) {
      let places = SlicePlaces(extent: .max, start: 0, count: 4)
      return try graph.adding(Place(-1, places), [x])
    }
    #expect(throws: GraphError.self) { try graph.adding(Slice(-3, odd[0]), [x]) }
    #expect(throws: GraphError.self) {
      try graph.adding(Concatenate(axis: -1), [x, graph.input("y", [3, 4])])
    }
    #expect(throws: GraphError.self) { try graph.adding(Concatenate(axis: -1), []) }
  }

  @Test func partsFollowOneAnother() {
    var graph = Graph()
    let parts = [[2, 1, 2], [2, 3, 2], [2, 2, 2]].enumerated().map {
      graph.input("x\($0)", Shape($1))
    }
    let joined = graph.concatenate(parts, axis: -2)
    var draws = Draws(9)
    var values: [String: Tensor<Double>] = [:]
    for (number, part) in parts.enumerated() {
      values["x\(number)"] = draws.tensor(graph.shape(part))
    }
    let result = evaluate(graph, [joined], values)[0]
    var wanted: [Double] = []
    for item in 0..<2 {
      for number in parts.indices {
        wanted += values["x\(number)"]?.row(item).scalars ?? []
      }
    }
    #expect(result == Tensor([2, 6, 2], wanted))
    // A tangent of one part alone is put in its place.
    let direction = graph.input("u", [2, 3, 2])
    let tangent = graph.jvp(of: [joined], along: [(parts[1], direction)])[0]
    let along = draws.tensor([2, 3, 2])
    values["u"] = along
    for number in parts.indices where number != 1 {
      values["x\(number)"] = Tensor(graph.shape(parts[number]))
    }
    values["x1"] = along
    let both = evaluate(graph, [joined] + [tangent].compactMap { $0 }, values)
    #expect(both.count == 2 && both[0] == both[1])
  }
}
