import Autodiff
import TensorCore
import Testing

/// The primitives on images against loops over every window and every element of it.
@Suite struct WindowTests {
  /// Windows of many kinds: steps, dilation, padding, cropping, pairs side by side, long rows.
  static let cases = [
    Windows(WindowAxis(extent: 1, size: 1), WindowAxis(extent: 1, size: 1)),
    Windows(WindowAxis(extent: 5, size: 3), WindowAxis(extent: 6, size: 3)),
    Windows(
      WindowAxis(extent: 5, size: 3, low: 1, high: 1), WindowAxis(extent: 40, size: 5, low: 2)),
    Windows(
      WindowAxis(extent: 7, size: 3, stride: 2, low: 1, high: 2), WindowAxis(extent: 6, size: 2)),
    Windows(
      WindowAxis(extent: 9, size: 3, dilation: 3, low: 4), WindowAxis(extent: 9, size: 2, stride: 3)
    ),
    Windows(
      WindowAxis(extent: 3, size: 2, stride: 5, low: 1, high: 9),
      WindowAxis(extent: 4, size: 4, low: 3, high: 3)),
    Windows(WindowAxis(extent: 6, size: 2, stride: 2), WindowAxis(extent: 34, size: 2, stride: 2)),
    Windows(WindowAxis(extent: 7, size: 2, stride: 2), WindowAxis(extent: 5, size: 2, stride: 2)),
    Windows(
      WindowAxis(extent: 6, size: 2, stride: 2, high: 2), WindowAxis(extent: 6, size: 2, stride: 2)),
    Windows(
      WindowAxis(extent: 6, size: 2, low: -2, high: -1), WindowAxis(extent: 9, size: 3, low: -1)),
    Windows(WindowAxis(extent: 1, size: 1), WindowAxis(extent: 50, size: 50)),
    Windows(WindowAxis(extent: 2, size: 2), WindowAxis(extent: 20, size: 30, low: 4, high: 6)),
  ]

  /// Where each element of each window stands in the plane; nil for padding.
  static func places(_ windows: Windows) -> [[Int?]] {
    func place(_ axis: WindowAxis, _ window: Int, _ element: Int) -> Int? {
      let place = window * axis.stride + element * axis.dilation - axis.low
      return place >= 0 && place < axis.extent ? place : nil
    }
    var places: [[Int?]] = []
    for m in 0..<windows.rows.windows {
      for n in 0..<windows.columns.windows {
        var window: [Int?] = []
        for i in 0..<windows.rows.size {
          for j in 0..<windows.columns.size {
            let row = place(windows.rows, m, i), column = place(windows.columns, n, j)
            window.append(row.flatMap { row in column.map { row * windows.columns.extent + $0 } })
          }
        }
        places.append(window)
      }
    }
    return places
  }

  private func run<Scalar: TensorScalar>(
    _ primitive: any Primitive, _ operands: [Tensor<Scalar>], pool: WorkerPool? = nil
  ) throws -> Tensor<Scalar> {
    var graph = Graph()
    var values: [String: Tensor<Scalar>] = [:]
    let nodes = operands.enumerated().map { position, operand in
      values["x\(position)"] = operand
      return graph.input("x\(position)", operand.shape)
    }
    let result = try graph.adding(primitive, nodes)
    return evaluate(graph, [result], values, pool: pool)[0]
  }

  @Test(arguments: cases) func unfoldedAndFolded(_ windows: Windows) throws {
    let places = Self.places(windows)
    let (size, planes) = (windows.image.count, 3)
    var draws = Draws(1)
    let x = draws.tensor(Shape([planes]).appending(windows.image))
    let unfolded = try run(Unfold(windows), [x])
    let columns = draws.tensor(unfolded.shape)
    let folded = try run(Fold(windows), [columns])
    var sums = [Double](repeating: 0, count: x.count)
    for plane in 0..<planes {
      for element in 0..<windows.window.count {
        for (number, window) in places.enumerated() {
          let row = plane * windows.window.count + element
          let own = window[element].map { x.scalars[plane * size + $0] } ?? 0
          #expect(unfolded[row, number] == own)
          if let place = window[element] { sums[plane * size + place] += columns[row, number] }
        }
      }
    }
    #expect(difference(folded, Tensor(x.shape, sums)) <= 1e-15)
    // The float kernels move the same numbers.
    let single = try run(Unfold(windows), [x.cast(to: Float.self)])
    #expect(single == unfolded.cast())
  }

