import Foundation
import Influence
import TensorCore
import Training

// What several formats for people say of a trace in the same words.

extension ScoreReport.TracedText {
  /// A document's path and bytes.
  func name(_ place: TextPlace) -> String {
    "\(corpus.documents[place.document].path):\(place.bytes.lowerBound)..<\(place.bytes.upperBound)"
  }

  /// What the output as a whole comes to.
  var sentence: String {
    func bytes(_ isCounted: (TraceSpan) -> Bool) -> Int {
      trace.spans.filter(isCounted).reduce(0) { $0 + $1.bytes.count }
    }
    let all = bytes { _ in true }
    let counted = Verdict.allCases.compactMap { verdict -> String? in
      let own = bytes { $0.verdict == verdict }
      return own > 0 ? "\(HumanNumber.percent(Double(own) / Double(all))) \(verdict.rawValue)" : nil
    }
    guard !counted.isEmpty else {
      return "Of the \(HumanNumber.count(all)) predicted bytes, "
        + "\(HumanNumber.count(bytes { $0.match != nil })) are in spans with a verbatim match in the "
        + "documents. Nothing was trained again, so there is no verdict on what caused them."
    }
    return "Of the \(HumanNumber.count(all)) predicted bytes, \(Self.list(counted))."
  }

  /// What a span is, with the numbers that say so.
  func verdict(_ span: TraceSpan) -> String {
    [matched(span), outcome(span)].compactMap { $0 }.joined(separator: " ")
  }

  private func matched(_ span: TraceSpan) -> String {
    guard let match = span.match else {
      return
        "No stretch of it stands verbatim in the documents that their language does not explain."
    }
    let others = match.places.count - 1
    let own = corpus.passages[span.source.passage]
    let place =
      match.places.first {
        $0.document == own.document && !$0.bytes.clamped(to: own.bytes).isEmpty
      } ?? match.places[0]
    return
      "\(HumanNumber.count(match.bytes.count)) of its \(HumanNumber.count(span.bytes.count)) bytes "
      + "stand verbatim in \(name(place))"
      + (others > 0
        ? " and in \(HumanNumber.count(others)) other place\(others == 1 ? "" : "s")" : "")
      + ", a surprise of \(HumanNumber.significant(match.surprise.bits)) bits."
  }

  private func outcome(_ span: TraceSpan) -> String? {
    guard let verdict = span.verdict, let passage = span.counterfactual(.passage),
      let copies = span.counterfactual(.copies), let document = span.counterfactual(.document)
    else { return nil }
    let path = corpus.documents[corpus.passages[span.source.passage].document].path
    let isMany = copies.passages.count > 1
    let all = isMany ? "all \(HumanNumber.count(copies.passages.count)) copies" : "the passage"
    switch verdict {
    case .copiedAndCaused:
      let others =
        isMany && trace.thresholds.leastDrop > -passage.change
        ? " One passage less moves it by \(Self.nats(passage.change)) only; without \(all) it "
          + "\(Self.move(copies))." : ""
      return "Without \(path) it \(Self.move(document))\(Self.control(document)).\(others)"
    case .availableElsewhere:
      let alone = "Without \(path) alone it \(Self.move(document))"
      if isCaused(document) {
        return "\(alone)\(Self.control(document)), and without \(all) it \(Self.move(copies))"
          + "\(Self.control(copies)): the two do not agree, or the source has no credit, so it does "
          + "not count as caused."
      }
      if isMany, isCaused(copies) {
        return
          "\(alone)\(isBlurred(document) ? Self.control(document) : ""): other copies carry it. "
          + "Without \(all) it \(Self.move(copies))\(Self.control(copies))."
      }
      if isBlurred(document) || isBlurred(copies) {
        return "\(alone)\(Self.control(document)), and without \(all) it \(Self.move(copies))"
          + "\(Self.control(copies)): too little beside what chance does."
      }
      return "\(alone), and without \(all) it \(Self.move(copies)): the model writes it without "
        + "\(isMany ? "them" : "it")."
    case .causedNotCopied:
      let like = copies.passages.count - 1
      return "Without \(corpus.id(of: span.source.passage)), which has most credit"
        + (like > 0 ? ", and \(HumanNumber.count(like)) like it" : "")
        + ", it \(Self.move(copies))\(Self.control(copies))."
    case .neither:
      return "Without \(corpus.id(of: span.source.passage)), which has most credit, it "
        + "\(Self.move(copies))\(Self.control(copies))."
    }
  }

