import Formats
import Foundation
import TensorCore
import Testing

@Suite("files that appear whole or not at all")
struct AtomicFileTests {
  @Test("a file appears under its name with the commit and not before") func commit() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write([1], to: folder("a"))
    let file = try AtomicFile(path: folder("a"))
    try file.append([2, 3])
    #expect(try fileBytes(folder("a")) == [1])
    try file.append([4])
    try file.commit()
    #expect(try fileBytes(folder("a")) == [2, 3, 4])
    #expect(try folder.names() == ["a"])
  }

  @Test("without a commit nothing is left") func abandoned() throws {
    let folder = try TemporaryFolder()
    do {
      let file = try AtomicFile(path: folder("a"))
      try file.append([1])
      #expect(try folder.names().count == 1)
    }
    #expect(try folder.names() == [])
  }

  @Test("what killed processes left of the name is removed, whatever number they had")
  func leftovers() throws {
    let folder = try TemporaryFolder()
    // Among them those that this process would take next, as in a container that starts again.
    let left = ["a.1-1.part", "a.99999999-1.part"] + (1...3000).map { "a.\(getpid())-\($0).part" }
    let others = ["b.1-1.part", "a.part", "a.1.part", "a.b.1-1.part", "xa.1-1.part"]
    for name in left + others { try Data([1]).write(to: URL(fileURLWithPath: folder(name))) }
    try FileManager.default.createSymbolicLink(
      atPath: folder("a.2-2.part"), withDestinationPath: "b.1-1.part")
    let held = open(folder("a.3-3.part"), O_RDWR | O_CREAT, 0o600)
    #expect(held >= 0 && flock(held, LOCK_EX) == 0)
    try AtomicFile.write([2], to: folder("a"))
    close(held)
    #expect(
      try Set(folder.names()) == Set(others).union(["a", "a.2-2.part", "a.3-3.part"]))
  }

  @Test("two writers of one name do not take each other's file away")
  func together() throws {
    let folder = try TemporaryFolder()
    let first = try AtomicFile(path: folder("a"))
    let second = try AtomicFile(path: folder("a"))
    try first.append([1])
    try second.append([2])
    try first.commit()
    try second.commit()
    #expect(try fileBytes(folder("a")) == [2])
    #expect(try folder.names() == ["a"])
  }

  @Test("a name of 255 bytes is possible, and a name in the current folder") func names() throws {
    let folder = try TemporaryFolder()
    let long = String(repeating: "x", count: 255)
    try AtomicFile.write([1], to: folder(long))
    #expect(try folder.names() == [long])
  }

  @Test("folders, links, devices and missing folders are refused") func refused() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write([1], to: folder("a"))
    try FileManager.default.createSymbolicLink(atPath: folder("link"), withDestinationPath: "a")
    for path in [
      folder.path, folder("link"), folder("none/a"), folder("a/b"), "/dev/null", "", folder(""),
    ] {
      let error = #expect(throws: FormatError.self, "\(path)") {
        try AtomicFile.write([2], to: path)
      }
      #expect(error?.kind == .uncreatable)
    }
    #expect(try fileBytes(folder("a")) == [1])
    #expect(try folder.names() == ["a", "link"])
  }

  @Test("a full device is an error and leaves the old file") func fullDevice() async throws {
    let folder = try TemporaryFolder()
    let path = folder("a")
    try AtomicFile.write([1], to: path)
    await #expect(processExitsWith: .success) { [path = path as String] in
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 100, rlim_max: 100)
      #if canImport(Glibc)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      #else
        setrlimit(RLIMIT_FSIZE, &limit)
      #endif
      let error = #expect(throws: FormatError.self) {
        try AtomicFile.write([UInt8](repeating: 2, count: 101), to: path)
      }
      #expect(error?.kind == .unwritable)
    }
    #expect(try fileBytes(path) == [1])
    #expect(try folder.names() == ["a"])
  }

  @Test("a killed process leaves the old file") func killed() async throws {
    let folder = try TemporaryFolder()
    let path = folder("a")
    try AtomicFile.write([1], to: path)
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let file = try AtomicFile(path: path)
      try file.append([2])
      kill(getpid(), SIGKILL)
    }
    #expect(try fileBytes(path) == [1])
  }
}

@Suite("one writer in a folder")
struct DirectoryLockTests {
  @Test("a second lock is refused and names the process") func contention() throws {
    let folder = try TemporaryFolder()
    let lock = try DirectoryLock(folder: folder.path)
    let error = #expect(throws: FormatError.self) { try DirectoryLock(folder: folder.path) }
    #expect(error?.kind == .locked)
    #expect(error?.found == "in use by process \(getpid())")
    withExtendedLifetime(lock) {}
  }

  @Test("the lock ends with the value") func release() throws {
    let folder = try TemporaryFolder()
    for _ in 0..<3 { _ = try DirectoryLock(folder: folder.path) }
  }

