import Palimpsest

extension StoredItems {
  /// Opens files, and says what a person should know of them.
  ///
  /// - Throws: As `StoredItems.init(inputs:targets:)`.
  static func opened(inputs: String, targets: String?) throws -> StoredItems {
    let items = try StoredItems(inputs: inputs, targets: targets)
    items.notes.forEach(Output.warn)
    return items
  }
}
