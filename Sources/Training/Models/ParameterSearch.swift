import Formats
import TensorCore

/// Looks for the weights of a model's file among the arrays of checkpoints.
struct ParameterSearch {
  typealias Source = ParameterMapping.Source
  typealias Entry = ParameterLayout.Entry

  private let model: ONNXModel
  private let checkpoints: [CheckpointFile]

  init(_ model: ONNXModel, _ checkpoints: [CheckpointFile]) {
    self.model = model
    self.checkpoints = checkpoints
  }

  /// The arrays that these parameters are, from the checkpoint that has most of them.
  ///
  /// - Parameter taken: The names of arrays that are other parameters.
  /// - Throws: `FormatError`, naming the first parameter that is not found, or several times.
  func sources(of entries: [Entry], taken: Set<String>) throws(FormatError) -> [String: Source] {
    guard !entries.isEmpty else { return [:] }
    var best: [[Source]] = []
    for file in checkpoints {
      let found = try candidates(entries, in: file)
      let count = { (lists: [[Source]]) in lists.count { !$0.isEmpty } }
      if best.isEmpty || count(found) > count(best) { best = found }
    }
    for (entry, candidates) in zip(entries, best) where candidates.isEmpty { throw missing(entry) }
    var sources: [String: Source] = [:]
    var taken = taken
    // What has one candidate alone leaves fewer to the others.
    for (entry, candidates) in zip(entries, best) where candidates.count == 1 {
      sources[entry.name] = candidates[0]
      taken.insert(candidates[0].name)
    }
    for (entry, candidates) in zip(entries, best) where candidates.count > 1 {
      let free = candidates.filter { !taken.contains($0.name) }
      let left = free.isEmpty ? candidates : free
      for other in left.dropFirst() where try !areEqual(left[0], other) {
        throw ambiguous(entry, left)
      }
      sources[entry.name] = left[0]
    }
    return sources
  }

  /// The arrays of a checkpoint that each parameter can be.
  private func candidates(
    _ entries: [Entry], in file: CheckpointFile
  ) throws(FormatError) -> [[Source]] {
    var candidates = [[Source]](repeating: [], count: entries.count)
    for named in file.arrays where !named.name.hasPrefix(ParameterLayout.optimizerPrefix) {
      let isSame = entries.map { named.array.fit($0.shape, isTransposed: false) }
      let isTurned = entries.map { named.array.fit($0.shape, isTransposed: true) }
      guard isSame.contains(true) || isTurned.contains(true) else { continue }
      let elements = try named.array.tensor(as: Double.self).scalars
      for (index, entry) in entries.enumerated() {
        if isSame[index], equals(entry, elements, columns: nil) {
          candidates[index].append(Source(name: named.name))
        } else if isTurned[index], equals(entry, elements, columns: entry.shape.matrix?.columns) {
          candidates[index].append(Source(name: named.name, isTransposed: true))
        }
      }
    }
    return candidates
  }

  /// Whether the file's weights are these elements to Float's precision, transposed where a number of
  /// columns is given.
  private func equals(_ entry: Entry, _ elements: [Double], columns: Int?) -> Bool {
    model.weights.withUnsafeBufferPointer { weights in
      let own = UnsafeBufferPointer(rebasing: weights[entry.range])
      let columns = columns ?? 1
      let rows = own.count / max(columns, 1)
      for place in 0..<own.count {
        let other = columns == 1 ? place : place % columns * rows + place / columns
        let (a, b) = (own[place], elements[other])
        if a != b, !(abs(a - b) <= 1e-6 * max(abs(a), abs(b))) { return false }
      }
      return true
    }
  }

  /// Whether two arrays are the same in every checkpoint, as tied weights are.
  private func areEqual(_ one: Source, _ other: Source) throws(FormatError) -> Bool {
    guard one.isTransposed == other.isTransposed else { return false }
    for file in checkpoints {
      guard let a = file[one.name], let b = file[other.name], a.shape == b.shape else {
        return false
      }
      let (x, y) = (try a.tensor(as: Double.self), try b.tensor(as: Double.self))
      guard x.scalars == y.scalars else { return false }
    }
    return true
  }

  // MARK: Faults

  private func missing(_ entry: Entry) -> FormatError {
    let files = checkpoints.map(\.path)
    let names = files.prefix(2).joined(separator: ", ") + (files.count > 2 ? ", …" : "")
    return FormatError(
      .malformed, file: model.specification,
      found: "the weight \(FormatError.quoted(entry.name)) of shape \(entry.shape), which is "
        + "neither by name nor by value in \(names)",
      expected: "weights as the checkpoints have them",
      remedy: "the exporter computed it, perhaps by folding a batch normalization: export with "
        + "\(ONNXProgram.exportRecipe), or give --map \(FormatError.printable(entry.name))=ARRAY, or "
        + "--constant \(FormatError.printable(entry.name)) where training left it alone")
  }

  private func ambiguous(_ entry: Entry, _ sources: [Source]) -> FormatError {
    let names = sources.prefix(4).map(\.text).joined(separator: ", ")
    return FormatError(
      .malformed, file: model.specification,
      found: "the weight \(FormatError.quoted(entry.name)), whose values \(sources.count) arrays "
        + "of a checkpoint have: \(names)", expected: "one",
      remedy: "give --map \(FormatError.printable(entry.name))=ARRAY, or export with "
        + ONNXProgram.exportRecipe)
  }
}
