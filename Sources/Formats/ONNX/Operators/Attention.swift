import Autodiff
import TensorCore

/// Scaled dot products of queries with keys, as weights of values.
extension ONNXOperator {
  static let attention: [ONNXOperator] = [
    ONNXOperator("Attention", since: 23, attend),
    ONNXOperator("RotaryEmbedding", since: 23, rotate),
  ]

  private static func attend(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    o.ignore("softmax_precision")
    let isFlat = try o.shape(0).rank == 3
    let (queryHeads, keyHeads) = (try o.int("q_num_heads") ?? 0, try o.int("kv_num_heads") ?? 0)
    let query = try o.heads(0, queryHeads)
    var (key, value) = (try o.heads(1, keyHeads), try o.heads(2, keyHeads))
    var past = 0
    if o.has(4) || o.has(5) {
      past = try o.shape(4).extents.dropLast().last ?? 0
      key = try o.concatenate([try o.heads(4, 0), key], axis: 2)
      value = try o.concatenate([try o.heads(5, 0), value], axis: 2)
    }
    let (q, k) = (o.graph.shape(query), o.graph.shape(key))
    guard k[1] > 0, q[1] % k[1] == 0, o.graph.shape(value).dropLast() == k.dropLast() else {
      throw o.fault("\(q[1]) heads of queries and \(k[1]) of keys", expected: "a multiple")
    }
    let scale = try o.float("scale") ?? 1 / Double(max(q[-1], 1)).squareRoot()
    let cap = try o.float("softcap") ?? 0
    let scaled = o.graph.affine(query, scale: scale, offset: 0)
    let raw = try o.grouped(scaled, try o.transpose(key, [0, 1, 3, 2]))
    var scores = raw
    if cap > 0 {
      let bent = o.graph.unary(.tanh, o.graph.affine(raw, scale: 1 / cap, offset: 0))
      scores = o.graph.affine(bent, scale: cap, offset: 0)
    }
    let capped = scores
    let mask = try o.attentionMask(queries: q[2], keys: k[2], past: past)
    if let mask {
      scores = try o.add(scores, mask.bias)
      guard o.graph.shape(scores) == o.graph.shape(raw) else {
        throw o.fault("a mask \(o.graph.shape(mask.bias)) for scores \(o.graph.shape(raw))")
      }
    }
    let weights = try o.weights(of: scores, mayBeEmpty: mask?.mayBeEmpty ?? false)
    var result = try o.grouped(weights, value)
    if isFlat {
      let shape = o.graph.shape(result)
      result = try o.reshape(
        try o.transpose(result, [0, 2, 1, 3]), to: [shape[0], shape[2], shape[1] * shape[3]])
    }
    let mode = try o.int("qk_matmul_output_mode") ?? 0
    let steps = [raw, capped, scores, weights]
    guard steps.indices.contains(mode) else { throw o.fault("qk_matmul_output_mode \(mode)") }
    return [
      try o.result(result), try o.result(key, like: 1), try o.result(value, like: 2),
      try o.result(steps[mode]),
    ]
  }

  /// Pairs of features turned by angles that grow with the position.
  private static func rotate(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    let isInterleaved = try o.flag("interleaved")
    let number = try o.int("num_heads") ?? 0
    let whole = try o.shape(0)
    let x = try o.heads(0, number)
    let shape = o.graph.shape(x)
    let asked = try o.int("rotary_embedding_dim") ?? 0
    let turned = asked == 0 ? shape[3] : asked
    guard turned > 0, turned <= shape[3], turned % 2 == 0 else {
      throw o.fault("\(turned) features of \(shape[3]) to turn", expected: "an even number")
    }
    // cos and sin `[N, 1, T, D / 2]`, looked up by position where positions are given.
    var angles: [NodeID] = []
    for index in 1...2 {
      var table = try o.input(index)
      if o.has(3) { table = try o.gather(table, axis: 0, try o.input(3)) }
      let own = o.graph.shape(table)
      guard own.rank == 3, own[-1] == turned / 2 else {
        throw o.fault("angles of shape \(own)", expected: "[N, T, \(turned / 2)]")
      }
      angles.append(try o.reshape(table, to: [own[0], 1, own[1], own[2]]))
    }
    let part = try o.slice(x, axis: 3, start: 0, count: turned)
    let rest = try o.slice(x, axis: 3, start: turned, count: shape[3] - turned)
    let (second, step) = isInterleaved ? (1, 2) : (turned / 2, 1)
    let a = try o.slice(part, axis: 3, start: 0, count: turned / 2, step: step)
    let b = try o.slice(part, axis: 3, start: second, count: turned / 2, step: step)
    let real = try o.subtract(try o.multiply(angles[0], a), try o.multiply(angles[1], b))
    let imaginary = try o.add(try o.multiply(angles[1], a), try o.multiply(angles[0], b))
    let pair = [shape[0], shape[1], shape[2], turned / 2, 1]
    let joined =
      isInterleaved
      ? try o.concatenate(
        [try o.reshape(real, to: pair), try o.reshape(imaginary, to: pair)], axis: 4)
      : try o.concatenate([real, imaginary], axis: 3)
    let flat = try o.reshape(joined, to: [shape[0], shape[1], shape[2], turned])
    let result = try o.concatenate([flat, rest], axis: 3)
    if whole.rank == 4 { return [try o.result(result)] }
    return [try o.result(try o.reshape(try o.transpose(result, [0, 2, 1, 3]), to: whole.extents))]
  }
}

