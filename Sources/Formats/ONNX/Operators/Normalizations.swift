import Autodiff
import TensorCore

/// Values brought to mean 0 and variance 1, or to a root mean square of 1.
extension ONNXOperator {
  static let normalizations: [ONNXOperator] = [
    ONNXOperator("BatchNormalization", batchNormalization),
    ONNXOperator("InstanceNormalization") { o throws(FormatError) in
      o.ignore("consumed_inputs")
      let epsilon = try o.float("epsilon") ?? 1e-5
      let x = try o.input(0)
      let rank = o.graph.shape(x).rank
      guard rank >= 3 else { throw o.fault("an operand of \(rank) axes", expected: "[N, C, …]") }
      let (scale, bias) = (try o.channelVector(1), try o.channelVector(2))
      return [
        try o.result(
          try o.building { graph throws(GraphError) in
            try graph.groupNormalization(
              x, groups: graph.shape(x)[1], positionAxes: rank - 2, scale: scale, offset: bias,
              epsilon: epsilon)
          })
      ]
    },
    ONNXOperator("LayerNormalization", layerNormalization),
    ONNXOperator("GroupNormalization", since: 18) { o throws(FormatError) in
      try groupNormalization(&o, parametersPerGroup: true)
    },
    ONNXOperator("GroupNormalization", since: 21) { o throws(FormatError) in
      try groupNormalization(&o, parametersPerGroup: false)
    },
    ONNXOperator("RMSNormalization", rootMeanSquare),
    ONNXOperator("LpNormalization") { o throws(FormatError) in
      let (axis, order) = (try o.int("axis") ?? -1, try o.int("p") ?? 2)
      let x = try o.input(0)
      let axes = [try o.axis(axis, rank: o.graph.shape(x).rank)]
      let size: NodeID
      switch order {
      case 1: size = o.sum(o.graph.unary(.abs, x), axes: axes, keepsAxes: true)
      case 2:
        let squares = o.sum(o.graph.unary(.square, x), axes: axes, keepsAxes: true)
        size = o.graph.unary(.sqrt, squares)
      default: throw o.fault("a norm of order \(order), which is not supported", expected: "1 or 2")
      }
      // What has no size stays 0.
      let isZero = try o.binary(.equal, size, o.graph.constant(0))
      return [try o.result(try o.divide(x, o.graph.add(size, isZero)))]
    },
    ONNXOperator("MeanVarianceNormalization") { o throws(FormatError) in
      let x = try o.input(0)
      let axes = try o.axes(try o.ints("axes") ?? [0, 2, 3], rank: o.graph.shape(x).rank)
      return [try o.result(o.normalized(x, axes: axes, epsilon: 1e-18).value)]
    },
  ]

  /// In evaluation: each channel by a mean and a variance that stand in the file.
  private static func batchNormalization(
    _ o: inout ONNXOperation
  ) throws(FormatError) -> [ONNXValue] {
    o.ignore("momentum", "consumed_inputs")
    let epsilon = try o.float("epsilon") ?? 1e-5
    guard try o.flag("spatial", default: true) else {
      throw o.fault("a normalization of each place for itself, which is not supported")
    }
    // In the first opsets training was what an absent flag meant.
    let evaluates = try o.flag("is_test", default: o.opset >= 7)
    let trains = try o.flag("training_mode") || !evaluates
    guard !trains, o.node.outputs.count(where: { !$0.isEmpty }) <= 1 else {
      throw o.fault(
        "batch normalization in training is not supported: it mixes the examples of a batch, "
          + "so that an example has no gradient of its own",
        remedy: "export the model in evaluation mode: model.eval()")
    }
    let x = try o.input(0)
    let rank = o.graph.shape(x).rank
    guard rank >= 2 else { throw o.fault("an operand of \(rank) axes", expected: "[N, C, …]") }
    let (scale, bias) = (try o.channelVector(1), try o.channelVector(2))
    let (mean, variance) = (try o.channelVector(3), try o.channelVector(4))
    return [
      try o.result(
        try o.building { graph throws(GraphError) in
          try graph.batchNormalization(
            x, positionAxes: rank - 2, mean: mean, variance: variance, scale: scale, offset: bias,
            epsilon: epsilon)
        })
    ]
  }

