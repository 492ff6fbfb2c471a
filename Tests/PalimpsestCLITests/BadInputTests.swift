import Foundation
import Palimpsest
import Testing

/// Input that is at fault, and how the command has to end.
struct BadInput: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let status: Int32
  /// Words of the line: the file, the place, what was found, what was expected.
  let words: [String]
  let arguments: [String]
  let prepare: @Sendable (Room) throws -> Void

  init(
    _ description: String, _ status: Int32, _ words: [String], _ arguments: [String],
    prepare: @escaping @Sendable (Room) throws -> Void = { _ in }
  ) {
    testDescription = description
    self.status = status
    self.words = words
    self.arguments = arguments
    self.prepare = prepare
  }

  /// The options of the small run with some replaced.
  static func training(_ replaced: [String: String] = [:], _ more: String...) -> [String] {
    var arguments = Room.training + ["--out", "new"]
    // Batches say by themselves how many there are and how large.
    for option in replaced["--batches"] == nil ? [] : ["--batch-size", "--epochs"] {
      if let place = arguments.firstIndex(of: option) {
        arguments.removeSubrange(place...place + 1)
      }
    }
    for (option, value) in replaced {
      if let place = arguments.firstIndex(of: option) {
        arguments[place + 1] = value
      } else {
        arguments += [option, value]
      }
    }
    return arguments + more
  }
}

@Suite("Bad input")
struct BadInputTests {
  private let room: Room

  init() async throws { room = try await Room.withRun() }

  /// One line on standard error with the status and the words, nothing on standard output, and the
  /// folder as it was.
  private func expectRefusal(_ input: BadInput) async throws {
    try input.prepare(room)
    let before = try room.contents()
    let outcome = try await room.run(input.arguments)
    #expect(outcome.status == input.status && !outcome.isSignalled, "\(outcome.errors)")
    #expect(outcome.output == "")
    #expect(outcome.errors.hasPrefix("palimpsest: ") && outcome.errors.hasSuffix("\n"))
    #expect(outcome.errors.count { $0.isNewline } == 1, "\(outcome.errors)")
    let isClean = outcome.errors.unicodeScalars.dropLast().allSatisfy {
      $0.properties.generalCategory != .control
    }
    #expect(isClean, "\(outcome.errors)")
    for word in input.words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    #expect(try room.contents() == before)
  }

  // MARK: Data

