import Readers

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  _ = readAll(start, count, as: "onnx", name: "input.onnx")
  return importModel(start, count)
}
