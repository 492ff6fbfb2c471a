import Autodiff
import TensorCore

/// Recurrent layers, written out step by step for the known number of positions.
extension ONNXOperator {
  static let recurrences: [ONNXOperator] = [
    ONNXOperator("RNN") { o throws(FormatError) in
      try recurrent(&o, gates: 1, activations: ["Tanh"]) { o, c throws(FormatError) in
        let sum = try o.add(try c.input(&o, 0), try c.recurrence(&o, 0))
        return (try o.activate(sum, c.activations[0]), nil)
      }
    },
    ONNXOperator("GRU") { o throws(FormatError) in
      let resetsAfter = try o.flag("linear_before_reset")
      return try recurrent(&o, gates: 3, activations: ["Sigmoid", "Tanh"]) {
        o, c throws(FormatError) in
        let (f, g) = (c.activations[0], c.activations[1])
        // z, r, h
        let update = try o.activate(try o.add(try c.input(&o, 0), try c.recurrence(&o, 0)), f)
        let reset = try o.activate(try o.add(try c.input(&o, 1), try c.recurrence(&o, 1)), f)
        let past =
          resetsAfter
          ? try o.multiply(reset, try c.recurrence(&o, 2))
          : try c.recurrence(&o, 2, of: try o.multiply(reset, c.state))
        let new = try o.activate(try o.add(try c.input(&o, 2), past), g)
        let kept = try o.multiply(update, try o.subtract(c.state, new))
        return (try o.add(new, kept), nil)
      }
    },
    ONNXOperator("LSTM") { o throws(FormatError) in
      guard try !o.flag("input_forget"), !o.has(7) else {
        throw o.fault("peepholes and coupled gates are not supported")
      }
      return try recurrent(&o, gates: 4, activations: ["Sigmoid", "Tanh", "Tanh"]) {
        o, c throws(FormatError) in
        let (f, g, h) = (c.activations[0], c.activations[1], c.activations[2])
        // i, o, f, c
        func gate(_ o: inout ONNXOperation, _ index: Int) throws(FormatError) -> NodeID {
          try o.add(try c.input(&o, index), try c.recurrence(&o, index))
        }
        let input = try o.activate(try gate(&o, 0), f)
        let output = try o.activate(try gate(&o, 1), f)
        let forget = try o.activate(try gate(&o, 2), f)
        let new = try o.activate(try gate(&o, 3), g)
        guard let cell = c.cell else { throw o.fault("no cell") }
        let next = try o.add(try o.multiply(forget, cell), try o.multiply(input, new))
        return (try o.multiply(output, try o.activate(next, h)), next)
      }
    },
  ]

  /// One step of one direction: gate by gate what the input and the state before give.
  private struct Step {
    /// `[B, G · H]` of the input and of the state, with their biases.
    let inputs: NodeID
    let weights: NodeID
    let bias: NodeID?
    let state: NodeID
    let cell: NodeID?
    let width: Int
    let activations: [String]
    /// `[B, G · H]` of the state before.
    let recurrences: NodeID

    func input(_ o: inout ONNXOperation, _ gate: Int) throws(FormatError) -> NodeID {
      try o.slice(inputs, axis: 1, start: gate * width, count: width)
    }

    func recurrence(_ o: inout ONNXOperation, _ gate: Int) throws(FormatError) -> NodeID {
      try o.slice(recurrences, axis: 1, start: gate * width, count: width)
    }

    /// The same of another state.
    func recurrence(
      _ o: inout ONNXOperation, _ gate: Int, of state: NodeID
    ) throws(FormatError) -> NodeID {
      let own = try o.slice(weights, axis: 0, start: gate * width, count: width)
      let product = try o.matmul(state, try o.transpose(own, [1, 0]))
      guard let bias else { return product }
      return try o.add(product, try o.slice(bias, axis: 0, start: gate * width, count: width))
    }
  }

