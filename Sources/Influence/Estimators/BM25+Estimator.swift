public import Training

extension BM25: TextEstimator {
  /// The name on the command line.
  public static let name = "bm25"
  /// One line for listings.
  public static let summary = "words that a passage shares with the query; needs a run of text"

  /// What a score says.
  public static let meaning =
    "A score says how much of the query's wording stands in a passage: the rarer a word that both "
    + "have, the more it counts. It says nothing of the model."

  /// Words have no unit.
  public static func unit(_ measure: Measure, loss: Loss, weights: CheckpointWeights) -> String? {
    nil
  }

  /// Each query against the index of all passages.
  public static func scores(of passages: [[UInt8]], for queries: [[UInt8]]) -> [[Double]] {
    let index = BM25(passages: passages)
    return queries.map(index.scores)
  }
}
