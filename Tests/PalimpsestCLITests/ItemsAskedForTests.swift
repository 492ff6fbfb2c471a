import Foundation
import Palimpsest
import Testing

/// How items are named on the command line, and found again in what comes out.
@Suite("Items asked for")
struct ItemsAskedForTests {
  private let room: Room

  /// A run whose items have names and owners: ids `a0` … `a36`, then names that look like something
  /// else, and groups Ann (items 0 to 9), Bob, and a third that is called like an id.
  init() async throws {
    room = try Room()
    try room.writeItems()
    let odd = ["5", "1-3", "x,y"]
    let ids = (0..<37).map { "a\($0)" } + odd
    try room.write(ids.map { "\($0)\n" }.joined().utf8, to: "ids.txt")
    let groups = (0..<40).map { $0 < 10 ? "Ann" : $0 < 30 ? "Bob, the elder" : "a0" }
    try room.write(groups.map { "\($0)\n" }.joined().utf8, to: "groups.txt")
    let outcome = try await room.run(
      Room.training + ["--out", "run", "--train-ids", "ids.txt", "--train-groups", "groups.txt"])
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  /// The ids of the queries that an option stands for.
  private func queries(_ text: String) async throws -> [String] {
    try await room.done("score", "run", "--query", text, "--top", "0", "--json").json.dropFirst()
      .compactMap { $0["id"]?.string }
  }

  @Test(
    "queries are ranges that a shell leaves alone, ids, labels and groups",
    arguments: [
      ("test:3", ["test:3"]), ("test:2-4", ["test:2", "test:3", "test:4"]),
      ("test:2:4", ["test:2", "test:3"]), ("test:2..<4", ["test:2", "test:3"]),
      ("test:5,0,2-3", ["test:5", "test:0", "test:2", "test:3"]), ("0:2", ["test:0", "test:1"]),
      ("4", ["test:4"]), ("1,0", ["test:1", "test:0"]), ("train:7", ["a7"]), ("a7", ["a7"]),
      ("id:5", ["5"]), ("train:id:1-3", ["1-3"]), ("train:x,y", ["x,y"]), ("x,y", ["x,y"]),
      ("a1,a3", ["a1", "a3"]), ("group:Ann", (0..<10).map { "a\($0)" }),
      ("train:group=Ann", (0..<10).map { "a\($0)" }), ("Ann", (0..<10).map { "a\($0)" }),
    ] as [(String, [String])])
  func named(_ text: String, _ expected: [String]) async throws {
    #expect(try await queries(text) == expected)
  }

  @Test("a part alone is all of it") func parts() async throws {
    #expect(try await queries("test") == (0..<8).map { "test:\($0)" })
    #expect(try await queries("train").count == 40)
  }

  @Test(
    "what is none of these, or two of them, is refused in words",
    arguments: [
      ("test:8", ["found item 8", "test items of 0 to 7"]),
      ("test:6-8", ["\"6-8\"", "0 to 7"]), ("test:0:9", ["\"0:9\"", "0 to 7"]),
      ("test:4-2", ["smaller number first"]), ("test:4:4", ["holds no item", "4:5 is item 4"]),
      ("test:0-9223372036854775807", ["expected test:3"]),
      ("test:0-9223372036854775806", ["0 to 7"]), ("test:", ["expected test:3, test:0-49"]),
      ("test:1,1", ["item 1 twice"]), ("test:1,", ["expected test:3"]), ("", ["--query"]),
      ("test:0..", ["shell"]), ("nobody", ["expected test:3", "an id or a group"]),
      ("-3", ["--query"]), ("test:+3", ["expected test:3"]), ("test:label=9", ["no test item"]),
      ("train:5", ["may be item 5 or 37", "id:5"]),
      ("train:1-3", ["id:1-3", "1:4 for the numbers"]),
      ("0,5", ["may be item 5 or 37"]), ("a0", ["several things", "id:a0", "group:a0"]),
      ("group:Zed", ["expected the group"]), ("id:zed", ["expected the id"]),
    ] as [(String, [String])])
  func refused(_ text: String, _ words: [String]) async throws {
    let outcome = try await room.run(["score", "run", "--query=\(text)", "--top", "0"])
    #expect(outcome.status == 64 && !outcome.isSignalled, "\(outcome.errors)")
    for word in words { #expect(outcome.errors.contains(word), "\(text): \(outcome.errors)") }
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }

  @Test("items are left out by the same names") func without() async throws {
    func removed(_ text: String) async throws -> (name: String?, actual: Double?) {
      let line = try await room.done(
        "retrain", "run", "--without", text, "--query", "test:0", "--columns", "credit", "--json"
      ).json[1]
      return (line["removed"]?.string, line["actual"]?.double)
    }
    let ann = try await removed("0-9")
    for text in ["0:10", "0..<10", "train:0-9", "Ann", "group:Ann"] {
      let other = try await removed(text)
      #expect(other.actual == ann.actual, "\(text)")
      #expect(text.contains("Ann") == (other.name == "group Ann, 10 items"))
    }
    // An id that is called like a group has to be told from it.
    #expect(try await removed("id:a0").name == "a0 (0)")
    let either = try await room.run(["retrain", "run", "--without", "a0", "--query", "test:0"])
    #expect(either.status == 64 && either.errors.contains("write id:a0 for the id, or group:a0"))
    #expect(try await removed("id:a0,id:a1").actual == removed("0,1").actual)
    #expect(try await removed("group:a0").name == "group a0, 10 items")
  }

  @Test("an owner finds an item and a group in every output of a score") func score() async throws {
    let query = ["--query", "test:0", "--query", "test:1", "--top", "1"]
    let show = ["--show", "a7", "--show", "group:Bob, the elder", "--show", "39"]
    let outcome = try await room.run(
      [
        "score", "run", "--scores", "s.npy", "--json", "--out", "s.html", "-o", "s.csv", "--out",
        "s.txt",
      ] + query + show)
    try #require(outcome.status == 0, "\(outcome.errors)")
    let scores: Tensor<Double> = try room.array("s.npy")
    for (row, line) in try outcome.json.dropFirst().enumerated() {
      let own = scores.row(row).scalars
      let shown = try #require(line["shown"]?.array)
      try #require(shown.count == 3)
      for (place, item) in [(0, 7), (2, 39)] {
        #expect(shown[place]["item"] == .number(item))
        #expect(shown[place]["score"]?.double == own[item])
        let rank =
          1 + own.indices.count { own[$0] > own[item] || own[$0] == own[item] && $0 < item }
        #expect(shown[place]["rank"] == .number(rank))
      }
      let bob = own[10..<30].reduce(0, +)
      #expect(shown[1]["group"]?.string == "Bob, the elder" && shown[1]["items"] == .number(20))
      #expect(abs((shown[1]["score"]?.double ?? 0) - bob) < 1e-12)
      #expect(shown[1]["rank"] == .null && shown[1]["item"] == .null)
    }
    let csv = try room.text("s.csv").split(separator: "\r\n").dropFirst()
    #expect(csv.count { $0.contains(",shown,") } == 4 && csv.count { $0.contains(",group,") } == 2)
    for name in ["s.html", "s.txt"] {
      let text = try room.text(name)
      #expect(text.contains("a7 (7)") && text.contains("group Bob, the elder"), "\(name)")
      #expect(text.contains(" of 40"))
    }
    #expect(try room.text("s.txt").contains("asked for"))
    for method in ["marginal", "grad-cos"] {
      let other = try await room.run(["score", "run", "--method", method] + query + show)
      #expect(other.output.contains("a7 (7)") && other.output.contains("group Bob"))
    }
  }

  @Test("and of an account, in which no group is dropped") func ledger() async throws {
    let query = ["--query", "test:0", "--top", "1", "--columns", "credit,marginal"]
    let show = ["--show", "x,y", "--show", "group:Ann"]
    let text = try await room.run(["ledger", "run", "--out", "l.csv"] + query + show)
    try #require(text.status == 0, "\(text.errors)")
    for name in ["Ann", "Bob, the elder", "a0", "x,y (39)", "asked for"] {
      #expect(text.output.contains(name), "\(name)")
    }
    let account = try #require(
      try await room.run(["ledger", "run", "--json"] + query + show).json.first)
    let shown = try #require(account["shown"]?.array)
    #expect(shown[0]["item"] == .number(39) && shown[0]["rank"]?.integer(Int.self) != nil)
    #expect(shown[0]["credit"]?.double != nil && shown[0]["marginal"]?.double != nil)
    let ann = try #require(account["groups"]?.array?.first { $0["group"]?.string == "Ann" })
    #expect(shown[1]["group"]?.string == "Ann" && shown[1]["credit"] == ann["credit"]?["sum"])
    let rows = try room.text("l.csv").split(separator: "\r\n").dropFirst()
    #expect(
      rows.count { $0.contains(",item,") } == 40 && rows.count { $0.contains(",group,") } == 1)
    // But for the command, which can be copied.
    let lines = text.output.split(separator: "\n").filter { !$0.contains("palimpsest ledger") }
    #expect(lines.allSatisfy { $0.count <= 80 })
  }

