public import TensorCore

/// The named parameters of a model and where each lies in one flat vector of P numbers.
///
/// The order is that of PyTorch's `named_parameters()` for the same network.
public struct ParameterLayout: Equatable, Sendable {
  /// One parameter tensor.
  public struct Entry: Equatable, Sendable {
    /// Its name in checkpoints, such as `0.weight`.
    public let name: String
    /// Its shape, such as `[O, I]`.
    public let shape: Shape
    /// Where it starts in the flat vector.
    public let offset: Int
    /// Whether training changes it; the running statistics of a normalisation stay as they are.
    public let isTrainable: Bool
    /// Its places in the flat vector.
    public var range: Range<Int> { offset..<offset + shape.count }
  }

  /// The parameters in their order.
  public let entries: [Entry]
  /// P, the number of all parameters.
  public let count: Int
  /// The number of those that training changes; they come first.
  public let trainableCount: Int

  /// Places the parameters one after another.
  ///
  /// - Parameter buffers: What belongs to the model and its checkpoints, but is not trained.
  public init(
    _ parameters: [(name: String, shape: Shape)], buffers: [(name: String, shape: Shape)] = []
  ) {
    var entries: [Entry] = []
    var offset = 0
    for (index, (name, shape)) in (parameters + buffers).enumerated() {
      entries.append(
        Entry(name: name, shape: shape, offset: offset, isTrainable: index < parameters.count))
      offset += shape.count
    }
    trainableCount = parameters.reduce(0) { $0 + $1.shape.count }
    self.entries = entries
    count = offset
  }
}