  static let badData: [BadInput] = [
    BadInput("missing inputs", 66, ["none.npy"], BadInput.training(["--train-x": "none.npy"])),
    BadInput("missing labels", 66, ["none.npy"], BadInput.training(["--train-y": "none.npy"])),
    BadInput(
      "a folder for inputs", 65, ["run", "found no pictures"],
      BadInput.training(["--train-x": "run"])),
    BadInput("truncated npy", 65, ["x.npy", "byte", "expected"], BadInput.training()) {
      try $0.truncate("x.npy")
    },
    BadInput(
      "truncated IDX", 65, ["x.idx", "byte", "expected"], BadInput.training(["--train-x": "x.idx"])
    ) {
      try $0.write(
        [0, 0, 8, 2, 0, 0, 0, 40, 0, 0, 0, 6] + [UInt8](repeating: 9, count: 100), to: "x.idx")
    },
    BadInput(
      "truncated CSV", 65, ["x.csv", "line 3", "expected 3 fields"],
      BadInput.training(["--train-x": "x.csv"])
    ) {
      try $0.write("a,b,c\n1,2,3\n4".utf8, to: "x.csv")
    },
    BadInput(
      "an empty field", 65, ["x.csv: line 3, column 2", "fill it in, or leave the line out"],
      BadInput.training(["--train-x": "x.csv"])
    ) {
      try $0.write("a,b\n1,2\n3,\n".utf8, to: "x.csv")
    },
    BadInput(
      "a compressed table", 65, ["x.csv.gz: found a file compressed", "gunzip x.csv.gz"],
      BadInput.training(["--train-x": "x.csv.gz"])
    ) {
      try $0.write([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], to: "x.csv.gz")
    },
    BadInput("an empty file", 65, ["x.npy", "expected"], BadInput.training()) {
      try $0.write([], to: "x.npy")
    },
    BadInput(
      "a Python pickle", 65, ["x.pt", "pickle", "safetensors", "python -c"],
      BadInput.training(["--train-x": "x.pt"])
    ) {
      try $0.write([0x80, 2] + Array("}q\u{0}.".utf8), to: "x.pt")
    },
    BadInput(
      "inputs of another width", 65, ["x.npy", "[40, 6]", "[N, 7]"],
      BadInput.training(["--model": "mlp:7-3"])),
    BadInput(
      "labels for other items", 65, ["qy.npy", "found 8 targets", "expected 40"],
      BadInput.training(["--train-y": "qy.npy"])),
    BadInput(
      "a label out of range", 65, ["y.npy: item 2", "found the label 3", "expected 0 to 2"],
      BadInput.training()
    ) {
      try $0.replaceLabel(2, with: 3)
    },
    BadInput(
      "a negative label", 65, ["y.npy: item 39", "found the label -1", "expected 0 to 2"],
      BadInput.training()
    ) {
      try $0.replaceLabel(39, with: -1)
    },
    BadInput(
      "NaN in the inputs", 65,
      ["x.npy: item 1", "found nan", "input 3", "expected a finite number"], BadInput.training()
    ) {
      try $0.replaceInput(9, with: .nan)
    },
    BadInput(
      "infinity in the inputs", 65, ["x.npy: item 0", "found inf", "input 0"], BadInput.training()
    ) {
      try $0.replaceInput(0, with: .infinity)
    },
    BadInput("NaN in the test inputs", 65, ["qx.npy: item 0", "found nan"], BadInput.training()) {
      try $0.replaceInput(0, with: .nan, in: "qx.npy")
    },
    BadInput(
      "labels where numbers are due", 65, ["y.npy", "[40]", "[N, 3]"],
      BadInput.training(["--loss": "squared-error"])),
    BadInput(
      "a batch row out of range", 65,
      ["b.npy: element 4", "row 40 at step 1, column 1", "0 to 39"],
      BadInput.training(["--batches": "b.npy"])
    ) {
      try NPY.write(StoredArray([0, 1, 2, 3, 40, 5], shape: [2, 3]), to: $0.path("b.npy"))
    },
    BadInput(
      "an empty batch", 65, ["b.npy", "no rows at step 1"],
      BadInput.training(["--batches": "b.npy"])
    ) {
      try NPY.write(StoredArray([0, 1, -1, -1], shape: [2, 2]), to: $0.path("b.npy"))
    },
    BadInput(
      "item weights of other items", 65, ["w.npy", "[8]", "[40]"],
      BadInput.training(["--weights": "w.npy"])
    ) {
      try NPY.write(Tensor<Float>([8], [Float](repeating: 1, count: 8)), to: $0.path("w.npy"))
    },
    BadInput(
      "NaN in the item weights", 65, ["w.npy: element 7", "found nan"],
      BadInput.training(["--weights": "w.npy"])
    ) {
      var weights = [Float](repeating: 1, count: 40)
      weights[7] = .nan
      try NPY.write(Tensor<Float>([40], weights), to: $0.path("w.npy"))
    },
    BadInput(
      "parameters of another model", 65, ["0.weight", "[5, 6]", "[4, 6]"],
      BadInput.training(["--model": "mlp:6-4-3", "--init": "run/checkpoints/00000000.safetensors"])),
    BadInput(
      "NaN in the initial parameters", 65, ["i.safetensors: element 2", "found nan", "2.bias"],
      BadInput.training(["--init": "i.safetensors"])
    ) {
      try $0.writeParameters("i.safetensors", nan: true)
    },
    BadInput(
      "truncated safetensors", 65, ["i.safetensors", "expected"],
      BadInput.training(["--init": "i.safetensors"])
    ) {
      try $0.writeParameters("i.safetensors", nan: false)
      try $0.truncate("i.safetensors")
    },
  ]

  @Test("data at fault", arguments: badData)
  func data(_ input: BadInput) async throws { try await expectRefusal(input) }

  // MARK: Options

