import Formats
import TensorCore

/// Writes the record of a run into a folder that nobody else writes to meanwhile.
///
/// Every file appears whole or not at all, `run.json` after all that it names. So a folder without
/// it holds a run that was killed before its first step, and one with it can be resumed.
final class RunWriter<Scalar: TensorScalar> {
  /// The state to go on from.
  let start: TrainingState<Scalar>
  /// Whether no step is left.
  let isFinished: Bool
  private let run: TrainingRun<Scalar>
  private let folder: String
  private let lock: DirectoryLock
  /// Nil where no step is left.
  private let runLog: RunLog?
  private var sums: CheckpointSums

  /// Starts the record of a run, or finds where it was interrupted.
  init(_ run: TrainingRun<Scalar>, folder: String) throws {
    self.run = run
    self.folder = folder
    try Self.refuseStrangers(folder)
    try FolderContent.make(folder)
    lock = try DirectoryLock(folder: folder)
    // Another process may have been at work up to now.
    try Self.refuseStrangers(folder)
    let isBegun = try FolderContent.names(folder).contains(RunManifest.fileName)
    let record = isBegun ? try RunRecord(folder: folder) : nil
    let parts = [RunFiles.data, Checkpoint.folder].map { "\(folder)/\($0)" }
    for part in parts { try FolderContent.requireReal(part) }
    let lines: [UInt8]
    (start, sums, lines) = try record.map(run.resume) ?? run.begin(in: folder)
    for part in [folder] + parts { try FolderContent.removeParts(part) }
    isFinished = start.step == run.batches.count
    guard !isFinished else {
      runLog = nil
      return
    }
    // The list never tells of lines that the log has no more.
    try sums.write(to: folder)
    runLog = try RunLog(folder: folder, start: lines)
  }

  /// Refuses a folder that holds anything but the beginnings of a run.
  private static func refuseStrangers(_ folder: String) throws {
    let names = try FolderContent.names(folder)
    if names.isEmpty || names.contains(RunManifest.fileName) { return }
    let ours = [
      RunFiles.lock, RunFiles.data, RunFiles.batches, RunFiles.log, RunFiles.model,
      Checkpoint.folder,
    ]
    let stranger = names.first { !ours.contains($0) && !AtomicFile.isTemporary($0) }
    // The lock is the first file of a run.
    if let stranger = stranger ?? (names.contains(RunFiles.lock) ? nil : names[0]) {
      throw TrainingError.occupied(folder: folder, found: stranger)
    }
  }

  /// Notes a step, counted from 0.
  func log(step: Int, _ result: Trainer<Scalar>.Step) {
    runLog?.append(
      step: step, learningRate: run.learningRates[step], result,
      clips: run.optimizer.clipNorm != nil)
  }

  /// Refuses to go on where the folder was taken away meanwhile.
  private func requireFolder() throws(FormatError) {
    let names = try FolderContent.names(folder)
    let ours = [RunManifest.fileName, RunFiles.batches, RunFiles.log, RunFiles.data]
    guard lock.isInPlace, ours.allSatisfy(names.contains) else { throw vanished }
  }

  /// Refuses to have finished where not all is there that was written.
  func finish() throws(FormatError) {
    try requireFolder()
    let present = Set(try Checkpoint.steps(folder))
    guard run.checkpoints.allSatisfy(present.contains) else { throw vanished }
  }

  private var vanished: FormatError {
    FormatError(
      .unwritable, file: folder, found: "files that were removed or replaced during the run",
      expected: "all that the run wrote", remedy: "start the run again")
  }

  /// Writes a checkpoint, after everything that led to it, and then its digest.
  func checkpoint(_ state: TrainingState<Scalar>) throws {
    try runLog?.flush()
    try Checkpoint.write(state, run.model.layout, run.optimizer, to: folder)
    try sums.add(state.step, in: folder)
    sums.log = runLog?.sha256
    try sums.write(to: folder)
    try requireFolder()
  }
}

