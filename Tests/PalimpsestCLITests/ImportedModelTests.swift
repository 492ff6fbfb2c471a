import Foundation
import Palimpsest
import Testing

/// A model of PyTorch with its checkpoints, its data and what PyTorch computed.
struct ImportedModel: Sendable, CustomTestStringConvertible {
  let name: String
  var file = "dynamo"

  var testDescription: String { "\(name)/\(file)" }

  /// A file of the model's.
  func path(_ name: String) -> String {
    repositoryFile("Tests/Oracles/data/imported/\(self.name)/\(name)")
  }

  func oracle(_ name: String) throws -> Tensor<Double> {
    try #require(try Safetensors(path: path("oracle.safetensors"))[name]).tensor()
  }

  var model: String { path("\(file).onnx") }

  var training: [String] { ["--train-x", path("x_train.npy"), "--train-y", path("y_train.npy")] }

  var queries: [String] { ["--query-x", path("x_query.npy"), "--query-y", path("y_query.npy")] }

  var checkpoints: [String] {
    get throws {
      try oracle("learning_rates").scalars.enumerated().flatMap { number, rate in
        ["--checkpoint", path("checkpoint-\(number + 1).safetensors") + ":\(rate)"]
      }
    }
  }

  /// The command that scores the training items with both checkpoints.
  var score: [String] {
    get throws { try ["score", "--model", model] + checkpoints + training + queries }
  }

  /// The largest difference from an oracle, relative to its largest number.
  func departure(_ scores: Tensor<Float>, from name: String) throws -> Double {
    let expected = try oracle(name)
    try #require(expected.shape == scores.shape)
    let largest = expected.scalars.map(abs).max() ?? 0
    return zip(scores.scalars, expected.scalars).map { abs(Double($0) - $1) }.max().map {
      $0 / largest
    } ?? .infinity
  }
}

@Suite("Models from elsewhere")
struct ImportedModelTests {
  @Test(
    "scores are those that PyTorch computes",
    arguments: [
      ImportedModel(name: "convolutional"), .init(name: "residual", file: "legacy"),
      .init(name: "grouped"), .init(name: "wave", file: "legacy"), .init(name: "encoder"),
      .init(name: "transformer-tied"), .init(name: "transformer-short"), .init(name: "gated"),
      .init(name: "two-inputs", file: "fixed"), .init(name: "shared"),
    ])
  func scores(_ model: ImportedModel) async throws {
    let room = try Room()
    let outcome = try await room.run(model.score + ["--scores", "s.npy"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors == "")
    #expect(try model.departure(room.array("s.npy"), from: "tracin") < 1e-4)
  }

  @Test("an ONNX file brings its own weights, and further ones are checkpoints")
  func ownWeights() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    var arguments = ["score", "--model", model.model] + model.training + model.queries
    arguments += ["--method", "grad-dot", "--scores"]
    #expect(try await room.run(arguments + ["own.npy"]).status == 0)
    #expect(try model.departure(room.array("own.npy"), from: "grad_dot") < 1e-4)
    let other = model.path("legacy.onnx")
    #expect(try await room.run(arguments + ["other.npy", "--checkpoint", other]).status == 0)
    #expect(try room.bytes("own.npy") == room.bytes("other.npy"))
  }