  @Test("and of self-influences, which have reports of their own") func selfInfluence() async throws
  {
    let values = ["self-influence", "run", "--top", "2", "--show", "a20", "--show", "Ann"]
    let reports = ["--out", "s.html", "--out", "s.jsonl", "--out", "s.csv", "--scores", "s.npy"]
    let text = try await room.run(values + reports)
    try #require(text.status == 0, "\(text.errors)")
    #expect(text.output.contains("a20 (20)") && text.output.contains("group Ann"))
    let own: Tensor<Double> = try room.array("s.npy")
    let order = (0..<40).sorted { (own.scalars[$0], $1) > (own.scalars[$1], $0) }
    let lines = try jsonLines(room.text("s.jsonl"))
    let items = lines.filter { $0["kind"]?.string == "selfInfluence" }
    #expect(items.map { $0["item"]?.integer(Int.self) ?? -1 } == order)
    #expect(items.map { $0["value"]?.double ?? 0 } == order.map { own.scalars[$0] })
    #expect(lines.count { $0["kind"]?.string == "shown" } == 2)
    #expect(try room.text("s.csv").split(separator: "\r\n").count == 42)
    #expect(try room.text("s.html").contains("a20 (20)"))
    let json = try await room.run(values + ["--json"]).json
    #expect(json.count == 4 && json[2]["item"] == .number(20) && json[3]["items"] == .number(10))
    let rank = (order.firstIndex(of: 20) ?? -1) + 1
    #expect(json[2]["rank"] == .number(rank))
  }

  @Test("what is shown has to be there") func shownNothing() async throws {
    for (text, word) in [
      ("zed", "an id, or a group"), ("40", "0 to 39"), ("5", "may be item 5 or 37"),
      ("", "found \"\""),
    ] {
      for command in ["score", "ledger", "self-influence"] {
        let outcome = try await room.run([command, "run", "--show", text])
        #expect(outcome.status == 64 && outcome.errors.contains(word), "\(outcome.errors)")
      }
    }
    let quick = try await room.run(["score", "run", "--top-only", "--show", "7"])
    #expect(quick.status == 64 && quick.errors.contains("--show"))
  }
}