  static let badOptions: [BadInput] = [
    BadInput("no command of that name", 64, ["frobnicate"], ["frobnicate"]),
    BadInput(
      "no option of that name", 64, ["--frobnicate", "train --help"],
      BadInput.training([:], "--frobnicate")),
    BadInput(
      "no data", 64, ["--data digits", "--train-x"],
      ["train", "--model", "mlp:2-2", "--out", "new"]),
    BadInput("no model", 64, ["--model"], ["train", "--data", "digits", "--out", "new"]),
    BadInput(
      "unknown data", 64, ["--data", "mnist", "expected digits"],
      ["train", "--data", "mnist", "--model", "mlp:2-2", "--out", "new"]),
    BadInput("unknown model", 64, ["rnn:3-3", "mlp:"], BadInput.training(["--model": "rnn:3-3"])),
    BadInput(
      "no layers", 64, ["mlp:6", "mlp:64-32-10:tanh"], BadInput.training(["--model": "mlp:6"])),
    BadInput(
      "unknown activation", 64, ["swish", "tanh"], BadInput.training(["--model": "mlp:6-5-3:swish"])
    ),
    BadInput(
      "more parameters than a memory holds", 64, ["parameters"],
      BadInput.training(["--model": "mlp:6-16777216-16777216-3"])),
    BadInput(
      "unknown optimizer", 64, ["optimizer", "lion", "adamw"],
      BadInput.training(["--optimizer": "lion"])),
    BadInput(
      "unknown loss", 64, ["--loss", "hinge", "squared-error"],
      BadInput.training(["--loss": "hinge"])),
    BadInput(
      "unknown schedule", 64, ["schedule", "linear", "cosine"],
      BadInput.training(["--schedule": "linear"])),
    BadInput(
      "a rate that is no number", 64, ["--lr", "fast"], BadInput.training(["--lr": "fast"])),
    BadInput(
      "a rate that is not a number", 64, ["learning rate", "nan"],
      BadInput.training(["--lr": "nan"])),
    BadInput(
      "a negative rate", 64, ["learning rate", "-1.0", "from 0"], BadInput.training([:], "--lr=-1")),
    BadInput(
      "momentum for sgd", 64, ["--momentum", "sgd"], BadInput.training(["--momentum": "0.9"])),
    BadInput(
      "too much momentum", 64, ["momentum", "1.5"],
      BadInput.training(["--optimizer": "momentum", "--momentum": "1.5"])),
    BadInput("no epochs", 64, ["epochs", "found 0"], BadInput.training(["--epochs": "0"])),
    BadInput(
      "epochs without end", 64, ["epochs", "2147483647"],
      BadInput.training(["--epochs": "2147483647"])),
    BadInput(
      "epochs beyond a number", 64, ["--epochs"],
      BadInput.training(["--epochs": "99999999999999999999"])),
    BadInput(
      "no threads", 64, ["--threads", "found 0", "1 to 64"], BadInput.training(["--threads": "0"])),
    BadInput(
      "memory that is no size", 64, ["--memory", "lots", "500M"],
      BadInput.training(["--memory": "lots"])),
    BadInput(
      "too little memory to train", 64, ["--memory", "found 1 MiB", "expected at least"],
      BadInput.training(["--memory": "1M"])),
    BadInput(
      "too little memory to score", 64, ["--memory", "found 1 MiB", "expected at least"],
      ["score", "run", "--query", "test:0", "--memory", "1M", "--scores", "s.npy"]),
    BadInput(
      "unknown method", 64, ["--method", "astrology", "grad-dot"],
      ["score", "run", "--method", "astrology"]),
    BadInput(
      "unknown measure", 64, ["--measure", "charm", "margin"],
      ["score", "run", "--measure", "charm"]),
    BadInput(
      "a query that is none", 64, ["--query", "tset", "test:3", "test:0-49"],
      ["score", "run", "--query", "tset"]),
    BadInput(
      "a query out of range", 64, ["item 8", "test items of 0 to 7"],
      ["score", "run", "--query", "test:8"]),
    BadInput(
      "a range out of range", 64, ["39..<41", "train items of 0 to 39"],
      ["score", "run", "--query", "train:39..<41"]),
    BadInput(
      "a range that turns back", 64, ["5..<2", "smaller number first"],
      ["score", "run", "--query", "test:5..<2"]),
    BadInput(
      "the largest number", 64, ["test:9223372036854775807"],
      ["score", "run", "--query", "test:9223372036854775807"]),
    BadInput(
      "a label that nothing has", 64, ["label=7", "no test item"],
      ["score", "run", "--query", "test:label=7"]),
    BadInput(
      "inputs without labels", 65, ["qx.npy: found one array", "expected “y”"],
      ["score", "run", "--query-x", "qx.npy"]),
    BadInput(
      "a report of no known kind", 64, ["--out", "s.pdf", ".html"],
      ["score", "run", "--query", "test:0", "--out", "s.pdf"]),
    BadInput("neither run nor model", 64, ["--model"], ["score"]),
    BadInput("run and model", 64, ["--model"], ["score", "run", "--model", "mlp:6-3"]),
    BadInput(
      "a model without checkpoints", 64, ["--checkpoint"],
      ["score", "--model", "mlp:6-3", "--train-x", "x.npy", "--train-y", "y.npy"]),
    BadInput(
      "a matrix that is not computed", 64, ["--top-only", "--scores"],
      ["score", "run", "--top-only", "--scores", "s.npy"]),
    BadInput(
      "a negative rate", 64, ["learning rate", "found -0.1", "expected a number from 0"],
      BadInput.training(["--lr": "-0.1"])),
    BadInput(
      "a negative decay", 64, ["weight decay: found -1.0", "expected"],
      BadInput.training(["--weight-decay": "-1"])),
    BadInput(
      "a negative seed", 64, ["'-1'", "--seed", "expected a whole number from 0 to 2^64 - 1"],
      BadInput.training(["--seed": "-1"])),
    BadInput(
      "a word for a rate", 64, ["'fast'", "--lr", "expected a number"],
      BadInput.training(["--lr": "fast"])),
    BadInput(
      "a fraction of an epoch", 64, ["'1.5'", "--epochs", "expected a whole number"],
      BadInput.training(["--epochs": "1.5"])),
    BadInput(
      "a negative number of items", 64, ["--top", "-3"], ["self-influence", "run", "--top", "-3"]),
    BadInput(
      "a value that looks like an option", 64, ["found \"-x.npy\"", "write --train-x=-x.npy"],
      BadInput.training(["--train-x": "-x.npy"])),
    BadInput(
      "too few texts to compare a secret with", 64,
      ["--references: found 5, expected 10 to 1000000"],
      [
        "exposure", "--text", "x.npy", "--run", "new", "--references", "5", "--model",
        "transformer:context=8,width=8,heads=2,layers=1",
      ]),
    BadInput(
      "a folder that is no run", 66, ["nowhere/run.json", "give the folder of a run"],
      ["score", "nowhere"]),
    BadInput("a mistyped command", 64, ["“socre”", "did you mean score?"], ["socre", "run"]),
    BadInput("fewer than no items", 64, ["--top", "-1"], ["self-influence", "run", "--top=-1"]),
    BadInput(
      "a column that there is not", 64, ["--columns", "blame", "credit,marginal,integrated"],
      ["ledger", "run", "--columns", "credit,blame"]),
    BadInput(
      "a column twice", 64, ["--columns", "credit twice"],
      ["ledger", "run", "--columns", "credit,credit"]),
    BadInput(
      "a rule that there is not", 64, ["--rule", "romberg", "simpson"],
      ["ledger", "run", "--rule", "romberg"]),
    BadInput(
      "a tolerance of nothing", 64, ["--tolerance", "0.0", "above 0"],
      ["ledger", "run", "--tolerance", "0"]),
    BadInput(
      "fewer than no twins", 64, ["--twins", "-1"], ["ledger", "run", "--twins=-1"]),
    BadInput(
      "twins of nobody", 64, ["--twins", "--columns"],
      ["ledger", "run", "--twins", "9", "--columns", "marginal"]),
    BadInput(
      "twins of no label", 64, ["--twin-labels", "other", "same"],
      ["ledger", "run", "--twin-labels", "other"]),
    BadInput(
      "a ledger's query out of range", 64, ["item 8", "test items of 0 to 7"],
      ["ledger", "run", "--query", "test:8"]),
    BadInput(
      "half a pair of files for a ledger", 64, ["--query-x", "--query-y"],
      ["ledger", "run", "--query-y", "qy.npy"]),
    BadInput(
      "too little memory for a ledger", 64, ["--memory", "found 0 MiB", "expected at least"],
      ["ledger", "run", "--query", "test:0", "--memory", "1k"]),
    BadInput("a ledger of no run", 64, ["<run>"], ["ledger"]),
    BadInput(
      "nothing to leave out", 64, ["--without", "--without-group"], ["retrain", "run"]),
    BadInput(
      "a check that leaves something out", 64, ["--check"],
      ["retrain", "run", "--check", "--without", "3"]),
    BadInput(
      "a check with a report", 64, ["--check", "--out"],
      ["retrain", "run", "--check", "--out", "r.html"]),
    BadInput(
      "a check of some outputs", 64, ["--check", "--query"],
      ["retrain", "run", "--check", "--query", "test:0"]),
    BadInput(
      "a check with a swap", 64, ["--check", "--swap"],
      ["retrain", "run", "--check", "--swap", "test:0"]),
    BadInput(
      "a check of another mean", 64, ["--check", "--renormalize"],
      ["retrain", "run", "--check", "--renormalize"]),
    BadInput(
      "a check of columns", 64, ["--check", "--columns"],
      ["retrain", "run", "--check", "--columns", "credit"]),
    BadInput(
      "an item that is none", 64, ["--without", "train", "17,18"],
      ["retrain", "run", "--without", "train"]),
    BadInput(
      "an item that is not there", 64, ["--without", "40", "0 to 39"],
      ["retrain", "run", "--without", "39,40"]),
    BadInput(
      "an item twice", 64, ["--without", "item 3 twice", "each once"],
      ["retrain", "run", "--without", "3,3"]),
    BadInput(
      "more items than there are", 64, ["--without", "30..<41", "0 to 39"],
      ["retrain", "run", "--without", "30..<41"]),
    BadInput(
      "more items than numbers", 64, ["--without", "0..<9223372036854775807"],
      ["retrain", "run", "--without", "0..<9223372036854775807"]),
    BadInput(
      "a group of no items", 64, ["--without-group", "Anna", "none"],
      ["retrain", "run", "--without-group", "Anna"]),
    BadInput(
      "no strongest", 64, ["--without-top", "found 0"], ["retrain", "run", "--without-top", "0"]),
    BadInput(
      "copies of an item that is not there", 64, ["--near-duplicates", "40", "0 to 39"],
      ["retrain", "run", "--near-duplicates", "40"]),
    BadInput(
      "more than the same", 64, ["--similarity", "1.5", "at most 1"],
      ["retrain", "run", "--near-duplicates", "4", "--similarity", "1.5"]),
    BadInput(
      "a similarity of nothing", 64, ["--similarity", "--near-duplicates"],
      ["retrain", "run", "--without", "4", "--similarity", "0.9"]),
    BadInput(
      "two ends of one removal", 64, ["--renormalize", "--swap"],
      ["retrain", "run", "--without", "3", "--renormalize", "--swap", "test:0"]),
    BadInput(
      "a swap with training items", 64, ["--swap", "train:3", "test:3"],
      ["retrain", "run", "--without", "3", "--swap", "train:3"]),
    BadInput(
      "a swap with too many", 64, ["--swap", "found 2", "expected 1"],
      ["retrain", "run", "--without", "3", "--swap", "test:0..<2"]),
    BadInput(
      "a column of the ledger for queries as one sum", 64, ["--aggregate"],
      ["score", "run", "--method", "marginal", "--aggregate"]),
    BadInput("no folder", 64, ["--out", "expected a folder"], BadInput.training(["--out": ""])),
    BadInput("no folder", 64, ["--out", "expected a folder"], ["demo", "--out", ""]),
    BadInput("no folder", 64, ["--out", "expected a folder"], ["dilution", "--out", ""]),
    BadInput("no folder", 64, ["--out", "expected a folder"], ["books", "--out", ""]),
    BadInput("no file", 64, ["--out", "expected a file"], ["score", "run", "--out", ""]),
    BadInput("nothing of that kind to list", 64, ["spells", "methods"], ["list", "spells"]),
  ]

