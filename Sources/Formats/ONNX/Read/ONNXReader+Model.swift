extension ONNXReader {
  /// What a graph of the file has from the model around it.
  struct Model {
    let opset: Int
    let producer: String
  }

  /// Reads the whole file, which is a `ModelProto`.
  func model() throws(FormatError) -> ONNXGraph {
    let graph = 7
    let training = 20
    let functions = 25
    let (body, parts) = try file.message(
      ModelProto.self, in: 0..<source.count, apart: [graph, training, functions])
    let graphs = parts.filter { $0.number == graph }
    guard let range = graphs.first?.payload, graphs.count == 1 else {
      throw source.malformed(
        found: graphs.isEmpty ? "no graph" : "\(graphs.count) graphs", expected: "an ONNX model",
        remedy: "export the model again")
    }
    if let function = parts.first(where: { $0.number == functions }) {
      throw malformed(
        at: function.range.lowerBound, "a function of the model's own",
        expected: "operators alone",
        remedy: "put functions in place with onnx.inliner.inline_local_functions and save it again")
    }
    let producer = [body.producerName, body.producerVersion].filter { !$0.isEmpty }
    return try self.graph(
      in: range, depth: 1,
      of: Model(opset: try opset(body), producer: producer.joined(separator: " ")))
  }

  private func opset(_ model: ModelProto) throws(FormatError) -> Int {
    let versions = model.opsetImport.filter { ONNXReader.domain($0.domain).isEmpty }.map(\.version)
    guard let version = versions.first, versions.count == 1 else {
      throw source.malformed(
        found: "\(versions.count) versions of ONNX's operators (opset)", expected: "one",
        remedy: "export the model again")
    }
    let known = ONNXReader.opsets
    guard let opset = Int(exactly: version), known.contains(opset) else {
      throw source.malformed(
        found: "version \(version) of ONNX's operators (opset)",
        expected: "\(known.lowerBound) to \(known.upperBound)",
        remedy: "export the model with opset_version=20, or convert it with "
          + "onnx.version_converter.convert_version")
    }
    return opset
  }

  /// ONNX's own domain has two names.
  static func domain(_ name: String) -> String { name == "ai.onnx" ? "" : name }
}
