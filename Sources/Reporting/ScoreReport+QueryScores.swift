public import Influence

extension ScoreReport {
  /// What the scores of one query come to.
  public struct QueryScores: Sendable {
    /// The query.
    public var query: Item
    /// Its measure, in the measure's own unit.
    public var measured: Double
    /// How concentrated its scores are; nil where not all of them were computed, or refused.
    public var cocktail: Cocktail?
    /// Why the method has no scores for it; nil where it has.
    public var refusal: String?
    /// Why all scores are zero; nil where one is not, or where the zeros were measured.
    public var zeroReason: String?
    /// Scores above zero, the highest first; fewer than were asked for where fewer items support
    /// the output.
    public let supporters: [ScoredItem]
    /// Scores below zero, the lowest first; fewer than were asked for where fewer items oppose the
    /// output.
    public let opponents: [ScoredItem]
    /// The items and groups that were asked for, in that order.
    public var shown: [Standing] = []

    /// The strongest items of a query; those whose scores have the wrong sign are left out.
    public init(
      query: Item, measured: Double, cocktail: Cocktail?, supporters: [ScoredItem],
      opponents: [ScoredItem]
    ) {
      self.query = query
      self.measured = measured
      self.cocktail = cocktail
      self.supporters = supporters.filter { $0.score > 0 }
      self.opponents = opponents.filter { $0.score < 0 }
    }

    /// A query that the method has no scores for.
    public init(query: Item, measured: Double, refusal: String) {
      self.init(query: query, measured: measured, cocktail: nil, supporters: [], opponents: [])
      self.refusal = refusal
    }

    /// The strongest items of a query, each looked up by its number.
    public init(
      query: Item, measured: Double, cocktail: Cocktail?, top: TopItems,
      zeroReason: String? = nil, item: (Int) -> Item
    ) {
      func lookUp(_ ranked: [RankedItem]) -> [ScoredItem] {
        ranked.map { ScoredItem(number: $0.item, item: item($0.item), score: $0.score) }
      }
      self.init(
        query: query, measured: measured, cocktail: cocktail, supporters: lookUp(top.supporters),
        opponents: lookUp(top.opponents))
      self.zeroReason = zeroReason
    }
  }

  /// A training item with its score for a query.
  public struct ScoredItem: Sendable {
    /// Its row in the training set.
    public var number: Int
    /// The item.
    public var item: Item
    /// Positive where it supports the output.
    public var score: Double

    /// An item with its score.
    public init(number: Int, item: Item, score: Double) {
      self.number = number
      self.item = item
      self.score = score
    }
  }

  /// A training item or a query.
  public struct Item: Sendable {
    /// What a person can look at.
    public enum Content: Sendable {
      /// A picture.
      case image(PixelImage)
      /// A text.
      case text(String)
    }

    /// Its name, such as `train:17`.
    public var id: String
    /// Its row in the data, where the name does not tell it.
    public var number: Int?
    /// Its label or target in words; empty for none.
    public var label: String
    /// Its owner, document or source; empty for none.
    public var group: String
    /// The item itself; nil where it cannot be shown.
    public var content: Content?

    /// An item.
    public init(
      id: String, number: Int? = nil, label: String = "", group: String = "",
      content: Content? = nil
    ) {
      self.id = id
      self.number = number
      self.label = label
      self.group = group
      self.content = content
    }

    /// The name with the number, as people see it: `train:17`, or `Ann (17)`.
    public var title: String { title(clippedTo: .max) }

    /// The same with at most so many characters of the name.
    func title(clippedTo limit: Int) -> String {
      id.plainLine.clipped(to: limit) + (number.map { " (\($0))" } ?? "")
    }
  }
}