  @Test("options at fault", arguments: badOptions)
  func options(_ input: BadInput) async throws { try await expectRefusal(input) }

  // MARK: Runs

  static let badRuns: [BadInput] = [
    BadInput("no such run", 66, ["nowhere/run.json"], ["score", "nowhere"]),
    BadInput("a folder that is no run", 66, ["run/data", "run.json"], ["inspect", "run/data"]),
    BadInput(
      "a missing checkpoint", 66, ["00000006.safetensors", "step 6 of 18"],
      ["score", "run", "--query", "test:0", "--scores", "s.npy"]
    ) {
      try FileManager.default.removeItem(atPath: $0.path("run/checkpoints/00000006.safetensors"))
    },
    BadInput("a missing data file", 66, ["train-x.npy"], ["self-influence", "run"]) {
      try FileManager.default.removeItem(atPath: $0.path("run/data/train-x.npy"))
    },
    BadInput("a damaged run.json", 65, ["run/run.json", "byte"], ["score", "run"]) {
      try $0.truncate("run/run.json")
    },
    BadInput(
      "a run of another format", 65, ["run/run.json", "\"format\"", "palimpsest-run"],
      ["score", "run"]
    ) {
      try $0.edit("run/run.json", "\"palimpsest-run\"", "\"parchment\"")
    },
    BadInput(
      "an unknown model in the record", 65, ["run/run.json", "\"model\"", "rnn:6-5-3"],
      ["score", "run"]
    ) {
      try $0.edit("run/run.json", "mlp:6-5-3:tanh", "rnn:6-5-3")
    },
    BadInput("a key that is missing", 65, ["run/run.json", "optimizer"], ["inspect", "run"]) {
      try $0.edit("run/run.json", "\"optimizer\"", "\"optimiser\"")
    },
    BadInput(
      "a learning rate that is missing", 65,
      ["run/run.json", "17 learning rates", "18", "step 17"], ["score", "run"]
    ) {
      try $0.edit("run/run.json", ", 0.2]", "]")
    },
    BadInput(
      "a batch row out of range", 65,
      ["run/batches.npy: element 0", "row 99 at step 0, column 0", "0 to 39"], ["score", "run"]
    ) {
      var bytes = try $0.bytes("run/batches.npy")
      bytes[128] = 99
      try $0.write(bytes, to: "run/batches.npy")
    },
    BadInput(
      "data that were changed", 65, ["train-x.npy", "SHA-256", "expected"], ["score", "run"]
    ) {
      try $0.write(
        try $0.bytes("run/data/train-x.npy").dropLast() + [0x40], to: "run/data/train-x.npy")
    },
    BadInput(
      "a path that leads out of the run", 65, ["run/run.json", "../x.npy", "inside"],
      ["score", "run"]
    ) {
      try $0.edit("run/run.json", "data/train-x.npy", "../x.npy")
    },
    BadInput("a truncated checkpoint", 65, ["00000012.safetensors", "expected"], ["score", "run"]) {
      try $0.truncate("run/checkpoints/00000012.safetensors")
    },
    BadInput(
      "NaN in a checkpoint", 65, ["00000018.safetensors: element 2", "found nan", "2.bias"],
      ["score", "run", "--method", "grad-dot", "--scores", "s.npy"]
    ) {
      try $0.writeParameters("run/checkpoints/00000018.safetensors", nan: true)
      // As a program that lists no digests writes it.
      try FileManager.default.removeItem(atPath: $0.path("run/checkpoints/SHA256SUMS"))
    },
    BadInput(
      "a checkpoint that was changed after the run", 65,
      ["00000018.safetensors", "found SHA-256", "checkpoint after step 18", "SHA256SUMS says"],
      ["score", "run"]
    ) {
      try $0.writeParameters("run/checkpoints/00000018.safetensors", nan: false)
    },
    BadInput(
      "NaN in the queries", 65, ["qx.npy: item 4", "found nan"],
      ["score", "run", "--query-x", "qx.npy", "--query-y", "qy.npy"]
    ) {
      try $0.replaceInput(24, with: .nan, in: "qx.npy")
    },
    BadInput("no such run to evaluate", 66, ["nowhere/run.json"], ["evaluate", "nowhere"]),
    BadInput("no such run for a ledger", 66, ["nowhere/run.json"], ["ledger", "nowhere"]),
    BadInput("no such run to train again", 66, ["nowhere"], ["retrain", "nowhere", "--check"]),
    BadInput(
      "a ledger of a truncated checkpoint", 65, ["00000012.safetensors", "SHA-256"],
      ["ledger", "run", "--query", "test:0", "--out", "l.html"]
    ) {
      try $0.truncate("run/checkpoints/00000012.safetensors")
    },
    BadInput(
      "a retraining of a truncated checkpoint", 65, ["00000012.safetensors", "SHA-256"],
      ["retrain", "run", "--without", "3"]
    ) {
      try $0.truncate("run/checkpoints/00000012.safetensors")
    },
    BadInput(
      "a missing checkpoint file", 66, ["c.safetensors"],
      [
        "score", "--model", "mlp:6-3", "--checkpoint", "c.safetensors:0.1", "--train-x", "x.npy",
        "--train-y", "y.npy", "--query-x", "qx.npy", "--query-y", "qy.npy",
      ]),
    BadInput("nothing to inspect", 66, ["nothing.npy"], ["inspect", "nothing.npy"]),
    BadInput("a pickle to inspect", 65, ["p.pt", "pickle"], ["inspect", "p.pt"]) {
      try $0.write([0x80, 2] + Array("}q\u{0}.".utf8), to: "p.pt")
    },
  ]