  @Test(arguments: cases) func theLargestOfEachWindow(_ windows: Windows) throws {
    let places = Self.places(windows)
    let (size, planes) = (windows.image.count, 3)
    var draws = Draws(2)
    // Few values, so that there are ties.
    let x = Tensor<Double>(
      Shape([planes]).appending(windows.image),
      (0..<planes * size).map { _ in Double(draws.indices(1, below: 5)[0]) - 2 })
    let v = draws.tensor(x.shape)
    let c = draws.tensor(Shape([planes]).appending(windows.places))
    let pooled = try run(MaxPool(windows), [x])
    let selected = try run(WindowSelect(windows), [x, v])
    let scattered = try run(WindowScatter(windows), [x, c])
    var sums = [Double](repeating: 0, count: x.count)
    for plane in 0..<planes {
      for (number, window) in places.enumerated() {
        var best: Int?
        for place in window.compactMap({ $0 })
        where best.map({
          x.scalars[plane * size + place] > x.scalars[plane * size + $0]
        }) ?? true { best = place }
        let result = plane * places.count + number
        #expect(pooled.scalars[result] == best.map { x.scalars[plane * size + $0] } ?? -.infinity)
        #expect(selected.scalars[result] == best.map { v.scalars[plane * size + $0] } ?? 0)
        if let best { sums[plane * size + best] += c.scalars[result] }
      }
    }
    #expect(difference(scattered, Tensor(x.shape, sums)) <= 1e-15)
    let single = try run(WindowSelect(windows), [x.cast(to: Float.self), v.cast(to: Float.self)])
    #expect(single == selected.cast())
    #expect(try run(MaxPool(windows), [x.cast(to: Float.self)]) == pooled.cast())
    // A NaN is the largest of its windows, and the derivative goes to it.
    guard let place = places.joined().compactMap({ $0 }).first else { return }
    var marked = x
    marked.scalars[place] = .nan
    let found = try run(MaxPool(windows), [marked])
    let there = try run(WindowSelect(windows), [marked, v])
    for (number, window) in places.enumerated() {
      #expect(found.scalars[number].isNaN == window.contains(place))
      if window.contains(place) { #expect(there.scalars[number] == v.scalars[place]) }
    }
  }

  /// The kernels work on sixteen neighbours at once, but write nothing beyond their results.
  @Test(arguments: cases) func whatStandsBehindTheResultStays(_ windows: Windows) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      let (image, places) = (windows.image.count, windows.places.count)
      let unfolded = windows.window.count * places
      for planes in 1...3 {
        let long = [Scalar](repeating: 1, count: planes * max(image, unfolded))
        func check(_ count: Int, _ kernel: (UnsafeMutablePointer<Scalar>) -> Void) {
          var memory = [Scalar](repeating: 7, count: planes * count + 40)
          memory.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { kernel(base + 20) }
          }
          #expect(memory.prefix(20).allSatisfy { $0 == 7 })
          #expect(memory.suffix(20).allSatisfy { $0 == 7 })
        }
        check(unfolded) { Scalar.unfold(planes, windows, long, $0) }
        check(image) { Scalar.fold(planes, windows, long, $0) }
        check(places) { Scalar.maxPool(planes, windows, long, $0) }
        check(places) { Scalar.windowSelect(planes, windows, long, long, $0) }
        check(image) { Scalar.windowScatter(planes, windows, long, long, $0) }
      }
    }
    body(Float.self)
    body(Double.self)
  }

  @Test func threadsShareThePlanesAndChangeNoBit() throws {
    let windows = Windows(
      WindowAxis(extent: 20, size: 3, low: 1, high: 1), WindowAxis(extent: 30, size: 3))
    var draws = Draws(3)
    let x: Tensor<Float> = draws.tensor([5, 40, 20, 30]).cast()
    let pool = WorkerPool(threads: 3)
    let columns = try run(Unfold(windows), [x])
    #expect(try run(Unfold(windows), [x], pool: pool) == columns)
    #expect(try run(Fold(windows), [columns], pool: pool) == run(Fold(windows), [columns]))
    let pooled = try run(MaxPool(windows), [x])
    #expect(try run(MaxPool(windows), [x], pool: pool) == pooled)
    #expect(
      try run(WindowSelect(windows), [x, x], pool: pool) == run(WindowSelect(windows), [x, x]))
    #expect(
      try run(WindowScatter(windows), [x, pooled], pool: pool)
        == run(WindowScatter(windows), [x, pooled]))
  }

  /// Numbers from a file may be anything; none of them traps.
  @Test func windowsThatMakeNoSenseAreRefused() {
    let odd = [
      WindowAxis(extent: 4, size: 5), WindowAxis(extent: 4, size: 0),
      WindowAxis(extent: 4, size: 2, stride: 0), WindowAxis(extent: 4, size: 2, stride: -1),
      WindowAxis(extent: 4, size: 2, dilation: 0), WindowAxis(extent: 4, size: 2, low: -3),
      WindowAxis(extent: 4, size: 2, low: .max, high: .max), WindowAxis(extent: 4, size: .max),
      WindowAxis(extent: 4, size: 2, stride: .min, dilation: .max, low: .min, high: .min),
      WindowAxis(extent: 5, size: 2),
    ]
    var graph = Graph()
    let x = graph.input("x", [1, 4, 4])
    for axis in odd {
      let windows = Windows(WindowAxis(extent: 4, size: 1), axis)
      for primitive in [Unfold(windows), Fold(windows), MaxPool(windows)] as [any Primitive] {
        #expect(throws: GraphError.self) { try graph.adding(primitive, [x]) }
      }
      for primitive in [WindowSelect(windows), WindowScatter(windows)] as [any Primitive] {
        #expect(throws: GraphError.self) { try graph.adding(primitive, [x, x]) }
      }
    }
    // Each number is within bounds, but the columns of an unfolded image are beyond count.
    let large = WindowAxis(extent: 4, size: 1 << 27, low: 1 << 27, high: 1 << 27)
    #expect(throws: GraphError.self) { try graph.adding(Unfold(Windows(large, large)), [x]) }
  }
}