extension ONNXOperation {
  /// An operand as `[N, H, T, D]`.
  fileprivate mutating func heads(_ index: Int, _ number: Int) throws(FormatError) -> NodeID {
    let shape = try self.shape(index)
    let x = try input(index)
    if shape.rank == 4 { return x }
    guard shape.rank == 3, number > 0, shape[2] % number == 0 else {
      throw fault("operand \(index + 1) of shape \(shape) in \(number) heads")
    }
    let apart = try reshape(x, to: [shape[0], shape[1], number, shape[2] / number])
    return try transpose(apart, [0, 2, 1, 3])
  }

  /// Products `[N, H, …]` of heads with the heads that they share, `[N, G, …]`.
  fileprivate mutating func grouped(_ a: NodeID, _ b: NodeID) throws(FormatError) -> NodeID {
    let (shapeA, shapeB) = (graph.shape(a), graph.shape(b))
    if shapeA[1] == shapeB[1] { return try matmul(a, b) }
    let (n, groups) = (shapeB[0], shapeB[1])
    let left = try reshape(
      a, to: [n, groups, shapeA[1] / groups, shapeA[2], shapeA[3]])
    let right = try reshape(b, to: [n, groups, 1, shapeB[2], shapeB[3]])
    let product = try matmul(left, right)
    return try reshape(product, to: [n, shapeA[1], shapeA[2], shapeB[3]])
  }

  /// What is added to the scores, −∞ where a query must not see a key; nil where there is none.
  fileprivate mutating func attentionMask(
    queries: Int, keys: Int, past: Int
  ) throws(FormatError) -> (bias: NodeID, mayBeEmpty: Bool)? {
    var terms: [NodeID] = []
    // How far a key may lie behind and before its query.
    let isCausal = try flag("is_causal")
    let left = try int("left_window_size") ?? -1, right = try int("right_window_size") ?? -1
    let ahead: Int? = isCausal ? 0 : (right >= 0 ? right : nil)
    let distance = { (place: Int) in place % keys - place / keys }
    var mayBeEmpty = has(3) || has(6)
    if has(6) {
      let lengths = try reshape(try input(6), to: try shape(6).extents + [1, 1, 1])
      let places = try literal([1, keys]) { Double($0) }
      terms.append(try barrier(allowed: try binary(.less, places, lengths)))
      let distances = try literal([queries, keys]) { Double(distance($0)) }
      let offset = graph.affine(lengths, scale: 1, offset: Double(-queries))
      if let ahead {
        let last = graph.affine(offset, scale: 1, offset: Double(ahead))
        terms.append(try barrier(allowed: try binary(.lessOrEqual, distances, last)))
      }
      if left >= 0 {
        let first = graph.affine(offset, scale: 1, offset: Double(-left))
        terms.append(try barrier(allowed: try binary(.lessOrEqual, first, distances)))
      }
    } else if ahead != nil || left >= 0 {
      let isAllowed = { (place: Int) in
        let own = distance(place) - past
        return own <= ahead ?? .max && own >= (left >= 0 ? -left : .min)
      }
      terms.append(try literal([queries, keys]) { isAllowed($0) ? 0 : -.infinity })
      mayBeEmpty = mayBeEmpty || left >= 0
    }
    if has(3) { terms.append(try givenMask(keys: keys)) }
    guard var bias = terms.first else { return nil }
    for term in terms.dropFirst() { bias = try add(bias, term) }
    return (bias, mayBeEmpty)
  }

  private mutating func givenMask(keys: Int) throws(FormatError) -> NodeID {
    let shape = try self.shape(3)
    var mask = try input(3)
    if try type(3) == .bool { mask = try barrier(allowed: mask) }
    guard let own = shape.extents.last, own < keys, own > 1 || keys == 1 else { return mask }
    // A mask of fewer keys hides the others.
    let rest = graph.constant(
      -.infinity, try self.shape(of: shape.extents.dropLast() + [keys - own]))
    return try concatenate([mask, rest], axis: shape.rank - 1)
  }

  /// 0 where it is allowed, −∞ where it is not.
  private mutating func barrier(allowed: NodeID) throws(FormatError) -> NodeID {
    try binary(.mask, graph.not(allowed), graph.constant(-.infinity))
  }

  /// softmax over the keys; all 0 for a query that may see none.
  fileprivate mutating func weights(
    of scores: NodeID, mayBeEmpty: Bool
  ) throws(FormatError) -> NodeID {
    guard mayBeEmpty else { return graph.softmax(scores) }
    let rank = graph.shape(scores).rank
    let largest = try largest(scores, axes: [rank - 1])
    let sees = try binary(.less, graph.constant(-.infinity), largest)
    // Scores of such a query become 0 first, so that no derivative is NaN.
    let safe = graph.softmax(try binary(.mask, sees, scores))
    return try binary(.mask, sees, safe)
  }
}
