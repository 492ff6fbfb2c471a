import Formats
import TensorCore
import Training

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where interrupted sweeps are kept until they go on.
///
/// Files are named by what is computed and by a digest of everything that it depends on, so that no
/// sweep goes on from another one's numbers.
final class LedgerStore {
  private let folder: String
  private let digest: String
  private let clock = ContinuousClock()
  private var lastSave: ContinuousClock.Instant
  private var lastStart: ContinuousClock.Instant

  /// Nil where the options name no folder, or where it cannot be told whether what is kept there is
  /// of the same measure.
  init?<Scalar>(
    _ problem: LedgerProblem<Scalar>, _ options: LedgerOptions
  ) throws(FormatError) {
    guard let folder = options.resumeFolder, let record = problem.record,
      let measure = problem.measure.identity
    else { return nil }
    try FolderContent.requireReal(folder)
    self.folder = folder
    digest = try problem.digest(record, measure, options)
    lastSave = clock.now
    lastStart = lastSave
  }

  private func path(_ key: String) -> String { "\(folder)/\(prefix)\(key).safetensors" }
  private var prefix: String { "ledger-\(digest.prefix(16))-" }

  /// Under this name a file has the SHA-256 of its numbers.
  private static let sumName = "sha256"
  private static let remedy = "remove the file and start again"
  /// The time that passes between two saves.
  private static let interval = Duration.seconds(15)
  /// A sweep that takes less is not worth a file.
  private static let shortest = Duration.seconds(2)

  /// Saves a sweep unless that was done a moment ago.
  func saveNowAndThen<Scalar>(_ key: String, _ sweep: LedgerSweep<Scalar>) throws(FormatError) {
    if clock.now - lastSave > Self.interval { try save(key, sweep) }
  }

  /// Saves a sweep that has come to its end.
  func saveFinished<Scalar>(_ key: String, _ sweep: LedgerSweep<Scalar>) throws(FormatError) {
    if clock.now - lastStart > Self.shortest { try save(key, sweep) }
  }

  /// Saves a sweep.
  func save<Scalar>(_ key: String, _ sweep: LedgerSweep<Scalar>) throws(FormatError) {
    let (position, decay) = (Int64(sweep.position), sweep.decay)
    var arrays = [
      NamedArray("position", StoredArray([position], shape: [1])),
      NamedArray("decay", StoredArray(Tensor([decay.count], decay))),
    ]
    var digests = [[position].digest, decay.digest]
    for (number, memory) in sweep.carried.enumerated() {
      let elements = Array(memory.elements)
      arrays.append(NamedArray("carried.\(number)", StoredArray(Tensor([memory.count], elements))))
      digests.append(elements.digest)
    }
    try FolderContent.make(folder)
    let sum = (name: Self.sumName, text: Array(digests.joined().utf8).digest)
    try Safetensors(arrays, metadata: [sum]).write(to: path(key))
    lastSave = clock.now
  }

  /// Lets a sweep go on from where it was saved, if it was.
  ///
  /// - Throws: `FormatError` where the file is not what ``save(_:_:)`` wrote.
  func resume<Scalar>(_ key: String, _ sweep: LedgerSweep<Scalar>) throws(FormatError) {
    lastStart = clock.now
    let path = path(key)
    guard access(path, F_OK) == 0 else { return }
    let file = try Safetensors(path: path)
    func fault(_ found: String, _ expected: String) -> FormatError {
      FormatError(
        .malformed, file: path, found: found, expected: expected,
        remedy: Self.remedy)
    }
    func array(_ name: String, _ count: Int) throws(FormatError) -> StoredArray {
      guard let array = file[name], array.shape == [count] else {
        throw fault("no \(name) of \(count) numbers", "what an interrupted ledger saved")
      }
      return array
    }
    let position = try array("position", 1).integers()[0]
    let decay = try array("decay", sweep.queries.count).tensor(as: Double.self).scalars
    var digests = [[position].digest, decay.digest]
    for (number, memory) in sweep.carried.enumerated() {
      let saved = try array("carried.\(number)", memory.count).tensor(as: Scalar.self).scalars
      memory.base.update(from: saved, count: memory.count)
      digests.append(saved.digest)
    }
    let sum = Array(digests.joined().utf8).digest
    guard file.metadata.contains(where: { $0.name == Self.sumName && $0.text == sum }) else {
      throw fault("numbers whose SHA-256 is \(sum)", "the one that the file names")
    }
    let steps = sweep.problem.run.batches.count
    guard (0...Int64(steps)).contains(position) else {
      throw fault("position \(position)", "0 to \(steps)")
    }
    sweep.resume(at: Int(position), decay: decay)
  }

  /// Saves numbers that follow from the accounts, unless that was done a moment ago.
  func saveNowAndThen(_ key: String, values: [Double]) throws(FormatError) {
    if clock.now - lastSave > Self.interval { try save(key, values: values) }
  }

  /// Saves numbers that follow from the accounts.
  func save(_ key: String, values: [Double]) throws(FormatError) {
    try FolderContent.make(folder)
    try Safetensors(
      [NamedArray("values", StoredArray(Tensor([values.count], values)))],
      metadata: [(Self.sumName, values.digest)]
    ).write(to: path(key))
    lastSave = clock.now
  }

  /// The numbers saved under a name; none where nothing was.
  ///
  /// - Throws: `FormatError` where the file is not what ``save(_:values:)`` wrote.
  func values(_ key: String) throws(FormatError) -> [Double] {
    let path = path(key)
    guard access(path, F_OK) == 0 else { return [] }
    let file = try Safetensors(path: path)
    let values = try file["values"]?.tensor(as: Double.self).scalars
    let sum = values?.digest
    guard let values, file.metadata.contains(where: { $0.name == Self.sumName && $0.text == sum })
    else {
      throw FormatError(
        .malformed, file: path, found: "numbers with another SHA-256 than the file names",
        expected: "what an interrupted trace saved", remedy: Self.remedy)
    }
    return values
  }

  /// Removes what was saved: the work is done.
  func removeAll() {
    guard let names = try? FolderContent.names(folder) else { return }
    for name in names where name.hasPrefix(prefix) { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }
}

extension LedgerProblem {
  /// A digest of everything that a sweep depends on.
  fileprivate func digest(
    _ record: RunRecord, _ measure: String, _ options: LedgerOptions
  ) throws(FormatError) -> String {
    var text = [
      "\(Scalar.self)", measure, options.rule.rawValue, "\(options.tolerance)",
      "\(options.comparesSameLabel)", "\(options.removals)", Kernels.level, Kernels.products,
      RunManifest.libraryVersion, "\(record.manifest.modelSettings)",
    ]
    for path in [
      "\(record.folder)/\(RunManifest.fileName)", record.batchesPath, record.checkpointPath(0),
    ] { text.append(try SHA256.hex(ofFile: path)) }
    if let file = record.model.file { text.append(try SHA256.hex(of: file)) }
    for data in [queries, strangers].compactMap({ $0 }) { text.append(data.digest) }
    return Array(text.joined(separator: "\n").utf8).digest
  }
}

extension Dataset {
  /// A digest of the items' inputs and targets.
  var digest: String {
    let targets =
      switch self.targets {
      case .labels(let labels): labels.digest
      case .values(let values): values.scalars.digest
      }
    return "\(count) \(inputs.scalars.digest) \(targets)"
  }
}

extension Array where Element: BitwiseCopyable {
  /// A digest of the elements' bytes.
  var digest: String { SHA256.hex(of: withUnsafeBytes { Array<UInt8>($0) }) }
}
