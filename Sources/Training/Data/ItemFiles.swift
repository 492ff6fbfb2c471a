import Formats
import Foundation
public import TensorCore

/// Items in files, opened before the model that they are for is known.
public struct ItemFiles: Sendable {
  let inputs: StoredFile
  let targets: StoredFile
  /// Whether one file holds both.
  let isShared: Bool
  private let ids: [String]
  private let groups: [String]

  /// The shape of one item's input.
  public var itemShape: Shape { Shape(Array(inputs.array.shape.extents.dropFirst())) }

  /// Opens files of any known format, or a folder of pictures.
  ///
  /// Of a file with several arrays, inputs are the one named `x` and targets the one named `y`; texts
  /// named `id` and `group` are the names of the items and of their groups.
  ///
  /// - Parameter targets: Nil where the file of the inputs holds the targets too.
  /// - Throws: `FormatError`, or ``TrainingError`` where there are no targets.
  public init(inputs: String, targets: String? = nil) throws {
    let (source, table) = try Self.open(inputs)
    self.inputs = StoredFile(source, try table.onlyArray(orNamed: "x"), name: inputs)
    isShared = targets == nil
    if let targets {
      let (source, table) = try Self.open(targets)
      self.targets = StoredFile(source, try table.onlyArray(orNamed: "y"), name: targets)
    } else {
      guard let array = table["y"], table["x"] != nil else {
        throw TrainingError.setting(
          name: FormatError.printable(inputs), found: "no labels in it",
          expected: "arrays named x and y, or labels in a file of their own")
      }
      self.targets = StoredFile(source, array, name: inputs)
    }
    (ids, groups) = (table.texts("id") ?? [], table.texts("group") ?? [])
    for names in [ids, groups] where !names.isEmpty {
      guard names.count == self.inputs.array.shape.extents.first else {
        throw TrainingError.data(
          "\(FormatError.printable(inputs)): found \(names.count) names for inputs of shape "
            + "\(self.inputs.array.shape)")
      }
    }
    var seen: Set<String> = []
    if let twice = ids.first(where: { !seen.insert($0).inserted }) {
      throw TrainingError.data(
        "\(FormatError.printable(inputs)): found the id \(FormatError.quoted(twice)) twice, "
          + "expected each once")
    }
  }

  private static func open(_ path: String) throws(FormatError) -> (ByteSource?, ItemTable) {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      return (nil, try ItemTable(path: path))
    }
    let source = try ByteSource(path: path)
    return (source, try ItemTable(source))
  }

  /// The items, fit to a model.
  ///
  /// - Throws: As ``Dataset/read(inputs:targets:_:loss:)``.
  public func read<Scalar: TensorScalar>(
    _ model: any Model, loss: Loss, as type: Scalar.Type = Scalar.self
  ) throws -> Dataset<Scalar> {
    try Dataset.read(
      inputs: inputs, targets: targets, model, loss: loss, ids: ids, groups: groups)
  }
}