  private static func recurrent(
    _ o: inout ONNXOperation, gates: Int, activations: [String],
    _ body: (inout ONNXOperation, Step) throws(FormatError) -> (state: NodeID, cell: NodeID?)
  ) throws(FormatError) -> [ONNXValue] {
    let direction = try o.string("direction") ?? "forward"
    let isFirst = try o.flag("layout")
    let names = try o.strings("activations")
    guard try o.floats("activation_alpha") ?? [] == [], try o.floats("activation_beta") ?? [] == [],
      try o.float("clip") == nil
    else { throw o.fault("activations with constants, or clipped, are not supported") }
    let directions: [Bool]
    switch direction {
    case "forward": directions = [false]
    case "reverse": directions = [true]
    case "bidirectional": directions = [false, true]
    case let other: throw o.fault("the direction \(FormatError.quoted(other))")
    }
    let used = names.isEmpty ? directions.flatMap { _ in activations } : names
    guard used.count == directions.count * activations.count else {
      throw o.fault("\(used.count) activations")
    }
    var x = try o.input(0)
    let (w, r) = (try o.input(1), try o.input(2))
    guard o.graph.shape(x).rank == 3, o.graph.shape(w).rank == 3, o.graph.shape(r).rank == 3 else {
      throw o.fault("operands of other than three axes")
    }
    if isFirst { x = try o.transpose(x, [1, 0, 2]) }
    let (length, batch, width) = (
      o.graph.shape(x)[0], o.graph.shape(x)[1], o.graph.shape(r)[2]
    )
    guard o.graph.shape(w).extents == [directions.count, gates * width, o.graph.shape(x)[2]],
      o.graph.shape(r).extents == [directions.count, gates * width, width],
      try o.int("hidden_size") ?? width == width
    else { throw o.fault("weights of shape \(o.graph.shape(w)) and \(o.graph.shape(r))") }
    if o.has(4) {
      guard try o.integers(4) == [Int](repeating: length, count: batch) else {
        throw o.fault("sequences of several lengths", expected: "all of \(length) positions")
      }
    }
    let bias = try o.optionalInput(3)
    if let bias, o.graph.shape(bias).extents != [directions.count, 2 * gates * width] {
      throw o.fault("a bias of shape \(o.graph.shape(bias))")
    }
    var all: [[NodeID]] = []
    var (states, cells): ([NodeID], [NodeID]) = ([], [])
    for (number, isReversed) in directions.enumerated() {
      func part(_ o: inout ONNXOperation, _ value: NodeID) throws(FormatError) -> NodeID {
        let one = try o.slice(value, axis: 0, start: number, count: 1)
        return try o.reshape(one, to: Array(o.graph.shape(value).extents.dropFirst()))
      }
      func initial(_ o: inout ONNXOperation, _ index: Int) throws(FormatError) -> NodeID {
        guard let given = try o.optionalInput(index) else {
          return o.graph.constant(0, [batch, width])
        }
        let turned = isFirst ? try o.transpose(given, [1, 0, 2]) : given
        guard o.graph.shape(turned).extents == [directions.count, batch, width] else {
          throw o.fault("a first state of shape \(o.graph.shape(given))")
        }
        return try part(&o, turned)
      }
      let (weights, recurrent) = (try part(&o, w), try part(&o, r))
      var (inputBias, stateBias): (NodeID?, NodeID?) = (nil, nil)
      if let bias {
        let own = try part(&o, bias)
        inputBias = try o.slice(own, axis: 0, start: 0, count: gates * width)
        stateBias = try o.slice(own, axis: 0, start: gates * width, count: gates * width)
      }
      let across = try o.transpose(weights, [1, 0])
      let back = try o.transpose(recurrent, [1, 0])
      var state = try initial(&o, 5)
      var cell = gates == 4 ? try initial(&o, 6) : nil
      var made = [NodeID](repeating: state, count: length)
      for step in 0..<length {
        let place = isReversed ? length - 1 - step : step
        let slice = try o.slice(x, axis: 0, start: place, count: 1)
        let own = try o.reshape(slice, to: Array(o.graph.shape(x).extents.dropFirst()))
        var inputs = try o.matmul(own, across)
        if let inputBias { inputs = try o.add(inputs, inputBias) }
        var recurrences = try o.matmul(state, back)
        if let stateBias { recurrences = try o.add(recurrences, stateBias) }
        let start = number * activations.count
        let next = try body(
          &o,
          Step(
            inputs: inputs, weights: recurrent, bias: stateBias, state: state, cell: cell,
            width: width, activations: Array(used[start..<start + activations.count]),
            recurrences: recurrences))
        (state, cell) = (next.state, next.cell)
        made[place] = state
      }
      all.append(made)
      states.append(state)
      if let cell { cells.append(cell) }
    }
    // Y [T, D, B, H], or [B, T, D, H]; the last states [D, B, H], or [B, D, H].
    func stack(_ o: inout ONNXOperation, _ parts: [NodeID]) throws(FormatError) -> NodeID {
      var rows: [NodeID] = []
      for part in parts { rows.append(try o.reshape(part, to: [1, batch, width])) }
      return try o.concatenate(rows, axis: 0)
    }
    var steps: [NodeID] = []
    for place in 0..<length {
      let both = try stack(&o, all.map { $0[place] })
      steps.append(try o.reshape(both, to: [1, directions.count, batch, width]))
    }
    var y =
      steps.isEmpty
      ? o.graph.constant(0, [0, directions.count, batch, width])
      : try o.concatenate(steps, axis: 0)
    var last = [try stack(&o, states)]
    if !cells.isEmpty { last.append(try stack(&o, cells)) }
    if isFirst {
      y = try o.transpose(y, [2, 0, 1, 3])
      for index in last.indices { last[index] = try o.transpose(last[index], [1, 0, 2]) }
    }
    let type = try o.type(0)
    return ([y] + last).map { .computed($0, type) }
  }
}

extension ONNXOperation {
  /// An activation of a recurrent layer by its name.
  fileprivate mutating func activate(_ x: NodeID, _ name: String) throws(FormatError) -> NodeID {
    switch name.lowercased() {
    case "sigmoid": return graph.unary(.sigmoid, x)
    case "tanh": return graph.unary(.tanh, x)
    case "relu": return graph.unary(.relu, x)
    default:
      throw fault(
        "the activation \(FormatError.quoted(name))", expected: "Sigmoid, Tanh or Relu")
    }
  }
}
