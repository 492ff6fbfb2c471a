import Palimpsest
import Testing

/// The modules of `Tests/Oracles/generate_meanings.py` on the command line.
@Suite("What a model file means, on the command line") struct ModelMeaningTests {
  private static func file(_ name: String, _ part: String) -> String {
    repositoryFile("Tests/Oracles/data/meanings/\(name)/\(part)")
  }

  private static func arguments(_ name: String) -> [String] {
    let (x, y) = (file(name, "x.npy"), file(name, "y.npy"))
    return [
      "--model", file(name, "model.onnx"), "--train-x", x, "--train-y", y, "--query-x", x,
      "--query-y", y, "--method", "grad-dot",
    ]
  }

  @Test("inspect gives the reason for each array, and a report lists what is trained")
  func reasons() async throws {
    let room = try Room()
    let inspected = try await room.run(["inspect", Self.file("buffers", "model.onnx")])
    #expect(inspected.output.contains("buffer  not trained: the exporter calls it a buffer"))
    #expect(inspected.output.contains("parameter  trained: the exporter calls it a parameter"))
    let scored = try await room.run(["score"] + Self.arguments("buffers"))
    try #require(scored.status == 0, "\(scored.errors)")
    #expect(scored.output.contains("Not trained: “shift”, “width”"), "\(scored.output)")
  }

  @Test("training leaves buffers as they are") func training() async throws {
    let room = try Room()
    let outcome = try await room.run(
      ["train", "--out", "run", "--epochs", "2", "--batch-size", "3"]
        + Array(Self.arguments("buffers").prefix(6)))
    try #require(outcome.status == 0, "\(outcome.errors)")
    let before = try Safetensors(path: room.path("run/checkpoints/00000000.safetensors"))
    let after = try Safetensors(path: room.path("run/checkpoints/00000004.safetensors"))
    for name in ["shift", "width", "a.weight"] {
      let (a, b) = (try #require(before[name]), try #require(after[name]))
      let isSame = try a.tensor(as: Float.self).scalars == b.tensor(as: Float.self).scalars
      #expect(isSame == (name != "a.weight"), "\(name)")
    }
  }

  @Test("a value inside of the graph can be the output") func output() async throws {
    let room = try Room()
    let outcome = try await room.run(
      ["score", "--output", "linear", "--scores", "s.npy"] + Self.arguments("relu6"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    let strange = try await room.run(["score", "--output", "none"] + Self.arguments("relu6"))
    #expect(strange.status == 65 && strange.errors.contains("“none”"), "\(strange.errors)")
  }

  @Test("whole numbers that single precision does not hold are refused with their place")
  func wholeNumbers() async throws {
    let room = try Room()
    let refused = try await room.run(["score"] + Self.arguments("hashed"))
    #expect(refused.status == 65)
    #expect(
      refused.errors.contains("item 0") && refused.errors.contains("“mul”")
        && refused.errors.contains("--precision float64"), "\(refused.errors)")
    let ids = StoredArray((0..<30).map { Int64(1 << 24) + Int64($0) }, shape: [6, 5])
    try NPY.write(ids, to: room.path("ids.npy"))
    let y = Self.file("hashed", "y.npy")
    let inputs = try await room.run(
      ["self-influence", "--model", Self.file("hashed", "model.onnx"), "--train-x", "ids.npy"]
        + ["--train-y", y])
    #expect(inputs.status == 65, "\(inputs.errors)")
    #expect(inputs.errors.contains("found 16777217 as input 1"), "\(inputs.errors)")
  }

  @Test("items whose gradient is no number are left out where asked") func badItems() async throws {
    let room = try Room()
    let own = Self.arguments("root-of-nothing")
    let arguments = ["self-influence"] + own.prefix(6)
    let refused = try await room.run(arguments)
    #expect(refused.status == 65)
    #expect(
      refused.errors.contains("training item") && refused.errors.contains("Sqrt")
        && refused.errors.contains("“a.weight”"), "\(refused.errors)")
    let rest = try await room.run(arguments + ["--skip-bad-items", "--scores", "s.npy"])
    try #require(rest.status == 0, "\(rest.errors)")
    #expect(rest.errors.contains("left out") && rest.errors.contains("train:2"), "\(rest.errors)")
    let values = try StoredArray.read(path: room.path("s.npy")).tensor(as: Double.self)
    #expect(values.count < 6 && values.firstNonFinite == nil)
  }
}
