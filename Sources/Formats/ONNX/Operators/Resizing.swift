import Autodiff
import TensorCore

/// Pictures and the like made larger or smaller, one axis after another.
extension ONNXOperator {
  static let resizing: [ONNXOperator] = [
    ONNXOperator("Resize", since: 11) { o throws(FormatError) in
      try resize(&o, scales: 2, sizes: 3, places: "half_pixel")
    },
    ONNXOperator("Resize", since: 10) { o throws(FormatError) in
      try resize(&o, scales: 1, sizes: nil, places: "asymmetric")
    },
    ONNXOperator("Upsample") { o throws(FormatError) in
      try resize(&o, scales: 1, sizes: nil, places: "asymmetric")
    },
  ]

  private static func resize(
    _ o: inout ONNXOperation, scales: Int, sizes: Int?, places: String
  ) throws(FormatError) -> [ONNXValue] {
    o.ignore("extrapolation_value")
    let shape = try o.shape(0)
    let mode = try o.string("mode") ?? "nearest"
    guard ["nearest", "linear", "bilinear", "cubic"].contains(mode) else {
      throw o.fault("the mode \(FormatError.quoted(mode))", expected: "nearest, linear or cubic")
    }
    let places = try o.string("coordinate_transformation_mode") ?? places
    guard places != "tf_crop_and_resize" else {
      throw o.fault("the places tf_crop_and_resize are not supported")
    }
    // In the first versions a place was rounded down.
    let rounding =
      try o.string("nearest_mode") ?? (o.opset < 11 ? "floor" : "round_prefer_floor")
    let factor = try o.float("cubic_coeff_a") ?? -0.75
    let policy = try o.string("keep_aspect_ratio_policy") ?? "stretch"
    guard try !o.flag("antialias"), try !o.flag("exclude_outside"), policy == "stretch" else {
      throw o.fault("antialias, exclude_outside and a policy of aspect are not supported")
    }
    let axes = try o.axes(try o.ints("axes") ?? Array(0..<shape.rank), rank: shape.rank)
    var targets: [(extent: Int, scale: Double)] = []
    if let sizes, o.has(sizes) {
      for (axis, extent) in zip(axes, try o.integers(sizes)) {
        targets.append((extent, Double(extent) / Double(max(shape[axis], 1))))
      }
    } else {
      let attribute = try o.floats("scales")
      let given: [Double]
      if let attribute { given = attribute } else { given = try o.known(scales).elements }
      for (axis, scale) in zip(axes, given) {
        targets.append((Int(saturating: (Double(shape[axis]) * scale).rounded(.down)), scale))
      }
    }
    guard targets.count == axes.count else {
      throw o.fault("\(targets.count) sizes for \(axes.count) axes")
    }
    var x = try o.input(0)
    for (axis, target) in zip(axes, targets) where target.extent != shape[axis] || target.scale != 1
    {
      let line = ResizedAxis(
        from: shape[axis], to: target.extent, scale: target.scale, places: places)
      guard target.extent > 0, target.extent <= ONNXOperation.mostKnownElements, shape[axis] > 0
      else {
        throw o.fault("\(target.extent) entries of an axis of \(shape[axis])")
      }
      guard line.isKnown else {
        throw o.fault(
          "the places \(FormatError.quoted(places))",
          expected: "half_pixel, asymmetric, align_corners, pytorch_half_pixel or "
            + "half_pixel_symmetric")
      }
      try o.charge(target.extent)
      if mode == "nearest" {
        guard let indices = line.nearest(rounding) else {
          throw o.fault("the rounding \(FormatError.quoted(rounding))")
        }
        x = try o.take(x, axis: axis, indices)
      } else {
        _ = try o.shape(of: [target.extent, shape[axis]])
        let weights = line.weights(mode == "cubic" ? factor : nil)
        let matrix = try o.literal([shape[axis], target.extent]) { weights[$0] }
        let rank = shape.rank
        let turned = try o.move(x, axis: axis, to: rank - 1)
        // A matrix needs two axes.
        let front = o.graph.shape(turned).extents.dropLast()
        let rows = try o.reshape(turned, to: [front.reduce(1, *), shape[axis]])
        let product = try o.matmul(rows, matrix)
        let back = try o.reshape(product, to: front + [target.extent])
        x = try o.move(back, axis: rank - 1, to: axis)
      }
    }
    return [try o.result(x)]
  }
}

/// Where the entries of a resized axis stand in the axis before.
private struct ResizedAxis {
  let own: Int
  let extent: Int
  let scale: Double
  let places: String

  init(from own: Int, to extent: Int, scale: Double, places: String) {
    (self.own, self.extent, self.scale, self.places) = (own, extent, scale, places)
  }

  var isKnown: Bool { place(0) != nil }

  /// Nil for a rule that is not known.
  private func place(_ index: Int) -> Double? {
    let number = Double(index)
    switch places {
    case "half_pixel": return (number + 0.5) / scale - 0.5
    case "pytorch_half_pixel": return extent > 1 ? (number + 0.5) / scale - 0.5 : 0
    case "asymmetric": return number / scale
    case "align_corners":
      return extent > 1 ? number * Double(own - 1) / (scale * Double(own) - 1) : 0
    case "half_pixel_symmetric":
      let share = Double(extent) / (scale * Double(own))
      return Double(own) / 2 * (1 - share) + (number + 0.5) / scale - 0.5
    default: return nil
    }
  }

  private func within(_ place: Double) -> Int { min(max(Int(saturating: place), 0), own - 1) }

  /// The nearest entry of each; nil for a rounding that is not known.
  func nearest(_ rounding: String) -> [Int]? {
    let round: (Double) -> Double
    switch rounding {
    case "round_prefer_floor": round = { ($0 - 0.5).rounded(.up) }
    case "round_prefer_ceil": round = { ($0 + 0.5).rounded(.down) }
    case "floor": round = { $0.rounded(.down) }
    case "ceil": round = { $0.rounded(.up) }
    default: return nil
    }
    return (0..<extent).map { within(round(place($0) ?? 0)) }
  }

  /// What each entry `[own, extent]` adds to each: linear, or cubic with a factor.
  ///
  /// Beyond the ends the last entry stands.
  func weights(_ factor: Double?) -> [Double] {
    var weights = [Double](repeating: 0, count: own * extent)
    for index in 0..<extent {
      let place = place(index) ?? 0
      let start = place.rounded(.down)
      let share = place - start
      let taps: [(offset: Double, weight: Double)] =
        factor.map { a in
          [-1, 0, 1, 2].map { ($0, ResizedAxis.cubic(abs(share - $0), a)) }
        } ?? [(0, 1 - share), (1, share)]
      for tap in taps { weights[within(start + tap.offset) * extent + index] += tap.weight }
    }
    return weights
  }

  /// The cubic convolution kernel at a distance below 2.
  private static func cubic(_ x: Double, _ a: Double) -> Double {
    x <= 1
      ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
  }
}