  @Test("the lock ends with the value although a child process may share the file")
  func sharedDescriptor() throws {
    let folder = try TemporaryFolder()
    var copy: Int32 = -1
    do {
      let lock = try DirectoryLock(folder: folder.path)
      var (own, other) = (stat(), stat())
      #expect(stat(folder("lock"), &own) == 0)
      // A copy of the descriptor is what a forked child has.
      for descriptor in 0..<Int32(1024) where fstat(descriptor, &other) == 0 {
        if other.st_ino == own.st_ino, other.st_dev == own.st_dev {
          #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
          copy = dup(descriptor)
          break
        }
      }
      withExtendedLifetime(lock) {}
    }
    #expect(copy >= 0)
    _ = try DirectoryLock(folder: folder.path)
    close(copy)
  }

  @Test("the lock of a killed process is gone") func stale() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let lock = try DirectoryLock(folder: path)
      withExtendedLifetime(lock) { _ = kill(getpid(), SIGKILL) }
    }
    #expect(try folder.names() == ["lock"])
    _ = try DirectoryLock(folder: path)
  }

  @Test("a folder that is not there cannot be locked") func missing() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: FormatError.self) { try DirectoryLock(folder: folder("none")) }
    #expect(error?.kind == .uncreatable)
  }
}

@Suite("paths that stay in their folder")
struct ContainedPathTests {
  @Test("paths inside resolve, through links inside too") func inside() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder("data"), withIntermediateDirectories: true)
    try AtomicFile.write([1], to: folder("data/a"))
    try FileManager.default.createSymbolicLink(
      atPath: folder("link"), withDestinationPath: "data/a")
    let direct = try ContainedPath.resolve("data/a", inside: folder.path, namedBy: "run.json")
    #expect(try fileBytes(direct) == [1])
    for path in ["./data//a", "link"] {
      #expect(
        try ContainedPath.resolve(path, inside: folder.path, namedBy: "run.json") == direct)
    }
  }

  @Test("absolute paths, steps upwards and links out are refused") func outside() throws {
    let folder = try TemporaryFolder()
    let inner = folder("inner")
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
    // A folder whose name begins alike is outside, too.
    try FileManager.default.createDirectory(
      atPath: folder("inner2"), withIntermediateDirectories: true)
    try AtomicFile.write([1], to: folder("inner2/a"))
    for (link, target) in [("file", "../inner2/a"), ("parent", "../inner2"), ("root", "/")] {
      try FileManager.default.createSymbolicLink(
        atPath: inner + "/" + link, withDestinationPath: target)
    }
    for path in [
      "/etc/passwd", "../inner2/a", "x/../../inner2/a", "..", "", "a\0b", "file", "parent/a",
      "root/etc/passwd", ".",
    ] {
      let error = #expect(throws: FormatError.self, "\(path)") {
        try ContainedPath.resolve(path, inside: inner, namedBy: "run.json")
      }
      #expect(error?.kind == .malformed, "\(path)")
      #expect(error?.file == "run.json")
    }
    try FileManager.default.createSymbolicLink(
      atPath: inner + "/dangling", withDestinationPath: "none")
    for path in ["none", "dangling"] {
      let error = #expect(throws: FormatError.self) {
        try ContainedPath.resolve(path, inside: inner, namedBy: "run.json")
      }
      #expect(error?.kind == .missing)
    }
  }
}

@Suite("the limit of memory")
struct MemoryLimitTests {
  @Test("a control group lowers it, whatever else stands in such a file does not")
  func files() throws {
    let folder = try TemporaryFolder()
    func limit(_ text: String) throws -> Int {
      try AtomicFile.write(Array(text.utf8), to: folder("memory.max"))
      return MemoryLimit.least(of: 1000, andFiles: [folder("none"), folder("memory.max")])
    }
    #expect(try limit("999\n") == 999)
    for text in ["1001\n", "max\n", "", "-1\n", "0\n", "9223372036854771712\n", "1e2"] {
      #expect(try limit(text) == 1000, "\(text)")
    }
  }

  @Test("the own control group and those above it are looked at")
  func controlGroups() {
    let paths = MemoryLimit.controlGroupFiles(
      of: "12:memory:/docker/ab\n4:cpu,cpuacct:/x\nnonsense\n0::/user.slice/run.scope\n")
    #expect(
      paths == [
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes",
        "/sys/fs/cgroup/user.slice/memory.max", "/sys/fs/cgroup/user.slice/run.scope/memory.max",
      ])
  }

  @Test("a file of more than all memory is refused before anything is allocated")
  func sparse() throws {
    let folder = try TemporaryFolder()
    // No machine has so much; the file takes no room.
    let size = 1 << 42
    try AtomicFile.write([], to: folder("a"))
    guard truncate(folder("a"), off_t(size)) == 0 else { return }
    let source = try ByteSource(path: folder("a"))
    let error = #expect(throws: FormatError.self) { try source.bytes(size) }
    #expect(error?.found.contains("more than the memory can hold") == true)
  }
}

@Suite("SHA-256")
struct SHA256Tests {
  @Test("the examples of the standard (FIPS 180-4)") func examples() throws {
    #expect(
      SHA256.hex(of: []) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      SHA256.hex(of: Array("abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test("a file read in pieces has the digest of its bytes") func file() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<1_100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    try AtomicFile.write(bytes, to: folder("a"))
    #expect(try SHA256.hex(ofFile: folder("a")) == SHA256.hex(of: bytes))
  }
}
