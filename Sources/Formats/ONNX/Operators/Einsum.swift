import Autodiff
import TensorCore

extension ONNXOperator {
  /// Sums of products by the letters of the axes, such as `bij,bjk->bik`.
  static func einsum(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    guard let equation = try o.string("equation") else { throw o.fault("no equation") }
    let operands = try o.inputs()
    let letters = try EinsumEquation(equation, ranks: operands.map { o.graph.shape($0).rank }, o)
    guard let first = operands.first else { throw o.fault("no operands") }
    var (x, axes) = try o.diagonal(first, letters.operands[0])
    for index in operands.indices.dropFirst() {
      let (y, others) = try o.diagonal(operands[index], letters.operands[index])
      // What a later operand or the result needs stays.
      let needed = Set(letters.operands[(index + 1)...].joined()).union(letters.result)
      (x, axes) = try o.contract(x, axes, y, others, keeping: needed)
    }
    let summed = axes.indices.filter { !letters.result.contains(axes[$0]) }
    x = o.sum(x, axes: summed, keepsAxes: false)
    axes = axes.filter(letters.result.contains)
    let order = letters.result.compactMap(axes.firstIndex)
    guard order.count == letters.result.count else {
      throw o.fault("the equation \(FormatError.quoted(equation))", expected: "axes of operands")
    }
    return [try o.result(try o.transpose(x, order))]
  }
}

/// The letters of the axes of operands and result; those of an ellipsis are numbers.
private struct EinsumEquation {
  var operands: [[Character]] = []
  var result: [Character] = []

  /// Reads an equation for operands of these ranks.
  init(_ equation: String, ranks: [Int], _ o: ONNXOperation) throws(FormatError) {
    let fault = o.fault(
      "the equation \(FormatError.quoted(equation)) for operands of \(ranks) axes",
      expected: "one such as ij,jk->ik")
    let sides = equation.filter { $0 != " " }.split(
      separator: "->", omittingEmptySubsequences: false)
    let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard sides.count <= 2, terms.count == ranks.count else { throw fault }
    var broadcast = 0
    for (term, rank) in zip(terms, ranks) {
      let hidden = rank - term.filter(\.isLetter).count
      guard hidden >= 0, hidden == 0 || term.contains("..."), hidden <= 10 else { throw fault }
      broadcast = max(broadcast, hidden)
      operands.append(Self.letters(term, hidden: hidden))
      guard operands.last?.count == rank else { throw fault }
    }
    if sides.count == 2 {
      result = Self.letters(String(sides[1]), hidden: broadcast)
    } else {
      let all = operands.joined()
      let once = Set(all).filter { letter in
        letter.isLetter && all.count(where: { $0 == letter }) == 1
      }
      result = Self.letters(broadcast > 0 ? "..." : "", hidden: broadcast) + once.sorted()
    }
    guard Set(result).count == result.count,
      (operands + [result]).joined().allSatisfy({ $0.isLetter || $0.isNumber })
    else { throw fault }
  }

  /// The letters, with the numbers of the last axes in the place of the dots.
  private static func letters(_ term: String, hidden: Int) -> [Character] {
    let digits = "9876543210".suffix(hidden)
    return Array(term.replacing("...", with: digits))
  }
}

extension ONNXOperation {
  /// An operand of which no two axes have one letter.
  fileprivate mutating func diagonal(
    _ x: NodeID, _ letters: [Character]
  ) throws(FormatError) -> (NodeID, [Character]) {
    var (x, letters) = (x, letters)
    while let (first, second) = letters.repeated {
      let n = graph.shape(x)[first]
      guard graph.shape(x)[second] == n else { throw fault("a diagonal of \(graph.shape(x))") }
      // Both axes together at the end; every n + 1st element is one of the diagonal.
      let rank = letters.count
      let others = (0..<rank).filter { $0 != first && $0 != second }
      let moved = try transpose(x, others + [first, second])
      let front = graph.shape(moved).extents.dropLast(2)
      let flat = try reshape(moved, to: front + [n * n])
      x = try slice(flat, axis: rank - 2, start: 0, count: n, step: n + 1)
      letters = others.map { letters[$0] } + [letters[first]]
    }
    return (x, letters)
  }

  /// The sum of products over the letters of both that are needed no more.
  fileprivate mutating func contract(
    _ x: NodeID, _ xs: [Character], _ y: NodeID, _ ys: [Character], keeping needed: Set<Character>
  ) throws(FormatError) -> (NodeID, [Character]) {
    // Letters of one operand alone that nobody needs are summed at once.
    let loneX = xs.indices.filter { !ys.contains(xs[$0]) && !needed.contains(xs[$0]) }
    let loneY = ys.indices.filter { !xs.contains(ys[$0]) && !needed.contains(ys[$0]) }
    let x = sum(x, axes: loneX, keepsAxes: false), y = sum(y, axes: loneY, keepsAxes: false)
    let xs = xs.indices.filter { !loneX.contains($0) }.map { xs[$0] }
    let ys = ys.indices.filter { !loneY.contains($0) }.map { ys[$0] }
    let shared = xs.filter { ys.contains($0) && needed.contains($0) }
    let inner = xs.filter { ys.contains($0) && !needed.contains($0) }
    let rows = xs.filter { !ys.contains($0) }
    let columns = ys.filter { !xs.contains($0) }
    let (left, right) = (extents(x, xs), extents(y, ys))
    func count(_ letters: [Character], _ extents: [Character: Int]) -> Int {
      letters.reduce(1) { $0 * (extents[$1] ?? 1) }
    }
    let a = try reshape(
      try arranged(x, xs, shared + rows + inner),
      to: shared.map { left[$0] ?? 1 } + [count(rows, left), count(inner, left)])
    let b = try reshape(
      try arranged(y, ys, shared + inner + columns),
      to: shared.map { right[$0] ?? 1 } + [count(inner, right), count(columns, right)])
    let product = try matmul(a, b)
    let front = graph.shape(product).extents.dropLast(2)
    let whole = try reshape(
      product, to: front + rows.map { left[$0] ?? 1 } + columns.map { right[$0] ?? 1 })
    return (whole, shared + rows + columns)
  }

  private func extents(_ x: NodeID, _ letters: [Character]) -> [Character: Int] {
    Dictionary(zip(letters, graph.shape(x).extents)) { first, _ in first }
  }

  private mutating func arranged(
    _ x: NodeID, _ letters: [Character], _ order: [Character]
  ) throws(FormatError) -> NodeID {
    try transpose(x, order.compactMap(letters.firstIndex))
  }
}

extension [Character] {
  /// The first two places of one letter.
  fileprivate var repeated: (Int, Int)? {
    for (place, letter) in enumerated() {
      if let first = self[..<place].firstIndex(of: letter) { return (first, place) }
    }
    return nil
  }
}
