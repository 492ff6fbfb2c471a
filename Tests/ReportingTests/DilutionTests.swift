import Formats
import Influence
import Reporting
import RealModule
import Testing

@Suite("dilution in every format")
struct DilutionTests {
  private static let setting: DilutionSetting = {
    var setting = DilutionSetting(
      base: DilutionPoint(items: 100, copies: 1, epochs: 10, width: 8),
      values: [.items: [25, 100, 400], .copies: [1, 4, 16]])
    (setting.seeds, setting.watched) = (3, 1)
    return setting
  }()

  /// Shares that fall like 1/N.
  ///
  /// The effect falls for typical items and grows for others; one copy
  /// of many does little, all of them do as much as one alone.
  private static let outcomes = setting.cells.map { cell -> [WatchedOutcome] in
    let (items, copies) = (Double(cell.point.items), Double(cell.point.copies))
    // Seeds differ a little, so that there is something to be sure in spite of.
    let noise = 1 + 0.02 * Double(cell.seed) * (items == 100 ? 1 : -1)
    let effect = (cell.kind == .typical ? 50 / items : 3 + items / 400) * noise
    return [
      WatchedOutcome(
        source: 3, label: 4, logProbability: -0.1, share: 5 / items / copies.squareRoot() * noise,
        shareOfAll: 5 / items * copies.squareRoot() * noise, contributors: items / 5 * noise,
        rank: 1, effectOfOne: effect / copies, effectOfAll: effect, predictedOfOne: effect / 2,
        predictedOfAll: nil, residual: 1e-6)
    ]
  }

  private static let inversion = InversionSetting(batchSizes: [1, 8, 64], seeds: 2)

  private static let gradients = inversion.cells.map { cell in
    InversionOutcome(
      exclusive: min(cell.batchSize, 5),
      closedForm: .init(
        claimed: min(cell.batchSize, 8), recovered: min(cell.batchSize, 8), error: 0),
      matching: .init(
        claimed: cell.batchSize, recovered: cell.batchSize == 1 ? 1 : Int(cell.seed), error: 0.1),
      labels: cell.batchSize, difference: 1e-7, pictures: [])
  }

  static let report: ScoreReport = {
    let image = PixelImage(width: 2, height: 2, ink: [0, 0.5, 1, 0])
    let picture = ScoreReport.Inversion.Picture(
      batchSize: 8, item: .init(id: Sample.hostile, label: "4", content: .image(image)),
      closedForm: image, matched: nil)
    return Sample.report(
      [
        .dilution(.init(setting: setting, outcomes: outcomes)),
        .inversion(.init(setting: inversion, outcomes: gradients, pictures: [picture])),
      ], items: 100, unit: "nats of log probability")
  }()

  @Test("where the claim holds and where it fails is said with the numbers")
  func sentences() {
    let text = TerminalReport.render(Self.report, style: .init(width: 1000))
    for words in [
      "Typical items, 25 to 400 items: the cocktail claim holds, for the share and for the effect: "
        + "the share of an item in its own output falls from 20 % to 1.2 % (exponent −1.00 [",
      "Mislabelled items, 25 to 400 items: the cocktail claim holds for the share and fails for the "
        + "effect: the share",
      "what leaving it out takes from it grows from 3.0 to 3.9 nats (exponent 0.10 [",
      "what leaving one copy out takes from it falls from 3.3 to 0.21 nats (exponent −1.00 [",
      "what leaving all copies out takes from it goes from 3.3 to 3.3 nats, neither surely falling "
        + "nor surely growing (exponent 0.00 [",
      "Random items, 1 to 16 copies: the cocktail claim holds for the share of one copy and fails "
        + "for the effect of all copies together",
      "from the first value to the last, fails where it leaves more",
      "all inputs are read up to 8 in one gradient; of 64, 8 are.",
      "By a search for inputs with the same gradient all inputs are read up to 1 in one gradient; of "
        + "64, 0.5 are.",
      "3.0 (1.5)",
    ] {
      #expect(text.contains(words.replacing(" %", with: "\u{202f}%")), "\(words)")
    }
    #expect(!text.contains("There are no queries"))
  }