  @Test("runs and checkpoints at fault", arguments: badRuns)
  func runs(_ input: BadInput) async throws { try await expectRefusal(input) }

  // MARK: Places to write to

  static let badPlaces: [BadInput] = [
    BadInput(
      "a folder with something else", 73, ["taken", "thesis.tex", "new or empty folder"],
      Room.training + ["--out", "taken"]
    ) {
      try FileManager.default.createDirectory(
        atPath: $0.path("taken"), withIntermediateDirectories: true)
      try $0.write([1], to: "taken/thesis.tex")
    },
    BadInput(
      "a run of other settings", 73, ["run:", "seed", "found 0, expected 5"],
      Room.training + ["--out", "run", "--seed", "5"]),
    BadInput(
      "epochs beside batches", 64, ["--batches", "leave out --epochs"],
      Room.training + ["--out", "new", "--batches", "b.npy"]),
    BadInput("a file for a run's folder", 73, ["x.npy"], Room.training + ["--out", "x.npy"]),
    BadInput(
      "a matrix in a missing folder", 73, ["no/s.npy"],
      ["score", "run", "--query", "test:0", "--scores", "no/s.npy"]),
    BadInput(
      "a file for a ledger's matrices", 64, ["x.npy", "--scores", "a folder"],
      ["ledger", "run", "--query", "test:0", "--scores", "x.npy"]),
    BadInput(
      "a ledger's report in a missing folder", 73, ["no/l.html"],
      ["ledger", "run", "--query", "test:0", "--out", "no/l.html"]),
    BadInput(
      "receipts in a missing folder", 73, ["no/r.csv"],
      ["retrain", "run", "--without", "3", "--out", "no/r.csv"]),
    BadInput(
      "a report in a missing folder", 73, ["no/s.html"],
      ["score", "run", "--query", "test:0", "--scores", "s.npy", "--out", "no/s.html"]),
    BadInput(
      "self-influence in a missing folder", 73, ["no/s.npy"],
      ["self-influence", "run", "--scores", "no/s.npy"]),
    BadInput(
      "a folder for a report", 73, ["run.html", "a folder"],
      ["score", "run", "--query", "test:0", "--out", "run.html"]
    ) {
      try FileManager.default.createDirectory(
        atPath: $0.path("run.html"), withIntermediateDirectories: true)
    },
    BadInput(
      "a demo among foreign files", 73, [".: found", "new or empty folder"], ["demo", "--out", "."]),
    BadInput("a demo in a file", 73, ["x.npy"], ["demo", "--out", "x.npy"]),
  ]