  /// Whether log p falls far enough.
  private func isCaused(_ outcome: Counterfactual) -> Bool {
    -outcome.change >= trace.thresholds.neededDrop(control: outcome.control)
  }

  /// Whether it would fall far enough if chance moved it less.
  private func isBlurred(_ outcome: Counterfactual) -> Bool {
    !isCaused(outcome) && -outcome.change >= trace.thresholds.leastDrop
  }

  /// How the probability moves: `falls by 45.1 nats, to 3 × 10⁻²⁰ of what it was`.
  private static func move(_ outcome: Counterfactual) -> String {
    let change = outcome.change
    if abs(change) < 0.005 { return "stays as probable" }
    let size = HumanNumber.significant(abs(change))
    return change > 0
      ? "becomes more probable by \(size) nats"
      : "falls by \(size) nats, to \(HumanNumber.significant(exp(change), digits: 2)) of its "
        + "probability"
  }

  private static func control(_ outcome: Counterfactual) -> String {
    guard let control = outcome.control else { return "" }
    let count = outcome.passages.count
    return ", while \(count == 1 ? "a passage" : "\(HumanNumber.count(count)) passages") drawn by "
      + "chance move\(count == 1 ? "s" : "") it by \(nats(control))"
  }

  private static func nats(_ value: Double) -> String {
    "\(HumanNumber.signed(value, digits: 2)) nats"
  }

  private static func list(_ parts: [String]) -> String {
    parts.count < 2
      ? parts.joined() : parts.dropLast().joined(separator: ", ") + " and \(parts[parts.count - 1])"
  }

  /// What is left out, in words.
  func name(_ outcome: Counterfactual, _ span: TraceSpan) -> String {
    let passage = span.source.passage
    switch outcome.kind {
    case .passage: return corpus.id(of: passage)
    case .copies: return "it and all its copies"
    case .document:
      return "all of \(corpus.documents[corpus.passages[passage].document].path)"
    case .named:
      let document = outcome.passages.first.map { corpus.passages[$0].document }
      return "all of \(document.map { corpus.documents[$0].path } ?? "")"
    }
  }

  /// p / p_safe as people read it.
  static func ratio(_ outcome: Counterfactual) -> String {
    HumanNumber.significant(exp(outcome.logRatio), digits: 2)
  }

  /// The change that a column foresees for what is left out.
  static func foreseen(
    _ outcome: Counterfactual, _ span: TraceSpan, _ column: LedgerColumn
  ) -> String {
    span.holding(column, of: outcome.passages).map { HumanNumber.signed(-$0) } ?? "–"
  }

  /// When a span counts as copied and as caused.
  var criteria: String {
    let thresholds = trace.thresholds
    let copied =
      "Copied: verbatim matches of at least \(HumanNumber.significant(thresholds.leastBits)) bits "
      + "of surprise cover \(HumanNumber.percent(thresholds.leastCopiedShare)) of the span."
    let outcomes = trace.spans.flatMap(\.counterfactuals)
    guard !outcomes.isEmpty else { return copied }
    let controls =
      outcomes.contains { $0.control != nil }
      ? ", and \(HumanNumber.significant(thresholds.controlFactor)) times as far as leaving out as "
        + "many other passages moves it" : ""
    return
      "\(copied) Caused: its source has credit, and training again without the source lowers log p "
      + "by at least \(HumanNumber.significant(thresholds.leastDrop)) nats\(controls). Copied and "
      + "caused: so without the one document, and without all copies; copied but available elsewhere: "
      + "copied otherwise."
  }

  /// What the columns of the passages mean.
  static let columnLegend =
    "Credit and marginal in nats of log p, positive where the passage supports the span; share: of "
    + "the gross credit; BM25: shared words, without a unit."

  /// A token's text as one visible line.
  func tokenText(_ token: Int) -> String {
    let text = self.text(trace.output.bytes(of: token..<token + 1))
    return text.replacingOccurrences(of: "\n", with: "⏎").replacingOccurrences(of: "\t", with: "⇥")
  }
}
