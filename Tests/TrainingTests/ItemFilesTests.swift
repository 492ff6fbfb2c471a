import Formats
import Foundation
import TensorCore
import Testing
import Training

@Suite("items in files of several arrays")
struct ItemFilesTests {
  let folder: String
  let model = MLP(widths: [2, 3], activation: .tanh)

  init() throws {
    folder = NSTemporaryDirectory() + "items-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { "\(folder)/\(name)" }

  private func write(_ lines: [String], to name: String = "items.jsonl") throws -> String {
    try AtomicFile.write(Array(lines.joined(separator: "\n").utf8), to: path(name))
    return path(name)
  }

  private func read(_ inputs: String, _ targets: String? = nil) throws -> Dataset<Float> {
    try Dataset.read(inputs: inputs, targets: targets, model, loss: .crossEntropy)
  }

  @Test("lines of JSON bring inputs, labels, names and groups") func jsonLines() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write([
      #"{"x": [0.5, 1], "y": 2, "id": "a", "group": "g"}"#,
      #"{"x": [-1, 0], "y": 0, "id": "b", "group": "g"}"#,
    ])
    let items = try read(file)
    #expect(items.inputs == Tensor(rows: [[0.5, 1], [-1, 0]]))
    #expect(items.labels == [2, 0])
    #expect(items.ids == ["a", "b"])
    #expect(items.groups == ["g", "g"])
  }