  @Test("places that cannot be written", arguments: badPlaces)
  func places(_ input: BadInput) async throws { try await expectRefusal(input) }

  @Test("a run that another program holds")
  func locked() async throws {
    let lock = try DirectoryLock(folder: room.path("run"))
    try await expectRefusal(
      BadInput("", 75, ["run: in use by process \(getpid())"], Room.training + ["--out", "run"]))
    withExtendedLifetime(lock) {}
  }

  @Test("a full disk behind standard output", .enabled(if: access("/dev/full", W_OK) == 0))
  func fullDisk() async throws {
    let outcome = try await room.run(
      "palimpsest", ["list", "methods"], output: FileHandle(forWritingAtPath: "/dev/full"))
    #expect(outcome.status == 74)
    #expect(outcome.errors.hasPrefix("palimpsest: standard output: cannot be written"))
  }

  // MARK: Hostile names

  static let evil = "evil\n\u{1b}[31m\u{9b}2J\u{202e}"

  static let hostileNames: [BadInput] = [
    BadInput("a run", 66, ["evil\\u{a}\\u{1b}[31m\\u{9b}2J\\u{202e}/run.json"], ["score", evil]),
    BadInput("a file", 66, ["evil\\u{a}\\u{1b}[31m"], ["inspect", evil]),
    BadInput(
      "data", 65, ["evil\\u{a}\\u{1b}[31m", "item 0", "found nan"],
      BadInput.training(["--train-x": evil + ".npy"])
    ) {
      try $0.replaceInput(0, with: .nan)
      try FileManager.default.moveItem(atPath: $0.path("x.npy"), toPath: $0.path(evil + ".npy"))
    },
    BadInput("a method", 64, ["evil\\u{a}\\u{1b}[31m"], ["score", "run", "--method", evil]),
    BadInput("a command", 64, ["evil\\u{a}\\u{1b}[31m"], [evil]),
    BadInput("a model", 64, ["evil\\u{a}\\u{1b}[31m"], BadInput.training(["--model": evil])),
    BadInput("a model in a record", 65, ["evil\\u{1b}[31m"], ["inspect", "run"]) {
      try $0.edit("run/run.json", "mlp:6-5-3:tanh", "evil\\u001b[31m")
    },
  ]