  private static func layerNormalization(
    _ o: inout ONNXOperation
  ) throws(FormatError) -> [ONNXValue] {
    o.ignore("stash_type")
    let epsilon = try o.float("epsilon") ?? 1e-5
    let x = try o.input(0)
    let rank = o.graph.shape(x).rank
    let first = try o.axis(try o.int("axis") ?? -1, rank: rank)
    let (normal, mean, inverse) = o.normalized(x, axes: Array(first..<rank), epsilon: epsilon)
    var result = try o.multiply(normal, try o.input(1))
    if let bias = try o.optionalInput(2) { result = try o.add(result, bias) }
    return [try o.result(result), try o.result(mean), try o.result(inverse)]
  }

  private static func groupNormalization(
    _ o: inout ONNXOperation, parametersPerGroup: Bool
  ) throws(FormatError) -> [ONNXValue] {
    o.ignore("stash_type")
    let epsilon = try o.float("epsilon") ?? 1e-5
    let groups = try o.int("num_groups") ?? 0
    let x = try o.input(0)
    let shape = o.graph.shape(x)
    guard shape.rank >= 3, groups > 0, shape[1] % groups == 0, shape.count > 0 else {
      throw o.fault("\(groups) groups of the channels of \(shape)")
    }
    // One number per group is one for each of its channels.
    var vectors: [NodeID] = []
    for index in 1...2 {
      var vector = try o.channelVector(index)
      if parametersPerGroup {
        let size = shape[1] / groups
        let column = try o.reshape(vector, to: [groups, 1])
        vector = try o.reshape(try o.broadcast(column, to: [groups, size]), to: [shape[1]])
      }
      vectors.append(vector)
    }
    return [
      try o.result(
        try o.building { [vectors] graph throws(GraphError) in
          try graph.groupNormalization(
            x, groups: groups, positionAxes: shape.rank - 2, scale: vectors[0], offset: vectors[1],
            epsilon: epsilon)
        })
    ]
  }

  private static func rootMeanSquare(_ o: inout ONNXOperation) throws(FormatError) -> [ONNXValue] {
    o.ignore("stash_type")
    let epsilon = try o.float("epsilon") ?? 1e-5
    let x = try o.input(0)
    let rank = o.graph.shape(x).rank
    let first = try o.axis(try o.int("axis") ?? -1, rank: rank)
    let normal = try o.building { graph throws(GraphError) in
      try graph.rmsNormalization(x, axes: rank - first, epsilon: epsilon)
    }
    return [try o.result(try o.multiply(normal, try o.input(1)))]
  }
}

extension ONNXOperation {
  /// x less its mean over axes and divided by its standard deviation; the mean; 1 / the deviation.
  fileprivate mutating func normalized(
    _ x: NodeID, axes: [Int], epsilon: Double
  ) -> (value: NodeID, mean: NodeID, inverse: NodeID) {
    let mean = mean(x, axes: axes)
    let centred = graph.subtract(x, mean)
    let variance = self.mean(graph.unary(.square, centred), axes: axes)
    let root = graph.unary(.sqrt, graph.affine(variance, scale: 1, offset: epsilon))
    let inverse = graph.unary(.reciprocal, root)
    return (graph.multiply(centred, inverse), mean, inverse)
  }

  /// An operand `[C]`.
  fileprivate mutating func channelVector(_ index: Int) throws(FormatError) -> NodeID {
    let shape = try self.shape(index)
    guard shape.rank == 1 else {
      throw fault("operand \(index + 1) has the shape \(shape)", expected: "one number per channel")
    }
    return try input(index)
  }
}
