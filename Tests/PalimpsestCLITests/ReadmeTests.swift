import Foundation
import Testing

@Suite("README")
struct ReadmeTests {
  @Test("the library example is the program that is built, to the letter")
  func sameText() throws {
    let readme = try String(contentsOfFile: repositoryFile("README.md"), encoding: .utf8)
    let parts = readme.components(separatedBy: "<!-- library-example -->\n")
    try #require(parts.count == 3)
    let program = try String(
      contentsOfFile: repositoryFile("Tests/ReadmeExample/main.swift"), encoding: .utf8)
    #expect(parts[1] == "```swift\n\(program)```\n")
  }

  @Test("the library example runs and prints three supporters of each of two digits")
  func runs() async throws {
    let room = try Room()
    let outcome = try await room.run("ReadmeExample", [])
    try #require(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    try #require(lines.count == 8)
    for query in 0..<2 {
      let own = lines[4 * query..<4 * query + 4]
      let head = try #require(own.first)
      let contributors = try #require(
        head.wholeMatch(of: /test:(\d) has (\d+) effective contributors/))
      #expect(contributors.1 == "\(query)")
      #expect(Int(contributors.2) ?? 0 > 10)
      let scores = own.dropFirst().compactMap { line in
        line.wholeMatch(of: /\s+train:\d+ ([0-9.e-]+) nats/).flatMap { Double($0.1) }
      }
      #expect(scores.count == 3)
      #expect(scores == scores.sorted(by: >) && scores.allSatisfy { $0 > 0 })
    }
    #expect(FileManager.default.fileExists(atPath: room.path("digits-run/run.json")))
  }
}
