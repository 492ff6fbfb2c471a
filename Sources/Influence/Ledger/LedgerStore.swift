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

  /// Nil where the options name no folder.
  init?<Scalar>(
    _ problem: LedgerProblem<Scalar>, _ options: LedgerOptions
  ) throws(FormatError) {
    guard let folder = options.resumeFolder, let record = problem.record else { return nil }
    self.folder = folder
    digest = try problem.digest(record, options)
    lastSave = clock.now
    lastStart = lastSave
  }

  private func path(_ key: String) -> String { "\(folder)/\(prefix)\(key).safetensors" }
  private var prefix: String { "ledger-\(digest.prefix(16))-" }

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
    var arrays = [
      NamedArray("position", StoredArray([Int64(sweep.position)], shape: [1])),
      NamedArray("decay", StoredArray(Tensor([sweep.decay.count], sweep.decay))),
    ]
    for (number, memory) in sweep.carried.enumerated() {
      arrays.append(
        NamedArray(
          "carried.\(number)", StoredArray(Tensor([memory.count], Array(memory.elements)))))
    }
    try FolderContent.make(folder)
    try Safetensors(arrays).write(to: path(key))
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
    func array(_ name: String, _ count: Int) throws(FormatError) -> StoredArray {
      guard let array = file[name], array.shape == [count] else {
        throw FormatError(
          .malformed, file: path, found: "no \(name) of \(count) numbers",
          expected: "what an interrupted ledger saved", remedy: "remove the file and start again")
      }
      return array
    }
    let position = try array("position", 1).integers()[0]
    let decay = try array("decay", sweep.queries.count).tensor(as: Double.self).scalars
    guard (0...Int64(sweep.problem.run.batches.count)).contains(position) else {
      throw FormatError(
        .malformed, file: path, found: "position \(position)",
        expected: "0 to \(sweep.problem.run.batches.count)",
        remedy: "remove the file and start again")
    }
    for (number, memory) in sweep.carried.enumerated() {
      let saved = try array("carried.\(number)", memory.count).tensor(as: Scalar.self).scalars
      memory.base.update(from: saved, count: memory.count)
    }
    sweep.resume(at: Int(position), decay: decay)
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
    _ record: RunRecord, _ options: LedgerOptions
  ) throws(FormatError) -> String {
    var text = [
      "\(Scalar.self)", measure.name, options.rule.rawValue, "\(options.tolerance)",
      "\(options.comparesSameLabel)", Kernels.level, BLASThreads.coreName,
      RunManifest.libraryVersion,
    ]
    for path in [
      "\(record.folder)/\(RunManifest.fileName)", record.batchesPath, record.checkpointPath(0),
    ] { text.append(try SHA256.hex(ofFile: path)) }
    for data in [queries, strangers].compactMap({ $0 }) { text.append(data.digest) }
    return SHA256.hex(of: Array(text.joined(separator: "\n").utf8))
  }
}

extension Dataset {
  /// A digest of the items' inputs and targets.
  fileprivate var digest: String {
    func hex<Element: BitwiseCopyable>(_ elements: [Element]) -> String {
      SHA256.hex(of: elements.withUnsafeBytes { Array($0) })
    }
    let targets =
      switch self.targets {
      case .labels(let labels): hex(labels)
      case .values(let values): hex(values.scalars)
      }
    return "\(count) \(hex(inputs.scalars)) \(targets)"
  }
}
