import Foundation
import Palimpsest
import Testing

@Suite("The demo")
struct DemoTests {
  @Test("ten outputs with five supporters and opponents, two checks, a report; and again")
  func demo() async throws {
    let room = try Room()
    let first = try await room.done("demo", "--out", "demo", "--threads", "2")
    let lines = first.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.suffix(2) == ["report: demo/report.html", ""])
    for query in 0..<10 {
      let start = try #require(lines.firstIndex { $0.hasPrefix("test:\(query)  label ") })
      let own = lines[(start + 1)...].prefix { !$0.isEmpty }
      #expect(own.contains { $0.contains("equal contributors among 1\u{202f}500 items") })
      for rank in 1...5 {
        let row = try #require(own.first { $0.hasPrefix("  \(rank)  train:") })
        #expect(row.components(separatedBy: "  train:").count == 3)
        #expect(row.contains("+") && row.contains("\u{2212}"))
      }
    }
    #expect(lines.contains("Trained again to check"))
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: room.path("demo"))) == [
        "report.html", "run", "scores.npy",
      ])
    #expect(try StoredArray.read(path: room.path("demo/scores.npy")).shape == [10, 1500])
    #expect(try room.text("demo/report.html").contains("data:image/png"))

    let before = try room.contents()
    let second = try await room.done("demo", "--out", "demo", "--threads", "2")
    #expect(second.output == first.output)
    #expect(try room.contents() == before)

    try room.write([1], to: "demo/mine.txt")
    let third = try await room.run(["demo", "--out", "demo"])
    #expect(third.status == 73 && third.errors.contains("found mine.txt"))
  }
}