  @Test("hostile names do not reach the terminal", arguments: hostileNames)
  func names(_ input: BadInput) async throws { try await expectRefusal(input) }

  @Test("hostile names of arrays and items do not reach the terminal")
  func contents() async throws {
    let array = NamedArray(Self.evil, StoredArray(Tensor<Float>([1], [1])))
    try Safetensors([array]).write(to: room.path("evil.safetensors"))
    let ids = (0..<40).map { _ in "\"evil\\u001b[31m\\u009b2J\"" }.joined(separator: ", ")
    try room.edit("run/run.json", "\"count\": 40,", "\"count\": 40, \"ids\": [\(ids)],")
    for arguments in [
      ["inspect", "evil.safetensors"], ["inspect", "evil.safetensors", "--json"],
      ["self-influence", "run"], ["self-influence", "run", "--json"],
      ["score", "run", "--query", "train:3"], ["score", "run", "--query", "train:3", "--json"],
      ["ledger", "run", "--query", "train:3", "--columns", "credit", "--tolerance", "1"],
      ["retrain", "run", "--without", "3", "--query", "train:3", "--columns", "marginal"],
    ] {
      let outcome = try await room.run(arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("evil"))
      let isClean = outcome.output.unicodeScalars.allSatisfy {
        $0 == "\n" || $0.properties.generalCategory != .control
      }
      #expect(isClean, "\(arguments)")
    }
  }
}

extension Room {
  fileprivate func replaceLabel(_ item: Int, with label: Int64) throws {
    var labels = try StoredArray.read(path: path("y.npy")).integers()
    labels[item] = label
    try NPY.write(StoredArray(labels, shape: [labels.count]), to: path("y.npy"))
  }

  fileprivate func replaceInput(_ index: Int, with value: Float, in name: String = "x.npy") throws {
    var inputs: Tensor<Float> = try array(name)
    inputs.scalars[index] = value
    try NPY.write(inputs, to: path(name))
  }

  /// Parameters of the small run's model, the last of them NaN where asked.
  fileprivate func writeParameters(_ name: String, nan: Bool) throws {
    let file = try Safetensors(path: path("run/checkpoints/00000000.safetensors"))
    let arrays = try file.arrays.map { named in
      var tensor: Tensor<Float> = try named.array.tensor()
      if nan, named.name == "2.bias" { tensor.scalars[2] = .nan }
      return NamedArray(named.name, StoredArray(tensor))
    }
    try Safetensors(arrays).write(to: path(name))
  }
}
