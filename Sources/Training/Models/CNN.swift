public import Autodiff
import Formats
public import TensorCore

/// A convolutional network: convolutions and pools on images, then linear layers.
///
/// Named and laid out as `torch.nn.Sequential(Conv2d, activation, MaxPool2d, …, Flatten, Linear, …)`
/// with an activation after every layer but the last: `0.weight` `[O, C, h, w]`, `0.bias` `[O]`, ….
public struct CNN: Model {
  /// One layer.
  public enum Layer: Equatable, Sendable {
    /// Square windows of some size; `16c3`, `16c3s2p1` with a stride and padding.
    case convolution(channels: Int, size: Int, stride: Int, padding: Int)
    /// The maximum of square windows next to each other, `p2`.
    case maximum(size: Int)
    /// The mean of square windows next to each other, `a2`.
    case average(size: Int)
    /// Outputs of all inputs, `10`.
    case linear(outputs: Int)
  }

  /// For ``ModelRegistry``.
  public static let kind = ModelKind(
    name: "cnn", summary: "convolutions, pools (p max, a average) and linear layers on images",
    example: "cnn:1x28x28:16c3-p2-32c3-p2-10:relu", make: { try CNN($0) })

  /// `[C, H, W]`.
  public let inputShape: Shape
  /// The layers, convolutions and pools first.
  public let layers: [Layer]
  /// What stands after every convolution and linear layer but the last.
  public let activation: Activation
  /// The parameters.
  public let layout: ParameterLayout
  /// The shape of one item before each layer, and after the last.
  private let shapes: [Shape]

  /// Reads `cnn:1x28x28:16c3-p2-32c3-p2-10:relu`; the activation is relu where none is named.
  public init(_ specification: String) throws {
    let text = SpecificationText(specification, example: Self.kind.example)
    guard text.parts.count == 3 || text.parts.count == 4, text.parts[0] == "cnn" else {
      throw text.fault("\(text.parts.count) parts")
    }
    let image = try text.parts[1].split(separator: "x", omittingEmptySubsequences: false)
      .map { try text.extent($0, "image extent") }
    guard image.count == 3 else { throw text.fault("an image of \(image.count) extents") }
    _ = try text.count([image])
    layers = try text.parts[2].split(separator: "-", omittingEmptySubsequences: false)
      .map { try Layer($0, text) }
    guard case .linear? = layers.last else { throw text.fault("no linear layer at the end") }
    activation = text.parts.count == 4 ? try text.activation(text.parts[3]) : .relu
    inputShape = Shape(image)
    var shapes = [inputShape]
    var parameters: [(String, Shape)] = []
    var number = 0
    var terms: [[Int]] = []
    for (place, layer) in layers.enumerated() {
      let before = shapes[place]
      let name = Self.describe(layer)
      switch layer {
      case .convolution(let channels, let size, _, _):
        terms += [[channels, before[0], size, size], [channels]]
        _ = try text.count(terms)
        parameters.append(("\(number).weight", [channels, before[0], size, size]))
        parameters.append(("\(number).bias", [channels]))
        number += 2
      case .maximum, .average: number += 1
      case .linear(let outputs):
        if before.rank == 3 { number += 1 }
        terms += [[outputs, before.count], [outputs]]
        _ = try text.count(terms)
        parameters.append(("\(number).weight", [outputs, before.count]))
        parameters.append(("\(number).bias", [outputs]))
        number += 2
      }
      guard let after = Self.extents(after: layer, before) else {
        throw text.fault("\(name) on an item of shape \(before)")
      }
      _ = try text.count([after])
      if case .convolution(_, let size, _, _) = layer {
        // The windows of an item, each with all it sees.
        _ = try text.count([[before[0], size, size] + after[1...]])
      }
      shapes.append(Shape(after))
    }
    self.shapes = shapes
    layout = ParameterLayout(parameters)
  }

  private static func extents(after layer: Layer, _ shape: Shape) -> [Int]? {
    switch layer {
    case .linear(let outputs): return [outputs]
    case .convolution(let channels, let size, let stride, let padding):
      guard shape.rank == 3 else { return nil }
      let sides = shape.extents[1...].map { ($0 + 2 * padding - size, stride) }
      guard sides.allSatisfy({ $0.0 >= 0 }) else { return nil }
      return [channels] + sides.map { $0 / $1 + 1 }
    case .maximum(let size), .average(let size):
      guard shape.rank == 3, shape[1] >= size, shape[2] >= size else { return nil }
      return [shape[0], shape[1] / size, shape[2] / size]
    }
  }

