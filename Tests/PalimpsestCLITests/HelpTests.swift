import Palimpsest
import Testing

@Suite("Help")
struct HelpTests {
  private let room: Room

  init() throws { room = try Room() }

  @Test(
    "every command explains itself with an example that fits in a terminal",
    arguments: [
      "demo", "train", "score", "self-influence", "ledger", "retrain", "evaluate",
      "memorization", "exposure", "dilution", "generate", "trace", "books", "inspect", "list",
    ])
  func example(_ command: String) async throws {
    let help = try await room.done(command, "--help").output
    #expect(help.contains(/EXAMPLES?:\s+palimpsest/))
    #expect(help.contains("palimpsest \(command) "))
    // The parser does not wrap the line of a command with few options.
    let lines = help.split(separator: "\n").filter { !$0.hasPrefix("USAGE") }
    #expect(lines.allSatisfy { $0.count <= 80 })
  }

  @Test("the command names its commands and exit statuses")
  func overview() async throws {
    let help = try await room.done("--help").output
    for word in [
      "demo", "train", "score", "self-influence", "ledger", "retrain", "evaluate",
      "memorization", "exposure", "dilution", "generate", "trace", "books", "inspect", "list",
      "EXIT STATUS",
    ] {
      #expect(help.contains(word))
    }
    #expect(try await room.done().output == help)
  }

  @Test("the version")
  func version() async throws {
    let line = try await room.done("--version").output
    #expect(line.hasPrefix("palimpsest \(RunManifest.libraryVersion) "))
    #expect(line.split(separator: "\n").count == 1)
  }

  @Test("completion scripts for three shells", arguments: ["bash", "zsh", "fish"])
  func completion(_ shell: String) async throws {
    let script = try await room.done("--generate-completion-script", shell).output
    #expect(script.contains("palimpsest") && script.contains("self-influence"))
  }

  @Test(
    "lists say the same to people and to programs",
    arguments: [
      "methods", "models", "formats", "measures", "losses", "optimizers", "columns", "rules",
      "metrics", "backends",
    ])
  func list(_ kind: String) async throws {
    let lines = try await room.done("list", kind).output.split(separator: "\n")
    let objects = try await room.done("list", kind, "--json").json
    #expect(!lines.isEmpty && lines.count == objects.count)
    for (line, object) in zip(lines, objects) {
      let (name, summary) = (object["name"]?.string ?? "-", object["summary"]?.string ?? "-")
      #expect(line.hasPrefix(name) && line.hasSuffix(summary) && !summary.isEmpty)
    }
  }

  @Test("every method and optimizer of the contract is listed")
  func names() async throws {
    let methods = try await room.done("list", "methods", "--json").json.compactMap {
      $0["name"]?.string
    }
    #expect(
      Set(methods).isSuperset(
        of: [
          "grad-dot", "grad-cos", "tracin", "tracin-last-layer", "credit", "marginal", "integrated",
        ]))
    let optimizers = try await room.done("list", "optimizers", "--json").json.compactMap {
      $0["name"]?.string
    }
    #expect(optimizers == ["sgd", "momentum", "nesterov", "adam", "adamw"])
  }
}