  @Test("labels may stand in the file of the inputs")
  func oneFile() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    for (part, name) in [("train", "t"), ("query", "q")] {
      let arrays = try ["x", "y"].map { axis in
        NamedArray(axis, try StoredArray.read(path: model.path("\(axis)_\(part).npy")))
      }
      try Safetensors(arrays).write(to: room.path("\(name).safetensors"))
    }
    let outcome = try await room.run(
      ["score", "--model", model.model] + model.checkpoints
        + ["--train-x", "t.safetensors", "--query-x", "q.safetensors", "--scores", "s.npy"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(try model.departure(room.array("s.npy"), from: "tracin") < 1e-4)
  }

  // MARK: Names

  /// Checkpoints of a model under other names.
  private func rename(
    _ model: ImportedModel, in room: Room, _ change: (NamedArray) throws -> NamedArray
  ) throws -> [String] {
    try (1...2).flatMap { number in
      let file = "checkpoint-\(number).safetensors"
      let arrays = try Safetensors(path: model.path(file)).arrays.map(change)
      let step = NamedArray("step", StoredArray([7], shape: [1]))
      try Safetensors(arrays + [step]).write(to: room.path(file))
      return ["--checkpoint", file + ":\(try model.oracle("learning_rates").scalars[number - 1])"]
    }
  }

  @Test("renamed and transposed weights are found by their values")
  func found() async throws {
    let model = ImportedModel(name: "normalised", file: "folded-legacy")
    let room = try Room()
    let checkpoints = try rename(model, in: room) { named in
      guard named.array.shape.rank == 2 else { return named }
      let matrix = try named.array.tensor(as: Float.self)
      let (rows, columns) = (matrix.shape[0], matrix.shape[1])
      let turned = (0..<columns).flatMap { column in
        (0..<rows).map { matrix.scalars[$0 * columns + column] }
      }
      return NamedArray(
        "net." + named.name, StoredArray(Tensor<Float>([columns, rows], turned)))
    }
    let arguments =
      ["score", "--model", model.model] + checkpoints + model.training + model.queries
    let outcome = try await room.run(arguments + ["--scores", "s.npy"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let said = outcome.errors.split(separator: "\n").filter { $0.contains("by shape and value") }
    #expect(said.count == 1 && said[0].contains("transposed"), "\(outcome.errors)")
    #expect(try model.departure(room.array("s.npy"), from: "tracin") < 1e-4)
  }

  @Test("a prefix that a wrapper puts before all names is taken off, and said")
  func prefix() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    let checkpoints = try rename(model, in: room) { NamedArray("module." + $0.name, $0.array) }
    let outcome = try await room.run(
      ["score", "--model", model.model] + checkpoints + model.training + model.queries
        + ["--scores", "s.npy"])
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("“module.”"), "\(outcome.errors)")
    #expect(try model.departure(room.array("s.npy"), from: "tracin") < 1e-4)
  }

  @Test("parameters are chosen by patterns, and a run keeps the choice")
  func patterns() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    let names = try Safetensors(path: model.path("checkpoint-1.safetensors")).arrays.map(\.name)
    let last = try #require(names.last)
    let score = ["score", "--model", model.model] + model.training + model.queries
    func scores(_ file: String, _ more: [String]) async throws -> Tensor<Float> {
      let outcome = try await room.run(
        score + ["--method", "grad-dot", "--scores", file] + more)
      try #require(outcome.status == 0, "\(outcome.errors)")
      return try room.array(file)
    }
    let only = try await scores("only.npy", ["--parameters", last])
    let rest = try await scores("rest.npy", ["--constant", last])
    let all = try await scores("all.npy", [])
    // Inner products of gradients are sums over parameters.
    for place in all.scalars.indices {
      let sum = only.scalars[place] + rest.scalars[place]
      #expect(abs(sum - all.scalars[place]) <= 1e-4 * all.scalars.map(abs).reduce(0, max))
    }
    let strange = try await room.run(score + ["--constant", "nothing.*"])
    #expect(strange.status == 65 && strange.errors.contains("“nothing.*”"), "\(strange.errors)")

    let train = try await room.run(
      ["train", "--model", model.model, "--out", "run", "--epochs", "1", "--batch-size", "4"]
        + model.training + ["--parameters", last])
    try #require(train.status == 0, "\(train.errors)")
    let before = try Safetensors(path: room.path("run/checkpoints/00000000.safetensors"))
    let after = try Safetensors(path: room.path("run/checkpoints/00000002.safetensors"))
    for name in names {
      let (a, b) = (try #require(before[name]), try #require(after[name]))
      let isSame =
        try a.tensor(as: Float.self).scalars == b.tensor(as: Float.self).scalars
      #expect(isSame == (name != last), "\(name)")
    }
    let ledger = try await room.run(["ledger", "run", "--query", "train:0"])
    #expect(ledger.status == 0, "\(ledger.errors)")
  }

  @Test("--map says what cannot be found")
  func map() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    // Neither the names nor the values are those of the file.
    let checkpoints = try rename(model, in: room) { named in
      var elements = try named.array.tensor(as: Float.self).scalars
      elements[0] += 1
      return NamedArray(named.name + "-0", StoredArray(Tensor(named.array.shape, elements)))
    }
    let arguments =
      ["score", "--model", model.model] + checkpoints + model.training + model.queries
    let refused = try await room.run(arguments)
    #expect(refused.status == 65)
    #expect(refused.errors.contains("--map"), "\(refused.errors)")
    let names = try Safetensors(path: model.path("checkpoint-1.safetensors")).arrays.map(\.name)
    let outcome = try await room.run(arguments + names.flatMap { ["--map", "\($0)=\($0)-0"] })
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test("weights of equal values cannot be told apart")
  func ambiguous() async throws {
    let model = ImportedModel(name: "normalised")
    let room = try Room()
    let first = try #require(
      try Safetensors(path: model.path("checkpoint-2.safetensors")).arrays.first)
    let checkpoints = try rename(model, in: room) { named in
      named.name == first.name ? NamedArray("one", named.array) : named
    }
    // A copy of the values that the file has, and other values in the other checkpoint.
    let second = try Safetensors(path: room.path("checkpoint-2.safetensors")).arrays
    try Safetensors(second + [NamedArray("two", first.array)]).write(
      to: room.path("checkpoint-2.safetensors"))
    let outcome = try await room.run(
      ["score", "--model", model.model] + checkpoints + model.training + model.queries)
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("“one”") && outcome.errors.contains("“two”"))
    #expect(outcome.errors.contains("--map \(first.name)="), "\(outcome.errors)")
  }

  @Test(
    "a folded batch normalization is refused",
    arguments: ["folded-dynamo", "folded-legacy"])
  func folded(_ file: String) async throws {
    let outcome = try await Room().run(ImportedModel(name: "residual", file: file).score)
    #expect(outcome.status == 65 && outcome.output == "")
    #expect(outcome.errors.contains("batch normalization"))
    #expect(outcome.errors.contains("optimize=False"))
    #expect(outcome.errors.count { $0.isNewline } == 1, "\(outcome.errors)")
  }

  @Test("copies of a tied weight are said")
  func tied() async throws {
    let outcome = try await Room().run(
      ImportedModel(name: "transformer-tied", file: "folded-dynamo").score)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("tied weights stand in the file twice"))
    let renamed = try await Room().run(
      ImportedModel(name: "transformer-tied", file: "last-name").score)
    #expect(renamed.status == 0 && renamed.errors.contains("“head.weight” is “wte.weight”"))
  }

  // MARK: Faults

  /// One line on standard error with the words.
  private func expectRefusal(
    _ arguments: [String], in room: Room, status: Int32 = 65, _ words: String...,
    location: SourceLocation = #_sourceLocation
  ) async throws {
    let outcome = try await room.run(arguments)
    #expect(
      outcome.status == status && !outcome.isSignalled && outcome.output == "",
      "\(outcome.errors)", sourceLocation: location)
    #expect(
      outcome.errors.hasPrefix("palimpsest: ") && outcome.errors.count { $0.isNewline } == 1,
      "\(outcome.errors)", sourceLocation: location)
    for word in words {
      #expect(outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: location)
    }
  }

  @Test("a token out of the vocabulary is named")
  func token() async throws {
    let model = ImportedModel(name: "transformer")
    let room = try Room()
    let x = try StoredArray.read(path: model.path("x_train.npy"))
    var tokens = try x.integers()
    tokens[x.shape[1] * 2 + 1] = 11
    try NPY.write(StoredArray(tokens, shape: x.shape), to: room.path("x.npy"))
    try await expectRefusal(
      [
        "score", "--model", model.model, "--train-x", "x.npy", "--train-y",
        model.path("y_train.npy"),
      ]
        + model.queries, in: room, "x.npy: item 2", "position 1", "0 to 10")
  }

  @Test("items of another shape are refused")
  func shape() async throws {
    let model = ImportedModel(name: "convolutional")
    let other = ImportedModel(name: "residual")
    try await expectRefusal(
      ["score", "--model", model.model] + other.training + model.queries, in: Room(),
      "convolutional/dynamo.onnx", "as the data")
  }

  @Test("a weight that is no number is refused")
  func notANumber() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    let checkpoints = try rename(model, in: room) { named in
      var elements = try named.array.tensor(as: Float.self).scalars
      elements[elements.count - 1] = .nan
      return NamedArray(named.name, StoredArray(Tensor(named.array.shape, elements)))
    }
    try await expectRefusal(
      ["score", "--model", model.model] + checkpoints + model.training + model.queries, in: room,
      "checkpoint-1.safetensors", "nan", "finite")
  }

  @Test("a weight of the model itself that is no number is named with its place")
  func ownNotANumber() async throws {
    let room = try Room()
    var bytes = TinyNetwork().bytes
    let start = try #require(
      bytes.indices.first { bytes[$0...].starts(with: TinyNetwork.weightBytes) })
    for (byte, value) in zip((start + 4 * 4)..., [0, 0, 0xc0, 0x7f] as [UInt8]) {
      bytes[byte] = value
    }
    try room.write(bytes, to: "m.onnx")
    try tinyItems(in: room)
    let score = ["score", "--query-x", "x.npy", "--query-y", "y.npy"]
    for command in [score, ["train", "--out", "run"]] {
      try await expectRefusal(
        command + ["--model", "m.onnx", "--train-x", "x.npy", "--train-y", "y.npy"], in: room,
        "m.onnx", "element 4", "found nan in “w”", "a finite number")
    }
  }

  /// Three items of two inputs.
  private func tinyItems(in room: Room) throws {
    try NPY.write(Tensor<Float>([3, 2], [1, 2, -1, 0.5, 0, 1]), to: room.path("x.npy"))
    try NPY.write(StoredArray([0, 2, 1] as [Int64], shape: [3]), to: room.path("y.npy"))
  }

  @Test("a model with weights in a file of their own is scored, and not trained")
  func externalWeights() async throws {
    let room = try Room()
    try room.write(TinyNetwork().bytes, to: "one.onnx")
    try room.write(TinyNetwork(external: "w.bin").bytes, to: "m.onnx")
    try room.write(TinyNetwork.weightBytes, to: "w.bin")
    try tinyItems(in: room)
    let items = ["--train-x", "x.npy", "--train-y", "y.npy"]
    for model in ["one", "m"] {
      let outcome = try await room.run(
        ["score", "--model", "\(model).onnx", "--query-x", "x.npy", "--query-y", "y.npy"]
          + ["--scores", "\(model).npy"] + items)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    #expect(try room.bytes("one.npy") == room.bytes("m.npy"))
    try await expectRefusal(
      ["train", "--model", "m.onnx", "--out", "run"] + items, in: room,
      "m.onnx: found weights in another file, “w.bin”", "all in one file", "onnx.save")
    #expect(!FileManager.default.fileExists(atPath: room.path("run")))
  }

  @Test("batch normalization as in training is refused")
  func trainingMode() async throws {
    let room = try Room()
    try room.write(TinyNetwork(isTraining: true).bytes, to: "m.onnx")
    try tinyItems(in: room)
    let score = ["score", "--query-x", "x.npy", "--query-y", "y.npy"]
    for command in [score, ["train", "--out", "run"]] {
      try await expectRefusal(
        command + ["--model", "m.onnx", "--train-x", "x.npy", "--train-y", "y.npy"], in: room,
        "m.onnx", "batch normalization in training is not supported", "model.eval()")
    }
  }

  @Test("checkpoints may be npz")
  func arrays() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    let rates = try model.oracle("learning_rates").scalars
    let checkpoints = (1...2).flatMap {
      ["--checkpoint", model.path("checkpoint-\($0).npz") + ":\(rates[$0 - 1])"]
    }
    let outcome = try await room.run(
      ["score", "--model", model.model, "--scores", "s.npy"] + checkpoints + model.training
        + model.queries)
    try #require(outcome.status == 0, "\(outcome.errors)")
    #expect(try model.departure(room.array("s.npy"), from: "tracin") < 1e-4)
  }

  @Test("a pickle is refused with the line that converts it")
  func pickle() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    try room.write([0x80, 2, 0x7d, 0x71, 0], to: "e1.pt")
    try await expectRefusal(
      ["score", "--model", model.model, "--checkpoint", "e1.pt"] + model.training + model.queries,
      in: room, "e1.pt", "torch.load")
  }

  @Test("options that make no sense are a matter of usage")
  func usage() async throws {
    let model = ImportedModel(name: "convolutional")
    let room = try Room()
    let all = try model.score
    try await expectRefusal(all + ["--map", "nonsense"], in: room, status: 64, "PARAMETER=ARRAY")
    try await expectRefusal(
      all + ["--map", "a=b"], in: room, status: 64, "a parameter of the model")
    try await expectRefusal(
      ["score", "--model", model.model, "--train-x", model.path("x_train.npy")] + model.queries,
      in: room, "give the targets a file")
    try await expectRefusal(
      ["score", "--model", "nowhere.onnx"] + model.training + model.queries, in: room, status: 66,
      "nowhere.onnx")
  }

  // MARK: Runs

  private func train(
    _ model: ImportedModel, in room: Room, _ more: String...
  ) async throws -> Room.Outcome {
    try await room.run(
      ["train", "--model", model.model, "--out", "run", "--test-x", model.path("x_query.npy")]
        + ["--test-y", model.path("y_query.npy"), "--batch-size", "4", "--epochs", "2"]
        + model.training + more)
  }

  @Test("a run of an ONNX model has a copy of it, and answers as any run does")
  func run() async throws {
    // Statistics of batch normalizations are carried along, and not trained.
    let model = ImportedModel(name: "residual")
    let room = try Room()
    let trained = try await train(model, in: room)
    try #require(trained.status == 0, "\(trained.errors)")
    #expect(try room.text("run/run.json").contains("\"model\": \"model.onnx\""))
    #expect(try room.bytes("run/model.onnx") == Data(contentsOf: URL(fileURLWithPath: model.model)))
    let (first, last) = (
      try Safetensors(path: room.path("run/checkpoints/00000000.safetensors")),
      try Safetensors(path: room.path("run/checkpoints/00000004.safetensors"))
    )
    let elements = { (file: Safetensors, name: String) in
      try #require(file[name]).tensor(as: Float.self).scalars
    }
    #expect(try elements(first, "bn.running_mean") == elements(last, "bn.running_mean"))
    #expect(try elements(first, "stem.weight") != elements(last, "stem.weight"))
    #expect(try await train(model, in: room).output.contains("finished before"))

    try await room.done("score", "run", "--query", "test:0", "--top", "1")
    let account = try await room.done(
      "ledger", "run", "--query", "test:0", "--columns", "credit,marginal", "--json")
    #expect(!account.output.isEmpty)
    try await room.done("retrain", "run", "--without", "3", "--query", "test:0")
    try await room.done("inspect", "run")
    let figures = try await room.done(
      "evaluate", "run", "--methods", "tracin,credit", "--removed", "0.25", "--query", "test:0..<2",
      "--subsets", "4", "--json"
    ).json.filter { $0["kind"]?.string == "evaluation" }
    #expect(figures.map { $0["method"]?.string } == ["tracin", "credit"])
    #expect(figures.allSatisfy { $0["mean"]?.double.map { abs($0) <= 1 } ?? false })
  }

  @Test("a run is not resumed with another model")
  func otherModel() async throws {
    let room = try Room()
    let model = ImportedModel(name: "convolutional")
    #expect(try await train(model, in: room).status == 0)
    let other = try await train(ImportedModel(name: "convolutional", file: "legacy"), in: room)
    #expect(other.status == 73 && other.errors.contains("another model"), "\(other.errors)")
  }

  @Test("a model that was changed after the run is found by its digest")
  func changedModel() async throws {
    let room = try Room()
    let model = ImportedModel(name: "convolutional")
    #expect(try await train(model, in: room).status == 0)
    let digest = try SHA256.hex(ofFile: model.model)
    let line = "  \"modelSHA256\": \"\(digest)\",\n"
    // Another export of the same network, and a damaged file.
    try FileManager.default.removeItem(atPath: room.path("run/model.onnx"))
    try FileManager.default.copyItem(
      atPath: model.path("legacy.onnx"), toPath: room.path("run/model.onnx"))
    for command in ["score", "ledger"] {
      try await expectRefusal(
        [command, "run", "--query", "test:0"], in: room, "run/model.onnx: found SHA-256",
        "expected \(digest)", "put the old one")
    }
    // A record that does not say it takes the file as it is.
    try room.edit("run/run.json", line, "")
    try await room.done("score", "run", "--query", "test:0")
    try room.truncate("run/model.onnx")
    try await expectRefusal(["score", "run", "--query", "test:0"], in: room, "run/model.onnx")
    try FileManager.default.removeItem(atPath: room.path("run/model.onnx"))
    try FileManager.default.copyItem(atPath: model.model, toPath: room.path("run/model.onnx"))
    try await room.done("score", "run", "--query", "test:0")
  }

  @Test("the model of a record stays in its folder")
  func escape() async throws {
    let room = try Room()
    let model = ImportedModel(name: "convolutional")
    #expect(try await train(model, in: room).status == 0)
    let own = "\"model\": \"model.onnx\""
    try FileManager.default.copyItem(atPath: model.model, toPath: room.path("outside.onnx"))
    try FileManager.default.createSymbolicLink(
      atPath: room.path("run/link.onnx"), withDestinationPath: "../outside.onnx")
    var present = own
    for path in ["../outside.onnx", room.path("outside.onnx"), "link.onnx"] {
      let next = "\"model\": \"\(path)\""
      try room.edit("run/run.json", present, next)
      present = next
      try await expectRefusal(
        ["score", "run", "--query", "test:0"], in: room, "run.json", "inside the folder")
    }
    try room.edit("run/run.json", present, "\"model\": \"gone.onnx\"")
    try await expectRefusal(
      ["score", "run", "--query", "test:0"], in: room, status: 66, "gone.onnx")
  }

  // MARK: Inspection

  @Test("inspect shows a model's operators, parameters and how gradients are made")
  func inspect() async throws {
    let room = try Room()
    let model = ImportedModel(name: "transformer-tied")
    let json = try #require(
      try await room.done("inspect", model.model, "--json").json.first)
    #expect(json["opset"]?.integer(Int.self) == 20)
    #expect(json["parameters"]?.integer(Int.self) == 1896)
    let arrays = try #require(json["arrays"]?.array)
    let tied = try #require(arrays.first { $0["name"]?.string == "wte.weight" })
    #expect(tied["gradient"]?.string == "product, rows")
    #expect(tied["role"]?.string == "parameter")
    let operators = try #require(json["operators"]?.array)
    #expect(operators.contains { $0["operator"]?.string == "LayerNormalization" })
    let text = try await room.done("inspect", ImportedModel(name: "residual").model).output
    #expect(text.contains("statistic") && text.contains("[\"batch\", 3, 6, 6]"))
  }
}
