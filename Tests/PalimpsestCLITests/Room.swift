import Foundation
import Palimpsest
import Testing

/// A folder in which the built programs run; it goes away with its last user.
final class Room: Sendable {
  /// Where the programs run.
  let path: String
  /// Where their output is caught.
  private let outer: String

  init() throws {
    outer = NSTemporaryDirectory() + "palimpsest-command-\(UUID().uuidString)"
    path = outer + "/room"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: outer) }

  func path(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
  }

  func bytes(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path(name)))
  }

  func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

  /// Cuts a file in the middle.
  func truncate(_ name: String) throws {
    let whole = try bytes(name)
    try write(whole.prefix(whole.count / 2), to: name)
  }

  /// Changes a text file; digests of a `run.json` follow.
  func edit(_ name: String, _ old: String, _ new: String) throws {
    let whole = try text(name)
    #expect(whole.contains(old), "\(name) has no \(old)")
    try write(whole.replacingOccurrences(of: old, with: new).utf8, to: name)
    if name.hasSuffix("/run.json") { try reseal(path(String(name.dropLast("/run.json".count)))) }
  }

  /// The bytes of all files in a folder but locks, by their path in it; folders have none.
  func contents(of folder: String = ".") throws -> [String: Data] {
    var contents: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path(folder)) {
      if name == "lock" || name.hasSuffix("/lock") { continue }
      contents[name] = FileManager.default.contents(atPath: path("\(folder)/\(name)")) ?? Data()
    }
    return contents
  }

  /// The one array of a file.
  func array<Scalar: TensorScalar>(
    _ name: String, as type: Scalar.Type = Scalar.self
  ) throws -> Tensor<Scalar> { try StoredArray.read(path: path(name)).tensor() }

  /// What a program came to.
  struct Outcome {
    var status: Int32
    var isSignalled: Bool
    var output: String
    var errors: String

    /// Each line of the output as JSON.
    var json: [JSONValue] {
      get throws { try jsonLines(output) }
    }
  }

  /// Runs `palimpsest` with these arguments.
  ///
  /// - Parameters:
  ///   - environment: Variables in addition to those of the tests.
  ///   - meanwhile: Called with the process's number while it runs.
  func run(
    _ arguments: [String], environment: [String: String] = [:],
    meanwhile: (pid_t) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    try await run("palimpsest", arguments, environment: environment, meanwhile: meanwhile)
  }

  /// Runs `palimpsest`, which must end well and have nothing to complain of.
  @discardableResult
  func done(
    _ arguments: String..., location: SourceLocation = #_sourceLocation
  ) async throws -> Outcome {
    let outcome = try await run(arguments)
    try #require(
      outcome.status == 0, "\(arguments): \(outcome.errors)", sourceLocation: location)
    return outcome
  }

  /// Runs a script of the shell, in which `$P` is `palimpsest`.
  func shell(_ script: String) async throws -> Outcome {
    try await run("/bin/sh", ["-c", "P=\"$1\"; \(script)", "sh", "\(Self.products)/palimpsest"])
  }

  /// Runs one of the programs that were built beside the tests, or one by its whole path.
  func run(
    _ program: String, _ arguments: [String], output redirected: FileHandle? = nil,
    environment: [String: String] = [:],
    meanwhile: (pid_t) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    // Files rather than pipes: nobody has to read them meanwhile.
    let name = "\(outer)/\(UUID().uuidString)"
    for stream in ["out", "err"] {
      try Data().write(to: URL(fileURLWithPath: "\(name).\(stream)"))
    }
    let (output, errors) = (
      try #require(FileHandle(forWritingAtPath: "\(name).out")),
      try #require(FileHandle(forWritingAtPath: "\(name).err"))
    )
    let file = program.hasPrefix("/") ? program : "\(Self.products)/\(program)"
    let process = try spawn(
      [file] + arguments, output: (redirected ?? output).fileDescriptor,
      errors: errors.fileDescriptor,
      environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
    let end = Task.detached { await Self.end(of: process) }
    do {
      try await meanwhile(process)
    } catch {
      kill(process, SIGKILL)
      throw error
    }
    let status = await end.value
    func caught(_ stream: String) throws -> String {
      String(
        decoding: try Data(contentsOf: URL(fileURLWithPath: "\(name).\(stream)")), as: UTF8.self)
    }
    return Outcome(
      status: status & 0x7f == 0 ? status >> 8 & 0xff : status & 0x7f,
      isSignalled: status & 0x7f != 0,
      output: try caught("out"), errors: try caught("err"))
  }

  /// Begins a process in the room.
  ///
  /// Foundation's own way crashes now and then where many begin at once.
  private func spawn(
    _ arguments: [String], output: Int32, errors: Int32, environment: [String: String]
  ) throws -> pid_t {
    #if os(Linux)
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #else
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    // What the tests have open, such as locked files, is not for the process.
    for descriptor in 3..<Int32(1024) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    func texts(_ list: [String]) -> [UnsafeMutablePointer<CChar>?] {
      list.map { strdup($0) } + [nil]
    }
    let (words, variables) = (
      texts(["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", path] + arguments),
      texts(environment.map { "\($0)=\($1)" })
    )
    defer { (words + variables).forEach { free($0) } }
    var process: pid_t = 0
    let failure = posix_spawn(&process, "/bin/sh", &actions, &attributes, words, variables)
    try #require(failure == 0, "\(arguments[0]): \(String(cString: strerror(failure)))")
    return process
  }

  /// The status of a process when it has ended.
  private static func end(of process: pid_t) async -> Int32 {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        continuation.resume(returning: status)
      }
    }
  }

  /// The folder of the built programs: that of the tests themselves.
  private static let products: String = {
    #if os(macOS)
      Bundle(for: Room.self).bundleURL.deletingLastPathComponent().path
    #else
      Bundle.main.bundleURL.path
    #endif
  }()
}

/// Each line of a text as JSON.
func jsonLines(_ text: String) throws -> [JSONValue] {
  try text.split(separator: "\n").map { try JSONValue(ByteSource(Array($0.utf8), name: "line")) }
}

/// A file of the repository, by its path in it.
func repositoryFile(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent(name).path
}