  @Test("a table with its labels inside is read as one whose labels stand elsewhere")
  func tables() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let plain = try read(write(["id,a,b,label", "7,0.5,1,2", "9,-1,0,0"], to: "plain.csv"))
    #expect(plain.inputs == Tensor(rows: [[0.5, 1], [-1, 0]]) && plain.ids == ["7", "9"])
    let marked = try write(["\u{feff}id,a,b,label", "7,0.5,1,2", "9,-1,0,0"], to: "marked.csv")
    #expect(try read(marked) == plain)
    let counted = try write([",a,label", "0,0.5,1", "1,1,0"], to: "counted.csv")
    let error = #expect(throws: FormatError.self) { try read(counted) }
    #expect(error?.description.contains("index=False") == true)
  }

  @Test("bytes that are answers are not divided, bytes that are pictures are")
  func answers() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = MLP(widths: [2, 2], activation: .tanh)
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
      try AtomicFile.write([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2] + bytes, to: path(name))
      return path(name)
    }
    let inputs = try file("x-idx2-ubyte", [0, 255, 51, 0])
    func targets(_ bytes: [UInt8], _ loss: Loss) throws -> Tensor<Float>? {
      let items = try Dataset<Float>.read(
        inputs: inputs, targets: file("y-idx2-ubyte", bytes), model, loss: loss)
      guard case .values(let values) = items.targets else { return nil }
      return values
    }
    #expect(try targets([0, 1, 1, 0], .binaryCrossEntropy)?.scalars == [0, 1, 1, 0])
    #expect(try targets([0, 255, 255, 0], .squaredError)?.scalars == [0, 1, 1, 0])
  }

  @Test("numbers can be names, and labels can have a file of their own") func otherNames() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write([#"{"inputs": [0, 1], "id": 7}"#, #"{"inputs": [1, 0], "id": 9}"#])
    let labels = try write([#"{"label": 1}"#, #"{"label": 2}"#], to: "labels.jsonl")
    let items = try read(file, labels)
    #expect(items.labels == [1, 2])
    #expect(items.ids == ["7", "9"])
    #expect(throws: TrainingError.self) { try read(file) }
  }

  @Test("an array is chosen by its name after a colon") func named() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let arrays = [
      NamedArray("x_train", StoredArray(Tensor<Float>(rows: [[1, 2]]))),
      NamedArray("x_test", StoredArray(Tensor<Float>(rows: [[3, 4]]))),
      NamedArray("y_test", StoredArray([1], shape: [1])),
    ]
    let file = path("all.safetensors")
    try Safetensors(arrays).write(to: file)
    let items = try read(file + ":x_test", file + ":y_test")
    #expect(items.inputs == Tensor(rows: [[3, 4]]))
    #expect(items.labels == [1])
    let error = #expect(throws: TrainingError.self) { try read(file) }
    #expect("\(try #require(error))".contains("expected “x” or “inputs”"))
    #expect(throws: TrainingError.self) { try read(file + ":z", file + ":y_test") }
    // A colon in the name of a file is nothing special.
    try Safetensors(arrays).write(to: file + ":z")
    #expect(throws: TrainingError.self) { try read(file + ":z") }
  }

  @Test("an array or a member that nobody asked for does not spoil the others") func others() throws
  {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write([
      #"{"x": [0.5, 1], "y": 2, "note": "ok", "meta": {"from": "web"}, "tags": ["a"], "seen": true}"#,
      #"{"x": [-1, 0], "y": 0, "note": null, "meta": 1, "tags": [], "seen": false}"#,
    ])
    for items in try [read(file), read(file + ":x", file + ":y")] {
      #expect(items.inputs == Tensor(rows: [[0.5, 1], [-1, 0]]) && items.labels == [2, 0])
    }
    let error = #expect(throws: FormatError.self) { try read(file + ":note") }
    #expect(error?.place == .line(2, column: 32) && error?.found == "null")
    // Where the usual name cannot be read, no other array takes its place.
    let fault = try write([#"{"x": [null, 1], "y": 2}"#])
    #expect(throws: FormatError.self) { try read(fault) }
    // Names that cannot be read are not used, and that is said.
    let unnamed = try write([#"{"x": [0, 1], "y": 2, "id": "a"}"#, #"{"x": [0, 1], "y": 2}"#])
    let stored = try StoredItems(inputs: unnamed, targets: nil)
    #expect(try Dataset<Float>.read(stored, model, loss: .crossEntropy).ids.isEmpty)
    #expect(stored.notes.count == 1)
    #expect(stored.notes[0].hasPrefix("“id” does not name the items: \(unnamed): line 2"))
  }

  @Test("a file of one array is inputs and targets where both name it, else it needs a second file")
  func same() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = path("x.npy")
    try NPY.write(Tensor<Float>(rows: [[1, 2], [3, 4]]), to: file)
    let model = MLP(widths: [2, 2], activation: .tanh)
    let items: Dataset<Float> = try Dataset.read(
      inputs: file, targets: file, model, loss: .squaredError)
    #expect(items.inputs == Tensor(rows: [[1, 2], [3, 4]]))
    #expect(items.targets == .values(items.inputs))
    let lines = try write([#"{"x": [1, 2]}"#, #"{"x": [3, 4]}"#])
    #expect(
      try Dataset.read(inputs: lines, targets: lines, model, loss: .squaredError) == items)
    let error = #expect(throws: TrainingError.self) {
      try Dataset<Float>.read(inputs: file, targets: nil, model, loss: .squaredError)
    }
    #expect("\(try #require(error))".contains("give the targets a file of their own"))
  }

  /// Inputs of three columns, some of them fractions.
  private func table(_ first: String..., rows: [[Double]] = [[0.5, 2, 3], [1, -1, 4]]) -> [String] {
    first + rows.map { $0.map { "\($0)" }.joined(separator: ",") }
  }

  @Test("a line that counts the columns above tables without names is no item") func counted()
    throws
  {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = MLP(widths: [3, 3], activation: .tanh)
    func items(_ x: [String], _ y: [String]) throws -> (Dataset<Float>, [String]) {
      let stored = try StoredItems(
        inputs: write(x, to: "x.csv"), targets: write(y, to: "y.csv"))
      return (try Dataset.read(stored, model, loss: .crossEntropy), stored.notes)
    }
    let plain = try items(table("a,b,c"), ["label", "2", "1"])
    #expect(plain.0.count == 2 && plain.1.isEmpty)
    // In the place of the names, and below names that were put above it.
    for (x, y, notes) in [
      (table("0,1,2"), ["0", "2", "1"], 2), (table("0,1,2"), ["label", "2", "1"], 1),
      (table("a,b,c"), ["0", "2", "1"], 1), (table("a,b,c", "0,1,2"), ["label", "0", "2", "1"], 2),
      (table("a,b,c", "0,1,2"), ["label", "2", "1"], 1),
    ] {
      let (found, said) = try items(x, y)
      #expect(found == plain.0 && said.count == notes, "\(x) \(y)")
    }
    // An item may look like it.
    let item = try items(table("a,b,c", "0,1,2"), ["label", "1", "2", "1"])
    #expect(item.0.count == 3 && item.0.labels == [1, 2, 1] && item.1.isEmpty)
    let whole = try items(
      table("a,b,c", "0,1,2", rows: [[3, 4, 5]]), ["label", "0", "1"])
    #expect(whole.0.count == 2 && whole.1.isEmpty)
    // And where both readings are possible, both are offered.
    for (x, y) in [
      (table("0,1,2", rows: [[3, 4, 5]]), ["label", "1"]), (table("a,b,c"), ["0", "2"]),
      (table("a,b,c"), ["0", "2", "1", "0"]),
    ] {
      let error = #expect(throws: FormatError.self) { try items(x, y) }
      #expect(error?.remedy.contains("in its place if it counts the columns") == true)
      #expect(error?.remedy.contains("before it if it is data") == true)
    }
  }

  @Test("a fraction among labels is named with its file, its line and what to do") func fractions()
    throws
  {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let x = try write(["a,b", "1,2", "3,4"], to: "x.csv")
    let y = try write(["label", "0", "1.5"], to: "y.csv")
    let error = #expect(throws: FormatError.self) { try read(x, y) }
    #expect(
      error?.description
        == "\(y): line 3, column 1: found 1.5 as a label, expected a whole number; "
        + "number the classes from 0, or use --loss squared-error for numbers")
    let lines = try write([#"{"x": [1, 2], "y": 0}"#, #"{"x": [1, 2], "y": 0.5}"#])
    let other = #expect(throws: FormatError.self) { try read(lines) }
    #expect(other?.description.hasPrefix("\(lines): line 2: found 0.5 as a label") == true)
  }

  @Test("numbers of eight bits beside the parameters are passed over, in their place refused")
  func eightBits() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func checkpoint(_ bias: String) throws -> CheckpointFile {
      let header = Array(
        (#"{"0.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"0.bias":{\#(bias),"#
          + #""data_offsets":[24,36]},"amax":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[36,40]}}"#)
          .utf8)
      let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
      let bytes = length + header + [UInt8](repeating: 0, count: 40)
      try AtomicFile.write(bytes, to: path("c.safetensors"))
      return try CheckpointFile(path: path("c.safetensors"))
    }
    let plain = try checkpoint(#""dtype":"F32","shape":[3]"#)
    #expect(try model.parameters(in: plain) == [Float](repeating: 0, count: 9))
    let small = try checkpoint(#""dtype":"F8_E5M2","shape":[12]"#)
    let error = #expect(throws: FormatError.self) {
      try model.parameters(in: small, as: Float.self)
    }
    #expect(error?.found == "the type “F8_E5M2” of “0.bias”")
    #expect(error?.remedy.contains("tensor.float()") == true)
  }

  @Test("a byte order mark is no part of the first name") func byteOrderMark() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write(["\u{feff}it0\r", "it1\r", ""], to: "ids.txt")
    #expect(try ItemNames.read(path: file, items: 2, areUnique: true) == ["it0", "it1"])
    try AtomicFile.write([0xff, 0xfe, 0x61, 0, 0x0a, 0, 0x62, 0], to: path("wide.txt"))
    let error = #expect(throws: FormatError.self) {
      try ItemNames.read(path: path("wide.txt"), items: 2)
    }
    #expect(error?.found == "text in UTF-16")
  }

  @Test("names that are empty or stand for two items are refused") func names() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (first, second, words) in [("a", "a", "in items 0 and 1"), ("a", "", "item 1: found an")] {
      let file = try write([
        #"{"x": [0, 1], "y": 0, "id": "\#(first)"}"#, #"{"x": [0, 1], "y": 0, "id": "\#(second)"}"#,
      ])
      let error = #expect(throws: TrainingError.self) { try read(file) }
      #expect("\(try #require(error))".contains(words))
    }
  }

  @Test("a run of such items keeps them, with their names, in files of its own")
  func record() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try write([
      #"{"x": [0.5, 1], "y": 2, "id": "a"}"#, #"{"x": [-1, 0], "y": 0, "id": "b"}"#,
    ])
    let source = try TrainingRun<Float>.Source(
      inputs: file, targets: nil, model, loss: .crossEntropy)
    let run = try TrainingRun(
      model, train: source, learningRate: 0.1, batchSize: 2, epochs: 1)
    _ = try run.record(in: path("run"))
    try FileManager.default.removeItem(atPath: file)
    let record = try RunRecord(folder: path("run"))
    #expect(try record.train(as: Float.self) == source.items)
    #expect(try record.train(as: Float.self).ids == ["a", "b"])
  }
}