extension TrainingRun {
  /// Writes all that is known before the first step.
  fileprivate func begin(
    in folder: String
  ) throws -> (TrainingState<Scalar>, CheckpointSums, log: [UInt8]) {
    try FolderContent.make("\(folder)/\(Checkpoint.folder)")
    try FolderContent.make("\(folder)/\(RunFiles.data)")
    try batches.write(to: "\(folder)/\(RunFiles.batches)")
    let state = TrainingState(initial: initialParameters, optimizer)
    try Checkpoint.write(state, model.layout, optimizer, to: folder)
    var sums = CheckpointSums()
    try sums.add(0, in: folder)
    if let file = model.file { try copy(file, to: "\(folder)/\(RunFiles.model)") }
    var manifest = RunManifest(
      model: recordedModel, loss: loss, precision: .init(Scalar.self), optimizer: optimizer,
      seed: seed, train: try train.store("train", in: folder), learningRates: learningRates)
    manifest.batchesSHA256 = try SHA256.hex(ofFile: "\(folder)/\(RunFiles.batches)")
    manifest.modelSHA256 = try model.file.map(SHA256.hex)
    manifest.modelSettings = model.settings
    manifest.test = try test?.store("test", in: folder)
    if let text {
      try text.write(to: folder)
      manifest.text = text.recorded
    }
    if let itemWeights {
      let file = StoredArray(Tensor([itemWeights.count], itemWeights))
      manifest.weights = try RunManifest.DataFile(storing: file, as: "train-weights", in: folder)
    }
    manifest.flippedLabels = flippedLabels
    manifest.checkpoints = checkpoints
    manifest.environment = RunManifest.currentEnvironment
    sums.manifest = SHA256.hex(of: try manifest.bytes(for: folder))
    try sums.write(to: folder)
    try manifest.write(to: folder)
    return (state, sums, [])
  }

  /// The last state of the run that a folder holds, if it is this one.
  ///
  /// Digests are written after their checkpoints. One that is not listed was written just before the
  /// run was killed, or came from elsewhere: the run goes on from the one before it, and writes it
  /// again. A list that is missing as a whole is made from the checkpoints that are there.
  fileprivate func resume(
    from record: RunRecord
  ) throws -> (TrainingState<Scalar>, CheckpointSums, log: [UInt8]) {
    try requireSame(record)
    let present = try Checkpoint.steps(record.folder)
    try record.requirePlanned(present)
    var sums = try record.checkpointSums ?? listed(present, record.folder)
    guard let last = present.last(where: { sums.digests[$0] != nil }) else {
      throw FormatError(
        .missing, file: Checkpoint.path(record.folder, step: 0), found: "no such checkpoint",
        expected: "the initial parameters")
    }
    if last < batches.count { try requireSameEnvironment(record) }
    var lines: [UInt8] = []
    if last > 0, last < batches.count {
      let log = try RunFiles.open(RunFiles.log, in: record.folder)
      try sums.check(log: log)
      lines = try RunLog.start(of: log, lines: last)
    }
    sums.remove(after: last)
    // A finished log is left as it is, and so is its line.
    if last < batches.count { sums.log = last > 0 ? SHA256.hex(of: lines) : nil }
    return (try record.state(at: last), sums, lines)
  }

  /// The list of what is there.
  private func listed(_ present: [Int], _ folder: String) throws(FormatError) -> CheckpointSums {
    var sums = CheckpointSums()
    sums.manifest = try SHA256.hex(ofFile: "\(folder)/\(RunManifest.fileName)")
    for step in present { try sums.add(step, in: folder) }
    return sums
  }

