/// What an ONNX file holds, as plain values: operators, weights, inputs and outputs.
public struct ONNXGraph: Sendable {
  /// One operator with its operands.
  public struct Node: Sendable {
    /// Its own name; often empty.
    public let name: String
    /// What it does, such as `Conv`.
    public let operatorName: String
    /// Whose operator it is; empty for those of ONNX itself.
    public let domain: String
    /// The names of the values it reads; empty where an optional one is left out.
    public let inputs: [String]
    /// The names of the values it makes; empty where one is not wanted.
    public let outputs: [String]
    /// Its constants.
    public let attributes: [String: Attribute]
    /// The line of the exported program that it was made for.
    let trace: ONNXTrace
  }

  /// A constant of an operator.
  public enum Attribute: Sendable {
    /// A whole number.
    case int(Int64)
    /// A number.
    case float(Double)
    /// A text.
    case string(String)
    /// An array.
    case tensor(StoredArray)
    /// Several whole numbers.
    case ints([Int64])
    /// Several numbers.
    case floats([Double])
    /// Several texts.
    case strings([String])
    /// A graph of its own, as branches and loops have.
    case graph(ONNXGraph)
  }

  /// The name and type of an input or output.
  public struct Value: Sendable {
    /// Its name.
    public let name: String
    /// The type of its elements; nil where the file does not say.
    public let elementType: ElementType?
    /// The extents of its axes; nil where the file does not say how many there are.
    public let extents: [Extent]?
  }

  /// The extent of an axis.
  public enum Extent: Sendable, Equatable {
    /// A number.
    case fixed(Int)
    /// A name that stands for the same number everywhere.
    case symbol(String)
    /// Anything.
    case unknown
  }

  /// Its name.
  public let name: String
  /// The version of the operators of ONNX itself.
  public let opset: Int
  /// The operators, each after those whose values it reads.
  public let nodes: [Node]
  /// The weights and other arrays that the file holds, by name.
  public let initializers: [NamedArray]
  /// The inputs without those that are initializers.
  public let inputs: [Value]
  /// The outputs.
  public let outputs: [Value]
  /// The program that wrote the file, such as `pytorch 2.13.0`; empty where it does not say.
  public let producer: String
  /// The names of further files that hold arrays of this one, relative to its folder, sorted.
  public let externalFiles: [String]
  /// What the exporter says of its arrays.
  let signature: ONNXSignature
}
