import Formats
import Foundation
public import TensorCore

/// The arrays of a data set's items in their files, before a model makes sense of them.
///
/// Inputs and targets may be files of one array each. They may also be arrays of a file with several
/// (npz, JSON lines, safetensors), by the names `x` and `y`, or named after a colon, such as
/// `mnist.npz:x_train`; a table (CSV) one of whose columns is the target, called `label` or `y` or named
/// after a colon; or a folder with a subfolder of pictures for each class.
public struct StoredItems: Sendable {
  let inputs: StoredFile
  let targets: StoredFile
  /// Names of the items that stand beside the inputs, or none.
  let ids: [String]
  /// Groups of the items that stand beside the inputs, or none.
  let groups: [String]
  /// What a person should know before trusting the numbers of the items, a line each.
  public let notes: [String]

  /// The shape of one item's input.
  public var itemShape: Shape { Shape(Array(inputs.array.shape.extents.dropFirst())) }

  /// The number of classes that labels of items have: one more than the largest.
  ///
  /// - Throws: `FormatError` where targets are no whole numbers, ``TrainingError`` where one is too
  ///   large to count classes up to it.
  public func classCount() throws -> Int {
    let labels = try targets.array.integers()
    if let item = labels.firstIndex(where: { $0 >= Self.mostClasses }) {
      throw TrainingError.data(
        "\(targets.name): item \(item): found the label \(labels[item]), expected one below "
          + "\(Self.mostClasses)")
    }
    return Int(labels.max() ?? 0) + 1
  }

  private static let mostClasses: Int64 = 10_000

  private static let inputNames = ["x", "inputs", "input"]
  private static let targetNames = ["y", "labels", "label", "targets", "target"]

  /// Opens the files.
  ///
  /// - Parameter targets: Nil where they stand beside the inputs.
  /// - Throws: `FormatError` or ``TrainingError``, naming the file.
  public init(inputs: String, targets: String?) throws {
    let x = ItemPlace(inputs)
    let y = targets.map { ItemPlace($0) } ?? ItemPlace(path: x.path)
    if x.array == nil, y.path == x.path, targets == nil || y.array != nil, Self.isCSV(x.path) {
      self = try Self.table(x.path, target: y.array)
      return
    }
    let file = try ItemTableFile(x.path)
    let targetFile = y.path == x.path ? file : try ItemTableFile(y.path)
    let counted = try ColumnCounts.without(
      inputs: (file.array(x.array, Self.inputNames, isOnly: true), file.table.columnCount),
      // A file of one array means that array, also where both options name it.
      targets: (
        targetFile.array(y.array, Self.targetNames, isOnly: targets != nil),
        targetFile.table.columnCount
      ))
    (self.inputs, self.targets) = (counted.inputs, counted.targets)
    let count = self.inputs.array.shape.extents.first ?? 0
    ids = try file.texts(["id", "ids"], count, areUnique: true)
    groups = try file.texts(["group", "groups"], count, areUnique: false)
    notes = file.table.notes + counted.notes + file.unreadNames(["id", "ids", "group", "groups"])
  }
}

extension StoredItems {
  private static func isCSV(_ path: String) -> Bool {
    [".csv", ".tsv"].contains { path.lowercased().hasSuffix($0) }
  }

  /// The items of a table one of whose columns is the target.
  private static func table(_ path: String, target: String?) throws -> StoredItems {
    let source = try ByteSource(path: path)
    let items = try CSV.items(source, target: target, usual: targetNames)
    for (name, texts, areUnique) in [("id", items.ids, true), ("group", items.groups, false)] {
      if let fault = ItemNames.fault(in: texts, areUnique: areUnique) {
        throw TrainingError.data(
          "\(FormatError.printable(path)): \(FormatError.quoted(name)): \(fault)")
      }
    }
    return StoredItems(
      inputs: StoredFile(source.name, items.inputs, nil),
      targets: StoredFile(source.name, items.targets, nil), ids: items.ids, groups: items.groups)
  }

