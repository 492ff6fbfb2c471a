public import Formats
public import TensorCore

/// A recorded run in its folder.
///
/// The files are read, and checked, when they are asked for. Nothing is trusted: a record may have
/// been written by another program, or damaged. All files are compared with their digests, those
/// other than the data's where the record has them (``filesWithoutDigest``). No link is followed
/// out of the folder.
public struct RunRecord: Sendable {
  /// The folder.
  public let folder: String
  /// What `run.json` says.
  public let manifest: RunManifest
  /// The network.
  public let model: any Model
  /// Where the run itself had each parameter: the vectors of the optimizer's state are in its order.
  let recordedLayout: ParameterLayout
  /// Nil where the record lists no digests of its checkpoints.
  let checkpointSums: CheckpointSums?

  /// Opens a folder.
  ///
  /// - Parameter patterns: Which arrays of the model count as trained, in place of what the record
  ///   says, such as a backbone that the program that wrote the record had frozen.
  /// - Throws: `FormatError` where `run.json` is missing or at fault, or the list of digests;
  ///   ``ModelError`` where the patterns do not fit the model.
  public init(folder: String, patterns: NamePatterns) throws {
    let recorded = try RunRecord(folder: folder)
    if patterns.isEmpty {
      self = recorded
      return
    }
    var manifest = recorded.manifest
    manifest.modelSettings.patterns = patterns
    self.folder = folder
    self.manifest = manifest
    recordedLayout = recorded.recordedLayout
    checkpointSums = recorded.checkpointSums
    if ONNXModel.isFile(manifest.model) {
      model = try Self.model(manifest, folder)
    } else {
      model = try ModelRegistry.model(manifest.model, settings: manifest.modelSettings)
    }
  }

  /// Opens a folder.
  ///
  /// - Throws: `FormatError` where `run.json` is missing or at fault, or the list of digests.
  public init(folder: String) throws(FormatError) {
    try self.init(folder: folder, makingModel: Self.model)
  }

  private init(
    folder: String,
    makingModel makeModel: (RunManifest, String) throws(FormatError) -> any Model
  ) throws(FormatError) {
    self.folder = folder
    let source = try Self.openManifest(in: folder)
    manifest = try RunManifest(source, in: folder)
    checkpointSums = try CheckpointSums(folder)
    try checkpointSums?.check(manifest: source)
    model = try makeModel(manifest, folder)
    recordedLayout = model.layout
    try Self.checkGroups(manifest, recordedLayout, source.name)
  }

  /// Refuses groups of parameters that are not of this model and these steps.
  private static func checkGroups(
    _ manifest: RunManifest, _ layout: ParameterLayout, _ file: String
  ) throws(FormatError) {
    do {
      try manifest.optimizer.checkGroups(layout, steps: manifest.learningRates.count)
    } catch {
      guard case .setting(let name, let found, let expected) = error else { return }
      throw FormatError(
        .malformed, file: file, found: "\(FormatError.printable(found)) in \(name)",
        expected: expected)
    }
  }

  private static func openManifest(in folder: String) throws(FormatError) -> ByteSource {
    do throws(FormatError) {
      return try RunFiles.open(RunManifest.fileName, in: folder)
    } catch {
      guard error.kind == .missing else { throw error }
      throw FormatError(
        .missing, file: error.file, found: error.found,
        remedy: "give the folder of a run, which palimpsest train and recorders write")
    }
  }

  /// The files on which numbers rest and which no digest covers.
  ///
  /// A change to one of them after the run is not noticed. There are none in a record of this version.
  public var filesWithoutDigest: [String] {
    [
      (RunManifest.fileName, checkpointSums?.manifest == nil),
      (RunFiles.batches, manifest.batchesSHA256 == nil),
      (manifest.model, model.file != nil && manifest.modelSHA256 == nil),
      ("\(Checkpoint.folder)/", checkpointSums == nil),
      (RunFiles.log, manifest.optimizer.clipNorm != nil && checkpointSums?.log == nil),
    ].filter(\.1).map(\.0)
  }

  /// What of the library and the kernels that the record names is another here.
  public var environmentDifferences: [(name: String, recorded: String, current: String)] {
    RunManifest.currentEnvironment.compactMap { current in
      guard let recorded = manifest.environment.first(where: { $0.name == current.name })?.value,
        recorded != current.value
      else { return nil }
      func text(_ value: JSONValue) -> String { value.string ?? value.description }
      return (current.name, text(recorded), text(current.value))
    }
  }

  /// Opens the folder of a run whose model the caller made.
  ///
  /// - Parameter model: The network that was recorded, of any type; its specification has to be the
  ///   recorded text.
  /// - Throws: As ``init(folder:)``, and `FormatError` where the record is of another model.
  public init(folder: String, model: any Model) throws(FormatError) {
    try self.init(folder: folder) { manifest, folder throws(FormatError) in
      try Self.own(model, manifest, folder)
    }
  }

