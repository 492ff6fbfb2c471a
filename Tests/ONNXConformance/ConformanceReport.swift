#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What became of one case.
enum Outcome {
  /// The results are those expected; whether the inputs were inputs of the graph.
  case passed(asInputs: Bool)
  /// Something in it is refused, with the message.
  case refused(String)
  /// A result is wrong, or something that should work was refused.
  case failed(String)
}

/// The outcomes of all cases.
struct ConformanceReport {
  private var passed: [String: Int] = [:]
  private var constantOnly: [String] = []
  private var refused: [String: [(test: String, message: String)]] = [:]
  private var failed: [(test: String, message: String)] = []

  var hasFailures: Bool { !failed.isEmpty || passed.isEmpty }

  mutating func add(_ test: ConformanceCase, _ outcome: Outcome) {
    switch outcome {
    case .passed(let asInputs):
      passed[test.kind, default: 0] += 1
      if !asInputs { constantOnly.append(test.name) }
    case .refused(let message):
      let reason = test.operators.first { message.contains($0) } ?? "the file"
      refused[reason, default: []].append((test.name, message))
    case .failed(let message): failed.append((test.name, message))
    }
  }

  func print(isVerbose: Bool) {
    for (reason, tests) in refused.sorted(by: { $0.key < $1.key }) {
      Swift.print("not supported: \(reason), \(tests.count): \(tests[0].message)")
      for test in tests.dropFirst() where isVerbose { Swift.print("    \(test)") }
    }
    if isVerbose { for name in constantOnly { Swift.print("only as constants: \(name)") } }
    for (test, message) in failed { Swift.print("failed: \(test): \(message)") }
    for (kind, count) in passed.sorted(by: { $0.key < $1.key }) {
      Swift.print("passed: \(count) of \(kind)")
    }
    let total = passed.values.reduce(0, +)
    let others = refused.values.reduce(0) { $0 + $1.count }
    Swift.print(
      "\(total) passed (\(constantOnly.count) as constants alone), \(others) not supported, "
        + "\(failed.count) failed")
  }
}

func fatalExit() -> Never { exit(1) }
