import Formats
import Foundation
import Influence
import TensorCore
import Testing
import Training

/// Ledgers of recorded runs, whole and damaged.
@Suite("Ledger of a record")
struct LedgerRecordTests {
  private func path(_ room: LedgerRoom, _ step: Int) -> String {
    "\(room.run)/checkpoints/000000\(step < 10 ? "0" : "")\(step).safetensors"
  }

  private func line(_ room: LedgerRoom, _ columns: Set<LedgerColumn> = [.credit]) -> String {
    let text = room.message { _ = try room.ledger(columns, resumes: false).accounts() }
    #expect(!text.contains("\n"))
    return text
  }

  /// Changes the numbers of an array of the checkpoint after a step, as a program that lists no
  /// digests could have written it.
  private func change(
    _ room: LedgerRoom, _ step: Int, _ name: String, _ change: (inout [Double]) -> Void
  ) throws {
    try? FileManager.default.removeItem(atPath: "\(room.run)/checkpoints/SHA256SUMS")
    let arrays = try Safetensors(path: path(room, step)).arrays.map { array -> NamedArray in
      guard array.name == name else { return array }
      var tensor: Tensor<Double> = try array.array.tensor()
      change(&tensor.scalars)
      return NamedArray(name, StoredArray(tensor))
    }
    try Safetensors(arrays).write(to: path(room, step))
  }

  @Test(
    "a record with few checkpoints or many, and a run that was not recorded, have the same bits",
    arguments: ["sgd", "nesterov", "adamw"])
  func sparse(_ rule: String) throws {
    let rule = try #require(OptimizerRegistry.optimizer(rule))
    let columns: Set<LedgerColumn> = [.credit, .marginal]
    let room = try LedgerRoom(rule)
    let kept = LedgerProblem(
      run: room.original, queries: room.queries,
      measure: QueryMeasure(.loss, loss: .crossEntropy), strangers: room.strangers)
    let options = LedgerOptions(columns: columns, tolerance: 1e-3)
    let usual = try Ledger(kept, options: options, pool: WorkerPool(threads: 1)).accounts()
    for every in [1, 5, 100] {
      let room = try LedgerRoom(rule, checkpointEvery: every)
      // In the least memory, and with room for all states.
      for memory in [nil, 1 << 24] {
        let ledger = try room.ledger(columns, resumes: false, memory: memory)
        #expect(try ledger.accounts() == usual, "every \(every)")
        #expect(ledger.largestDeparture == 0)
      }
    }
  }

  @Test("a changed byte of any checkpoint is refused by its digest, with file and step")
  func changedByte() throws {
    for step in [0, 5] {
      let room = try LedgerRoom()
      var bytes = [UInt8](try #require(FileManager.default.contents(atPath: path(room, step))))
      bytes[bytes.count - 3] ^= 4
      try Data(bytes).write(to: URL(fileURLWithPath: path(room, step)))
      let text = line(room)
      #expect(text.hasPrefix(path(room, step)), "\(text)")
      #expect(text.contains("of the checkpoint after step \(step)"), "\(text)")
    }
  }

  @Test("a last bit that differs is refused where the record's own kernels are at work")
  func ownKernels() throws {
    let room = try LedgerRoom()
    try change(room, 5, "0.weight") { $0[1] = $0[1].nextUp }
    let text = line(room)
    #expect(text.hasPrefix("\(path(room, 5)): the replay departs from the record"), "\(text)")
    #expect(text.contains("the same bits were expected"), "\(text)")
  }

  @Test("a last bit that differs in a record of other kernels is told, and does no harm")
  func little() throws {
    let room = try LedgerRoom()
    try room.makeForeign()
    let usual = try room.ledger([.credit, .marginal], resumes: false)
    _ = try usual.accounts()
    try change(room, 5, "0.weight") { $0[1] = $0[1].nextUp }
    let ledger = try room.ledger([.credit, .marginal], resumes: false)
    for account in try ledger.accounts() {
      #expect(try #require(account.columns[.credit]).relativeResidual < 1e-3)
    }
    #expect(ledger.largestDeparture > 0 && ledger.largestDeparture < 1e-12)
    #expect(usual.largestDeparture == 0)
  }

  @Test("and much is refused, with file and step", arguments: ["0.weight", "2.bias"])
  func much(_ name: String) throws {
    for step in [5, 10] {
      let room = try LedgerRoom()
      try change(room, step, name) { $0[0] += 1 }
      let text = line(room)
      #expect(
        text.hasPrefix("\(path(room, step)): the replay departs from the record"), "\(text)")
      #expect(text.contains("after step \(step):"), "\(text)")
    }
  }