  /// The caller's model with what the record says beside its text.
  private static func own(
    _ model: any Model, _ manifest: RunManifest, _ folder: String
  ) throws(FormatError) -> any Model {
    let file = "\(folder)/\(RunManifest.fileName)"
    guard model.specification == manifest.model else {
      throw FormatError(
        .malformed, file: file, found: "\"model\": \(FormatError.quoted(manifest.model))",
        expected: "\(FormatError.quoted(model.specification)), the model that was given")
    }
    if model.settings == manifest.modelSettings { return model }
    do {
      return try ConfiguredModel(model, manifest.modelSettings)
    } catch {
      throw FormatError(
        .malformed, file: file, found: "settings that are not of this model: \(error)",
        expected: "those that it was recorded with")
    }
  }

  /// The model that `run.json` says, which may be a file of the folder.
  private static func model(
    _ manifest: RunManifest, _ folder: String
  ) throws(FormatError) -> any Model {
    let file = "\(folder)/\(RunManifest.fileName)"
    if ONNXModel.isFile(manifest.model) {
      let path = try ContainedPath.resolve(manifest.model, inside: folder, namedBy: file)
      if let digest = manifest.modelSHA256 { try check(ByteSource(path: path), digest) }
      let items = manifest.train.inputs.shape
      return try ONNXModel(
        path: path, itemShape: items.map { Shape(Array($0.extents.dropFirst())) },
        settings: manifest.modelSettings, specification: manifest.model)
    }
    do {
      return try ModelRegistry.model(manifest.model, settings: manifest.modelSettings)
    } catch {
      // The settings may be what is at fault, and not the text.
      if (try? ModelRegistry.model(manifest.model, settings: ModelSettings())) != nil {
        throw FormatError(
          .malformed, file: file, found: "\"modelSettings\" that are not of this model: \(error)",
          expected: "those that it was recorded with")
      }
      let examples = ModelRegistry.all.map(\.example).joined(separator: ", ")
      throw FormatError(
        .malformed, file: file, found: "\"model\": \(FormatError.quoted(manifest.model))",
        expected: "the text of a model such as \(examples), or \(RunFiles.model)",
        remedy: "a model that a program made is read by RunRecord(folder:model:) of the library")
    }
  }

  /// Where the rows of each step are.
  package var batchesPath: String { "\(folder)/\(RunFiles.batches)" }

  /// Where the state after so many steps is.
  package func checkpointPath(_ step: Int) -> String { Checkpoint.path(folder, step: step) }

  /// S, the number of steps that the run has when it is finished.
  public var steps: Int { manifest.learningRates.count }

  // MARK: Checkpoints

  /// The numbers of steps after which there is a checkpoint, ascending.
  ///
  /// - Throws: `FormatError` naming the first checkpoint that the record lists and that is missing,
  ///   or where there is none at all.
  public func checkpoints() throws(FormatError) -> [Int] {
    let present = try Checkpoint.steps(folder)
    let isPresent = Set(present)
    let listed = manifest.checkpoints ?? checkpointSums?.digests.keys.sorted()
    for step in listed ?? (present.isEmpty ? [0] : []) where !isPresent.contains(step) {
      let isUnfinished = step > (present.last ?? -1) && !present.isEmpty
      throw FormatError(
        .missing, file: Checkpoint.path(folder, step: step), found: "no such checkpoint",
        expected: "the parameters after step \(step) of \(steps)",
        remedy: isUnfinished ? "the run is not finished: repeat its command to resume it" : "")
    }
    if let last = present.last, last > steps {
      throw FormatError(
        .malformed, file: Checkpoint.path(folder, step: last),
        found: "a checkpoint after step \(last)", expected: "at most \(steps), the run's steps")
    }
    try requireListed(present)
    return present
  }

  /// Refuses checkpoints that `run.json` or the list of digests does not name: they are not the
  /// run's.
  private func requireListed(_ present: [Int]) throws(FormatError) {
    try requirePlanned(present)
    guard let sums = checkpointSums else { return }
    if let stray = present.first(where: { sums.digests[$0] == nil }) {
      throw CheckpointSums.unlisted(Checkpoint.path(folder, step: stray))
    }
  }

  /// Refuses checkpoints that `run.json` does not name.
  func requirePlanned(_ present: [Int]) throws(FormatError) {
    guard let planned = manifest.checkpoints.map(Set.init),
      let stray = present.first(where: { !planned.contains($0) })
    else { return }
    throw FormatError(
      .malformed, file: Checkpoint.path(folder, step: stray),
      found: "a checkpoint that \(RunManifest.fileName) does not list",
      expected: "those after the steps in \"checkpoints\"",
      remedy: "it is not of this run: take it out of the folder")
  }