  @Test("a fall that is sure and tiny does not bear out the claim")
  func tinyFall() throws {
    var outcomes = Self.outcomes
    for (place, cell) in Self.setting.cells.enumerated() {
      outcomes[place][0].effectOfAll = 3 * (1 - 0.05 * Double.log(Double(cell.point.items) / 25))
      outcomes[place][0].effectOfOne = outcomes[place][0].effectOfAll
      outcomes[place][0].share *= 1 + 1e-4 * Double(cell.seed)
    }
    let dilution = ScoreReport.Dilution(setting: Self.setting, outcomes: outcomes)
    let curve = try #require(dilution.curves.first { $0.quantity == .effectOfAll })
    #expect(curve.trend == .falls && curve.claim == .fails)
    // A seventh of it is gone over sixteen times the items.
    #expect(abs((curve.remaining?.part ?? 0) - 0.86) < 0.01)
    let text = TerminalReport.render(
      Sample.report([.dilution(dilution)]), style: .init(width: 1000))
    #expect(
      text.contains(
        "25 to 400 items: the cocktail claim holds for the share and fails for the effect: "))
    #expect(text.contains("what leaving it out takes from it falls from 3.0 to 2.6 nats"))
  }

  @Test("programs read every place, every exponent and every size")
  func programs() throws {
    let lines = try JSONLinesReport.results(Self.report).split(separator: "\n").map {
      try JSONValue(ByteSource(Array($0.utf8), name: "line"))
    }
    func every(_ kind: String) -> [JSONValue] { lines.filter { $0["kind"]?.string == kind } }
    // Three values on two axes for three kinds; six quantities each.
    #expect(every("dilution").count == 18 && every("exponent").count == 36)
    #expect(every("inversion").count == 3 && every("finding").count == 6 + 2)
    let place = try #require(every("dilution").first)
    #expect(place["items"] == .number(25) && place["watched"]?.string == "typical")
    #expect(place["share"]?["low"]?.double ?? 9 < place["share"]?["mean"]?.double ?? 0)
    #expect(place["effectOfAll"]?["predicted"] == .null)
    let exponent = try #require(every("exponent").first)
    #expect(abs((exponent["exponent"]?.double ?? 0) + 1) < 0.01)
    #expect(exponent["high"]?.double ?? 0 < 0 && exponent["refusal"] == .null)
    #expect(every("inversion")[2]["closedForm"]?["mean"]?.double == 8)

    let table = try parseCSV(CSVReport.render(Self.report))
    #expect(table.allSatisfy { $0.count == table[0].count })
    #expect(table.count { $0[0] == "point" } == 108 && table.count { $0[0] == "exponent" } == 36)
    #expect(
      table.contains(["inversion", "inputs", "", "closedForm", "64", "8.0", "8.0", "8.0", ""]))
  }

  @Test("every point of a curve can be reached and read")
  func curves() {
    let page = HTMLReport.render(Self.report)
    // Four quantities without copies, six with them; nine points each; nine of the inverted gradients.
    let points = page.ranges(of: "class=\"point\" tabindex=\"0\" role=\"img\" aria-label=").count
    #expect(points == 9 * (4 + 6) + 9)
    #expect(page.contains("aria-label=\"mislabelled, 400 items: 3.9 nats [3.7, 4.1]\""))
    #expect(page.contains("not read") && !page.contains("<script"))
    #expect(!page.contains(/"-?(nan|inf)/))
  }

  @Test("what has no logarithm is left out of the drawing and named")
  func negative() {
    var outcomes = Self.outcomes
    for place in outcomes.indices { outcomes[place][0].effectOfOne = -1 }
    let report = Sample.report([
      .dilution(.init(setting: Self.setting, outcomes: outcomes))
    ])
    #expect(
      TerminalReport.render(report, style: .init(width: 1000))
        .contains("without an exponent, as the mean at 25 is not safely above zero"))
    let page = HTMLReport.render(report)
    #expect(page.contains("nothing can be claimed") && !page.contains(/"-?(nan|inf)/))
  }
}
