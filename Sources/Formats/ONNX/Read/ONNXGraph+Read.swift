extension ONNXGraph {
  /// Reads a model.
  ///
  /// The elements of its arrays are read when they are asked for.
  ///
  /// - Throws: `FormatError`, naming the place and what is wrong there: what does not follow the
  ///   rules of ONNX, versions of its operators that are not understood, sparse weights, functions,
  ///   and external data outside the model's folder. What describes a training is passed over.
  /// - Complexity: O(file without its arrays).
  public init(path: String) throws(FormatError) { try self.init(ByteSource(path: path)) }

  /// Reads a model from a source; external data stand in the folder that its name says.
  public init(_ source: ByteSource) throws(FormatError) {
    self = try ONNXReader(source).model()
  }

  /// The entry of the registry.
  static let format = FileFormat(
    name: "onnx", extensions: ["onnx"],
    summary: "models with their weights, written by torch.onnx.export and others",
    recognises: { _ throws(FormatError) in false },
    read: { source throws(FormatError) in
      ItemTable(source.name, try ONNXGraph(source).initializers)
    })
}