  @Test(
    "also where it is the optimizer's state", arguments: ["momentum", "adam"])
  func optimizerState(_ rule: String) throws {
    let room = try LedgerRoom(#require(OptimizerRegistry.optimizer(rule)))
    let name = rule == "momentum" ? "optimizer/momentum" : "optimizer/second-moment"
    try change(room, 5, name) { $0[2] += 1 }
    let text = line(room)
    #expect(text.hasPrefix("\(path(room, 5)): the replay departs from the record"), "\(text)")
  }

  @Test("NaN in a checkpoint is refused, with the file", arguments: [0, 5, 10])
  func nan(_ step: Int) throws {
    for name in ["0.weight", "optimizer/momentum"] {
      let room = try LedgerRoom()
      try change(room, step, name) { $0[1] = .nan }
      let text = line(room)
      #expect(text.hasPrefix(path(room, step)), "\(name): \(text)")
    }
  }

  @Test("a rate that is no number, and one with which the run diverges") func rates() throws {
    for (rate, expected) in [
      ("null", "\"steps[0]\": “null”"), ("1e999", "1e999"), ("-1", "\"steps[0]\": “-1”"),
    ] {
      let room = try LedgerRoom(checkpointEvery: 100)
      let path = "\(room.run)/run.json"
      var text = try String(contentsOfFile: path, encoding: .utf8)
      let place = try #require(text.range(of: "\"steps\": ["))
      let end = try #require(text[place.upperBound...].firstIndex(of: ","))
      text.replaceSubrange(place.upperBound..<end, with: rate)
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(line(room).hasPrefix(path) && line(room).contains(expected), "\(line(room))")
    }
    var draws = Draws(3)
    let model = MLP(widths: [2, 2], activation: .relu)
    let train = LedgerCase.data(4, model, .squaredError, &draws)
    let run = try TrainingRun(
      model, loss: .squaredError, train: .init(train), learningRate: 1e100, batchSize: 2, epochs: 3)
    let problem = LedgerProblem(
      run: run, queries: LedgerCase.data(1, model, .squaredError, &draws),
      measure: QueryMeasure(.loss, loss: .squaredError))
    let error = #expect(throws: LedgerError.self) {
      try Ledger(problem, pool: WorkerPool(threads: 1)).accounts()
    }
    #expect(error == .notFinite(what: "the measure of a query", step: 2))
  }

  @Test("a batch row out of range and a missing learning rate are refused, with file and step")
  func steps() throws {
    let room = try LedgerRoom()
    let (batches, manifest) = ("\(room.run)/batches.npy", "\(room.run)/run.json")
    let intact: Tensor<Double> = try StoredArray.read(path: batches).tensor()
    var rows = intact.scalars.map { Int64($0) }
    rows[7] = 6
    try NPY.write(StoredArray(rows, shape: intact.shape), to: batches)
    var text = line(room)
    #expect(text.hasPrefix(batches) && text.contains("row 6 at step 3, column 1"), "\(text)")
    rows[7] = 1
    try NPY.write(StoredArray(rows, shape: intact.shape), to: batches)
    try reseal(room.run)
    // Steps that lead elsewhere.
    text = line(room)
    #expect(text.hasPrefix("\(path(room, 5)): the replay departs from the record"), "\(text)")
    try NPY.write(StoredArray(intact.scalars.map { Int64($0) }, shape: intact.shape), to: batches)
    try reseal(room.run)
    #expect(line(room) == "no error")
    var json = try String(contentsOfFile: manifest, encoding: .utf8)
    let list = try #require(json.range(of: "\"steps\": ["))
    let comma = try #require(json[list.upperBound...].firstIndex(of: ","))
    json.removeSubrange(list.upperBound...comma)
    try json.write(toFile: manifest, atomically: true, encoding: .utf8)
    try reseal(room.run)
    text = line(room)
    #expect(
      text.hasPrefix(manifest) && text.contains("step 11 is the first without one"), "\(text)")
  }
}
