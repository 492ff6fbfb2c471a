import Formats
import Influence
import Reporting
import Testing

@Suite("evaluations in every format")
struct EvaluationTests {
  private let sample = ScoreReport.Evaluation(
    metric: "lds", summary: "rank correlation", queryCount: 50,
    trials: [
      .init(name: "5 % removed", retrainings: 100, seconds: 1.25),
      .init(name: "50 % removed", retrainings: 100, seconds: 1.5),
    ],
    methods: [
      .init(
        name: "marginal",
        figures: [
          .init(mean: 0.99812, interval: 0.997...0.999, queries: 50),
          .init(mean: 0.8755, interval: nil, queries: 50),
        ], seconds: 0.5),
      .init(
        name: "integrated",
        figures: [
          .init(mean: nil, interval: nil, queries: 44),
          .init(mean: -0.5, interval: nil, queries: 43),
        ],
        refusals: (0..<6).map { .init("test:\($0)", "the rows miss the change by \($0)") },
        seconds: 12),
    ])

  private var report: ScoreReport { Sample.report([.evaluation(sample)]) }

  @Test("people read means, intervals, what was refused and how long it took")
  func people() {
    for text in [TerminalReport.render(report), HTMLReport.render(report)] {
      for words in [
        "lds: rank correlation", "5 % removed", "0.998 [0.997, 0.999]", "−0.500", "44, 43",
        "5 % removed: 100 retrainings in",
      ] {
        #expect(text.contains(words), "\(words)")
      }
      #expect(!text.contains("There are no queries"))
    }
    let text = TerminalReport.render(report, style: .init(width: 1000))
    #expect(
      text.contains(
        """
        integrated is refused for 6 of 50 queries, which do not count: test:0, test:1, test:2, \
        test:3, test:4 and 1 more. test:0: the rows miss the change by 0.
        """))
    #expect(!text.contains("marginal is refused"))
  }

  @Test("programs read every number")
  func programs() throws {
    let lines = try JSONLinesReport.results(report).split(separator: "\n").map {
      try JSONValue(ByteSource(Array($0.utf8), name: "line"))
    }
    #expect(lines.count == 6)
    #expect(lines[0]["seconds"]?.double == 1.25 && lines[1]["trial"]?.string == "50 % removed")
    #expect(lines[2]["mean"]?.double == 0.99812 && lines[2]["high"]?.double == 0.999)
    #expect(lines[4]["mean"] == .null && lines[4]["refusals"]?.array?.count == 6)
    let table = try parseCSV(CSVReport.render(report))
    #expect(table.count == 5 && table.allSatisfy { $0.count == table[0].count })
    #expect(table[1].prefix(4) == ["lds", "marginal", "5 % removed", "0.99812"])
    #expect(table[3][3] == "" && table[3][7] == "6")
  }
}
