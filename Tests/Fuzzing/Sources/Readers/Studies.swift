import Palimpsest

/// Reads bytes as the models of a memorisation bank, which an earlier process left.
///
/// - Returns: 0, as libFuzzer expects it.
public func readBank(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  bankFolder.replace(start, count)
  do {
    try readBank(of: RunRecord(folder: bankFolder.path))
  } catch {
    check(error)
  }
  return 0
}

private func readBank(of record: RunRecord) throws {
  let bank = try SubsetBank<Float>(record, fraction: 0.5, seed: 1, pool: noThreads)
  let tally = try bank.tally(models: max(bank.count, 1))
  try bank.forEachInfluenceRow(tally) { _ in }
}

/// Reads bytes as what a run of a study of dilution left.
///
/// - Returns: 0, as libFuzzer expects it.
public func readDilution(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  dilutionFolder.replace(start, count)
  return readStudy(.runs, in: dilutionFolder)
}

/// Reads bytes as what an inverted gradient of a study of dilution left.
///
/// - Returns: 0, as libFuzzer expects it.
public func readInversion(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  inversionFolder.replace(start, count)
  return readStudy(.inversion, in: inversionFolder)
}

private func readStudy(_ part: DilutionPart, in folder: FuzzedFolder) -> CInt {
  do {
    _ = try study(part).results(in: folder.path, pool: noThreads)
  } catch {
    check(error)
  }
  return 0
}

private let noThreads = WorkerPool(threads: 1)

private let items = Dataset<Float>(
  inputs: Tensor([12, 2], (0..<24).map { Float($0 % 5) }),
  targets: .labels((0..<12).map { Int32($0 % 2) }))

private let bankFolder = FuzzedFolder("bank", file: ".models") { folder in
  try TrainingRun<Float>(
    MLP("mlp:2-2:tanh"), train: .init(items), test: .init(items[[0, 3]]), learningRate: 0.1,
    batchSize: 4, epochs: 1
  ).record(in: folder)
  try readBank(of: RunRecord(folder: folder))
}

private let dilutionFolder = FuzzedFolder("dilution", file: "seed-0.json") {
  _ = try study(.runs).results(in: $0, pool: noThreads)
}

private let inversionFolder = FuzzedFolder("inversion", file: "seed-0.json") {
  _ = try study(.inversion).results(in: $0, pool: noThreads)
}

/// A study of one run or one gradient.
private func study(_ part: DilutionPart) throws -> DilutionStudy<Float> {
  var setting = DilutionSetting(
    base: DilutionPoint(items: 6, copies: 1, epochs: 1, width: 2), values: [:])
  (setting.kinds, setting.seeds, setting.watched, setting.batchSize) = ([.random], 1, 1, 3)
  return try DilutionStudy(
    setting, inversion: InversionSetting(batchSizes: [1], width: 4, seeds: 1, iterations: 1),
    parts: [part], data: items)
}
