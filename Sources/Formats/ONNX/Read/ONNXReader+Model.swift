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
    // One version may be named under both names of the domain.
    let versions = Set(
      model.opsetImport.filter { ONNXReader.domain($0.domain).isEmpty }.map(\.version))
    let others = model.opsetImport.map(\.domain).filter { !ONNXReader.domain($0).isEmpty }
    guard let version = versions.first, versions.count == 1 else {
      let domains = others.map(FormatError.quoted).joined(separator: ", ")
      let numbers = versions.sorted().map(String.init).joined(separator: " and ")
      throw source.malformed(
        found: !versions.isEmpty
          ? "the versions \(numbers) of ONNX's operators (opset)"
          : others.isEmpty
            ? "no version of ONNX's operators (opset)"
            : "operators of \(domains) alone",
        expected: "operators of ONNX itself, in one version",
        remedy: "export the model as a network of ONNX's own operators")
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