  private init(inputs: StoredFile, targets: StoredFile, ids: [String], groups: [String]) {
    self.inputs = inputs
    self.targets = targets
    self.ids = ids
    self.groups = groups
    notes = []
  }
}

/// A file or a folder, and what it says of items.
private struct ItemTableFile {
  let table: ItemTable
  /// The file; nil for a folder.
  let source: ByteSource?

  init(_ path: String) throws(FormatError) {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if exists, isFolder.boolValue {
      source = nil
      table = try PictureFolder.read(path)
    } else {
      let file = try ByteSource(path: path)
      source = file
      table = try ItemTable(file)
    }
  }

  /// The array of a name, or of one of the usual names.
  ///
  /// - Parameter isOnly: Whether a table's only array is meant whatever its name.
  func array(_ name: String?, _ usual: [String], isOnly: Bool) throws -> StoredFile {
    if name == nil, isOnly, let only = try table.only() {
      return StoredFile(table.name, only, source)
    }
    let present = table.arrayNames
    let wanted = name.map { [$0] } ?? usual
    guard let found = wanted.first(where: present.contains), let array = try table.array(found)
    else {
      let known = present.filter { !$0.isEmpty }.prefix(8).map { FormatError.quoted($0) }
      throw TrainingError.data(
        FormatError.printable(table.name) + ": found "
          + (known.isEmpty ? "one array" : "the arrays \(known.joined(separator: ", "))")
          + ", expected \(wanted.map { FormatError.quoted($0) }.joined(separator: " or ")); "
          + (known.isEmpty
            ? "give the targets a file of their own" : "name one after the file and a colon"))
    }
    return StoredFile(table.name, array, present.count == 1 ? source : nil)
  }

  /// A note for each of some names of items, or of their groups, that cannot be read.
  func unreadNames(_ names: [String]) -> [String] {
    table.unreadable.filter { names.contains($0.name) }.map {
      "\(FormatError.quoted($0.name)) does not name the items: \($0.error)"
    }
  }

  /// The texts of one of these names, or whole numbers as texts; none where there are neither.
  func texts(_ names: [String], _ count: Int, areUnique: Bool) throws -> [String] {
    for name in names {
      var values = table.texts(name)
      if values == nil, let array = table[name], array.shape == [count] {
        values = try array.integers().map(String.init)
      }
      guard let values else { continue }
      let fault = ItemNames.fault(in: values, areUnique: areUnique)
      guard values.count == count, fault == nil else {
        throw TrainingError.data(
          "\(FormatError.printable(table.name)): \(FormatError.quoted(name)): "
            + (fault ?? "found \(values.count), expected \(count), one for each item"))
      }
      return values
    }
    return []
  }
}

/// A file or a folder, and the name of an array in it where one is given after a colon.
private struct ItemPlace {
  var path: String
  var array: String?

  init(path: String) { self.path = path }

  init(_ text: String) {
    path = text
    // A colon may be a part of the file's own name.
    guard !FileManager.default.fileExists(atPath: text), let colon = text.lastIndex(of: ":"),
      FileManager.default.fileExists(atPath: String(text[..<colon]))
    else { return }
    path = String(text[..<colon])
    array = String(text[text.index(after: colon)...])
  }
}

extension ItemNames {
  /// What is wrong with names, in words; nil where all are.
  fileprivate static func fault(in names: [String], areUnique: Bool) -> String? {
    if let empty = names.firstIndex(of: "") { return "item \(empty): found an empty text" }
    guard areUnique else { return nil }
    var first: [String: Int] = [:]
    for (item, name) in names.enumerated() {
      if let earlier = first.updateValue(item, forKey: name) {
        return "found \(FormatError.quoted(name)) in items \(earlier) and \(item), "
          + "expected a name of its own for each"
      }
    }
    return nil
  }
}
