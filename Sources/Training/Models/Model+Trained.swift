import Formats

extension Model {
  /// Which arrays count as trained and which do not, in one sentence; nil where all of a built-in
  /// model are.
  public var trainedSummary: String? {
    guard file != nil || !settings.isEmpty else { return nil }
    let trained = layout.entries.filter(\.isTrainable)
    let others = layout.entries.filter { !$0.isTrainable }
    let first =
      "Trained: \(Self.list(trained.map(\.name))), \(layout.trainableCount) numbers in all."
    return others.isEmpty ? first : first + " Not trained: \(Self.list(others.map(\.name)))."
  }

  /// The first names, and how many there are more.
  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(8).map(FormatError.quoted).joined(separator: ", ")
    return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
  }
}