  private func requireSame(_ record: RunRecord) throws {
    let manifest = record.manifest
    func require<Value: Equatable>(
      _ what: String, _ recorded: Value, _ asked: Value, shown: Bool = true
    ) throws(TrainingError) {
      if recorded == asked { return }
      throw .differs(
        folder: record.folder, what: what, recorded: shown ? "\(recorded)" : "another",
        asked: shown ? "\(asked)" : "the recorded one")
    }
    try require("model", manifest.model, recordedModel)
    if let own = record.model.file, let asked = model.file {
      try require("model", SHA256.hex(of: own), SHA256.hex(of: asked), shown: false)
    }
    try require("choice of parameters", manifest.modelSettings, model.settings, shown: false)
    try require("loss", manifest.loss.rawValue, loss.rawValue)
    try require("precision", manifest.precision, .init(Scalar.self))
    try require("optimizer", manifest.optimizer, optimizer)
    try require("seed", manifest.seed, seed)
    try require("number of steps", manifest.learningRates.count, learningRates.count)
    for step in learningRates.indices {
      try require(
        "learning rate of step \(step)", manifest.learningRates[step], learningRates[step])
    }
    try require("interval of checkpoints", manifest.checkpoints, checkpoints, shown: false)
    try require("batch order", record.batches(), batches, shown: false)
    try require("choice of flipped labels", manifest.flippedLabels, flippedLabels, shown: false)
    try require("training data", record.train(), train.items, shown: false)
    try require("test data", record.test(), test?.items, shown: false)
    try require("text", manifest.text, text?.recorded, shown: false)
    try require("item weights", record.itemWeights(), itemWeights, shown: false)
    try require("initial state", record.parameters(at: 0), initialParameters, shown: false)
  }

  /// What `run.json` calls the model: a model from a file has a copy of it in the folder.
  private var recordedModel: String { model.file == nil ? model.specification : RunFiles.model }

  /// Refuses to go on with other kernels: they would end with other bits.
  private func requireSameEnvironment(_ record: RunRecord) throws(TrainingError) {
    for current in RunManifest.currentEnvironment {
      let recorded = record.manifest.environment.first { $0.name == current.name }?.value
      if recorded == current.value { continue }
      throw .differs(
        folder: record.folder, what: "environment, \(current.name)",
        recorded: recorded?.description ?? "nothing", asked: current.value.description)
    }
  }
}

extension TrainingRun.Source {
  /// Puts the items into a run's folder: copies of their files, or files of their own.
  fileprivate func store(_ part: String, in folder: String) throws -> RunManifest.Data {
    typealias File = RunManifest.DataFile
    let x: File
    let y: File
    if let files {
      x = try File(copying: files.inputs, as: "\(part)-x", in: folder)
      y = try File(copying: files.targets, as: "\(part)-y", in: folder)
    } else {
      let targets: StoredArray =
        switch items.targets {
        case .labels(let labels):
          StoredArray(
            labels.map { Int64($0) },
            shape: items.targetWidth == 1 ? [items.count] : [items.count, items.targetWidth])
        case .values(let values): StoredArray(values)
        }
      x = try File(storing: StoredArray(items.inputs), as: "\(part)-x", in: folder)
      y = try File(storing: targets, as: "\(part)-y", in: folder)
    }
    return RunManifest.Data(
      count: items.count, inputs: x, targets: y, ids: items.ids, groups: items.groups)
  }
}

extension RunManifest.DataFile {
  /// Writes an array into the folder's data.
  fileprivate init(storing array: StoredArray, as name: String, in folder: String) throws {
    path = "\(RunFiles.data)/\(name).npy"
    try NPY.write(array, to: "\(folder)/\(path)")
    sha256 = try SHA256.hex(ofFile: "\(folder)/\(path)")
    shape = array.shape
  }

  /// Copies a file into the folder's data, byte by byte, under a name with the same ending where
  /// that is one of a known format.
  fileprivate init(copying file: ItemFile, as name: String, in folder: String) throws {
    let (source, named) = (file.source, file.source.name.lowercased())
    let known = FormatRegistry.all.flatMap(\.extensions).map { ".\($0)" }
    let ending = known.filter(named.hasSuffix).max { $0.count < $1.count }
    shape = file.shape
    path = "\(RunFiles.data)/\(name)\(ending ?? "")"
    try copy(source, to: "\(folder)/\(path)")
    sha256 = try SHA256.hex(ofFile: "\(folder)/\(path)")
    guard sha256 == file.sha256 else {
      throw FormatError(
        .unreadable, file: source.name, found: "content that changed after it was read",
        remedy: "start the run again")
    }
  }
}

/// Copies a file byte by byte.
private func copy(_ source: ByteSource, to path: String) throws(FormatError) {
  let copy = try AtomicFile(path: path)
  let chunk = 1 << 20
  for start in stride(from: 0, to: source.count, by: chunk) {
    try copy.append(source.bytes(min(chunk, source.count - start), at: start))
  }
  try copy.commit()
}