  private static func describe(_ layer: Layer) -> String {
    switch layer {
    case .convolution(let channels, let size, let stride, let padding):
      "\(channels)c\(size)" + (stride == 1 ? "" : "s\(stride)")
        + (padding == 0 ? "" : "p\(padding)")
    case .maximum(let size): "p\(size)"
    case .average(let size): "a\(size)"
    case .linear(let outputs): "\(outputs)"
    }
  }

  /// `cnn:1x28x28:16c3-p2-32c3-p2-10:relu`.
  public var specification: String {
    "cnn:\(inputShape.extents.map(String.init).joined(separator: "x")):"
      + "\(layers.map(Self.describe).joined(separator: "-")):\(activation.rawValue)"
  }

  /// `[O]`.
  public var outputShape: Shape { shapes[shapes.count - 1] }

  /// The layers one after another.
  public func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    let batch = graph.shape(inputs)[0]
    var x = inputs
    var parameter = 0
    for (place, layer) in layers.enumerated() {
      switch layer {
      case .convolution(_, let size, let stride, let padding):
        let axes = axes(shapes[place], size: size, stride: stride, padding: padding)
        x = fitting { () throws(GraphError) in
          try graph.convolution(
            x, parameters[parameter], bias: parameters[parameter + 1], over: axes)
        }
      case .maximum(let size):
        let axes = axes(shapes[place], size: size, stride: size)
        x = fitting { () throws(GraphError) in try graph.maxPooling(x, over: axes) }
      case .average(let size):
        let axes = axes(shapes[place], size: size, stride: size)
        x = fitting { () throws(GraphError) in try graph.averagePooling(x, over: axes) }
      case .linear:
        x = graph.reshape(x, to: [batch, shapes[place].count])
        x = graph.add(
          graph.matmul(x, parameters[parameter], transposeB: true), parameters[parameter + 1])
      }
      switch layer {
      case .maximum, .average: continue
      case .convolution, .linear:
        parameter += 2
        if place < layers.count - 1 { x = activation(&graph, x) }
      }
    }
    return x
  }

  private func axes(_ shape: Shape, size: Int, stride: Int, padding: Int = 0) -> [WindowAxis] {
    shape.extents[1...].map {
      WindowAxis(extent: $0, size: size, stride: stride, low: padding, high: padding)
    }
  }

  /// Uniform in ±1/√n for a layer with n inputs of each output, as in PyTorch.
  public func initialParameters(seed: UInt64) -> [Double] {
    var inputs = 1
    return layout.initialValues(seed: seed) { entry in
      if entry.shape.rank > 1 { inputs = entry.shape.count / entry.shape[0] }
      return .uniform(inputs: inputs)
    }
  }
}

extension CNN.Layer {
  /// Reads `16c3`, `16c3s2p1`, `p2`, `a2` or `10`.
  fileprivate init(_ text: Substring, _ whole: SpecificationText) throws(ModelError) {
    if text.first == "p" {
      self = .maximum(size: try whole.extent(text.dropFirst(), "pool"))
    } else if text.first == "a" {
      self = .average(size: try whole.extent(text.dropFirst(), "pool"))
    } else if let mark = text.firstIndex(of: "c") {
      let channels = try whole.extent(text[..<mark], "channels")
      var rest = text[text.index(after: mark)...]
      var padding = 0
      if let mark = rest.firstIndex(of: "p") {
        padding = try whole.extent(rest[rest.index(after: mark)...], "padding")
        rest = rest[..<mark]
      }
      var stride = 1
      if let mark = rest.firstIndex(of: "s") {
        stride = try whole.extent(rest[rest.index(after: mark)...], "stride")
        rest = rest[..<mark]
      }
      let size = try whole.extent(rest, "window")
      self = .convolution(channels: channels, size: size, stride: stride, padding: padding)
    } else {
      self = .linear(outputs: try whole.extent(text, "layer"))
    }
  }
}
