import Formats
public import Training

/// Which parameters' gradients are compared.
public enum Layers: Sendable, Equatable {
  /// All of them.
  case all
  /// Those of the last layer only: the weight whose product with the data no other follows, and its
  /// bias; all such weights where there are several, as in a sum of heads. Where it is used before
  /// too, as by a head that is the embedding, its whole gradient counts.
  case last
  /// Those of these names.
  case parameters(Set<String>)

  /// Those of some parameters and modules of a model.
  ///
  /// - Parameter names: Of parameters, such as `2.weight`, or of modules, such as `2` for all whose
  ///   names begin with `2.`.
  /// - Throws: ``ScoreError/mismatch(_:)`` where a name is of no parameter that is trained.
  public init(named names: [String], in model: any Model) throws(ScoreError) {
    let trained = model.layout.entries.filter(\.isTrainable).map(\.name)
    var chosen: Set<String> = []
    for name in names {
      let found = trained.filter { $0 == name || $0.hasPrefix(name + ".") }
      guard !name.isEmpty, !found.isEmpty else {
        let isKnown = model.layout.entries.contains {
          $0.name == name || !name.isEmpty && $0.name.hasPrefix(name + ".")
        }
        let known = trained.prefix(Self.mostNamed).map { FormatError.quoted($0) }
        throw .mismatch(
          "found the layer \(FormatError.quoted(name))\(isKnown ? ", which is not trained" : ""), "
            + "expected the name of a parameter or of a module above it: "
            + known.joined(separator: ", ") + (trained.count > known.count ? ", …" : ""))
      }
      chosen.formUnion(found)
    }
    self = .parameters(chosen)
  }

  /// Names that an error lists.
  private static let mostNamed = 12
}
