import Palimpsest

/// Reads bytes as a file of this name, and everything that it holds.
///
/// A `FormatError` is what a fault must come as; all else ends the program, and the fuzzer notes it.
///
/// - Parameter format: The name of a format in the registry.
/// - Returns: 0, as libFuzzer expects it.
public func readAll(
  _ start: UnsafePointer<UInt8>?, _ count: Int, as format: String, name: String
) -> CInt {
  guard let format = FormatRegistry.all.first(where: { $0.name == format }) else {
    preconditionFailure("no format \(format)")
  }
  let source = ByteSource(bytes(start, count), name: name)
  do {
    for entry in try format.read(source).arrays {
      // Each for itself: one that does not fit must not hide the next.
      _ = try? entry.array.tensor(as: Float.self)
      _ = try? entry.array.integers()
    }
  } catch {
    // Its line must be fit for a terminal.
    let line = error.description
    precondition(!line.contains { $0.isNewline || $0 == "\u{1b}" }, "an error of several lines")
  }
  return 0
}

/// Reads bytes as a model of ONNX, and brings it into a graph.
///
/// Good seeds are the small models of `Tests/Oracles/data/imported`.
///
/// - Returns: 0, as libFuzzer expects it.
public func importModel(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let name = "input.onnx"
  guard let graph = try? ONNXGraph(ByteSource(bytes(start, count), name: name)) else { return 0 }
  _ = try? ONNXProgram(graph, file: name)
  return 0
}

/// Reads bytes as a JSON document, which must come back the same from its own text.
///
/// - Returns: 0, as libFuzzer expects it.
public func readDocument(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let source = ByteSource(bytes(start, count), name: "input.json")
  guard let value = try? JSONValue(source) else { return 0 }
  let again = try? JSONValue(ByteSource(Array(value.description.utf8), name: "again.json"))
  precondition(again == value, "another document came back")
  return 0
}

func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: start, count: count))
}