  /// The parameters `[P]` after so many steps.
  ///
  /// - Throws: `FormatError`, naming the checkpoint and what is wrong with it, such as a digest that
  ///   is not the listed one.
  public func parameters<Scalar: TensorScalar>(
    at step: Int, as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> [Scalar] {
    try model.parameters(in: checkpoint(at: step))
  }

  /// The parameters and the optimizer's state after so many steps.
  ///
  /// - Throws: As ``parameters(at:as:)``.
  public func state<Scalar: TensorScalar>(
    at step: Int, as type: Scalar.Type = Scalar.self
  ) throws(FormatError) -> TrainingState<Scalar> {
    let file = try checkpoint(at: step)
    var state = TrainingState(
      initial: try model.parameters(in: file) as [Scalar], manifest.optimizer)
    state.step = step
    for (index, name) in manifest.optimizer.rule.stateNames.enumerated() {
      let name = ParameterLayout.optimizerPrefix + name
      // A record from elsewhere need not say that everything starts from zero.
      if step == 0 && file[name] == nil { continue }
      state.optimizer[index] = try optimizerVector(name, in: file)
    }
    return state
  }

  /// A vector of the optimizer's state in the order of the model's parameters.
  func optimizerVector<Scalar: TensorScalar>(
    _ name: String, in file: CheckpointFile
  ) throws(FormatError) -> [Scalar] {
    let vector: [Scalar] = try file.elements(name, [recordedLayout.count])
    guard recordedLayout != model.layout else { return vector }
    var places: [String: Range<Int>] = [:]
    for entry in recordedLayout.entries { places[entry.name] = entry.range }
    return model.layout.entries.flatMap { entry in
      places[entry.name].map { Array(vector[$0]) }
        ?? [Scalar](repeating: 0, count: entry.shape.count)
    }
  }

  /// The arrays of a checkpoint whose bytes are the listed ones.
  func checkpoint(at step: Int) throws(FormatError) -> CheckpointFile {
    let source = try RunFiles.open("\(Checkpoint.folder)/\(Checkpoint.name(of: step))", in: folder)
    try checkpointSums?.check(source, step: step)
    return CheckpointFile(try Safetensors(source).arrays, path: source.name)
  }

  // MARK: Steps

  /// The items of each step.
  ///
  /// - Throws: `FormatError`, naming step and column of a row that is out of range, or the first step
  ///   without a learning rate.
  public func batches() throws(FormatError) -> Batches {
    let source = try RunFiles.open(RunFiles.batches, in: folder)
    let batches = try Batches(source, items: manifest.train.count)
    if let digest = manifest.batchesSHA256 { try Self.check(source, digest) }
    guard batches.count == steps else {
      throw RunManifest.learningRates(
        steps, batches.count, file: "\(folder)/\(RunManifest.fileName)", source.name)
    }
    return batches
  }

  // MARK: Data

  /// The items that were learnt.
  ///
  /// - Throws: `FormatError` or ``TrainingError`` where a file is missing, its digest is not the
  ///   recorded one, or its items do not fit the model.
  public func train<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) throws -> Dataset<Scalar> { try dataset(manifest.train) }

  /// The items that were not; nil where the record has none.
  ///
  /// - Throws: As ``train(as:)``.
  public func test<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) throws -> Dataset<Scalar>? { try manifest.test.map { try dataset($0) } }

  /// The weight of each training item `[N]`; nil, for ones, where the record has none.
  ///
  /// - Throws: As ``train(as:)``.
  public func itemWeights<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) throws -> [Scalar]? {
    try manifest.weights.map { try ItemWeights.read(source($0), items: manifest.train.count) }
  }

  private func dataset<Scalar: TensorScalar>(_ data: RunManifest.Data) throws -> Dataset<Scalar> {
    try Dataset<Scalar>.read(
      inputs: StoredFile(source(data.inputs)),
      targets: StoredFile(source(data.targets)), model, loss: manifest.loss,
      ids: data.ids, groups: data.groups, count: data.count)
  }

  /// A file of the run whose bytes are the recorded ones.
  func source(_ file: RunManifest.DataFile) throws(FormatError) -> ByteSource {
    let path = try ContainedPath.resolve(
      file.path, inside: folder, namedBy: "\(folder)/\(RunManifest.fileName)")
    let source = try ByteSource(path: path)
    try Self.check(source, file.sha256)
    return source
  }

  /// Refuses bytes that are not those of the recorded digest.
  private static func check(_ source: ByteSource, _ sha256: String) throws(FormatError) {
    let digest = try SHA256.hex(of: source)
    guard digest == sha256 else {
      throw FormatError(
        .malformed, file: source.name, found: "SHA-256 \(digest)",
        expected: "\(sha256), which \(RunManifest.fileName) says",
        remedy: "the file was changed after the run: put the old one back")
    }
  }
}
