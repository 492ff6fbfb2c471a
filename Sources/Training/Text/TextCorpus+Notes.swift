import Formats

extension TextCorpus {
  /// What a person should know before trusting what the corpus gives, a line each.
  public var notes: [String] {
    var notes: [String] = []
    let short = documents.filter { $0.text.count < 2 }
    if let first = short.first {
      notes.append(
        "\(short.count) of \(documents.count) files have fewer than two tokens, and so no passage: "
          + FormatError.quoted(first.path) + (short.count > 1 ? " and others" : ""))
    }
    if let leak = leakedDocuments.first {
      notes.append(
        "\(leakedDocuments.count) of \(documents.filter(\.isHeldOut).count) held-out documents "
          + "resemble some that are learnt, such as \(FormatError.quoted(documents[leak.heldOut].path)) "
          + "and \(FormatError.quoted(documents[leak.learnt].path)): they are not new to the model")
    }
    let heldOut = passages.count - trainCount
    if leakedPassages > 0 {
      notes.append(
        "\(leakedPassages) of \(heldOut) held-out passages are equal or similar to some that are "
          + "learnt: the held-out loss is lower for them")
    }
    return notes
  }

  /// The held-out documents of whose near copies some are learnt, each with the first of those.
  private var leakedDocuments: [(heldOut: Int, learnt: Int)] {
    var learnt: [Int: Int] = [:]
    for (number, document) in documents.enumerated() where !document.isHeldOut {
      learnt[document.nearGroup] = learnt[document.nearGroup] ?? number
    }
    return documents.indices.compactMap { number in
      documents[number].isHeldOut
        ? learnt[documents[number].nearGroup].map { (number, $0) } : nil
    }
  }

  /// The number of held-out passages of whose near copies some are learnt.
  private var leakedPassages: Int {
    let learnt = Set(trainPassages.map(\.nearGroup))
    return heldOutPassages.count { learnt.contains($0.nearGroup) }
  }

  /// The passages that have a copy with the same bytes.
  public var exactCopies: Int { Self.shared(passages.map(\.exactGroup)) }

  /// The passages that have an equal or a similar one.
  public var nearCopies: Int { Self.shared(passages.map(\.nearGroup)) }

  /// The number of members of groups of two or more.
  private static func shared(_ groups: [Int]) -> Int {
    var sizes: [Int: Int] = [:]
    for group in groups { sizes[group, default: 0] += 1 }
    return sizes.values.reduce(0) { $0 + ($1 > 1 ? $1 : 0) }
  }
}
