public import ArgumentParser
import Foundation
public import Palimpsest

/// The options of every command that computes.
struct ComputeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Threads to use; results do not depend on it.", valueName: "n"))
  var threads = min(WorkerPool.processorCount, WorkerPool.mostThreads)

  @Option(
    help: ArgumentHelp(
      "Memory to stay within, such as 500M or 2G; results do not depend on it.",
      valueName: "size"), transform: ByteCount.init)
  var memory: ByteCount?

  @Option(
    help: ArgumentHelp(
      """
      Send every product of matrices through own or blas. Without it own multiplies wherever a \
      result must not depend on what is computed beside it; with blas it may.
      """, valueName: "backend"))
  var products: ProductBackend?

  @Flag(help: "Log how the work is laid out to standard error.")
  var verbose = false

  @Flag(
    name: [.long, .customShort("q")],
    help: "Show no progress; warnings and errors are still written to standard error.")
  var quiet = false

  func validate() throws {
    ProgressBar.isHidden = quiet
    guard (1...WorkerPool.mostThreads).contains(threads) else {
      throw ValidationError("--threads: found \(threads), expected 1 to \(WorkerPool.mostThreads)")
    }
    let named = ProcessInfo.processInfo.environment[ProductBackend.variable] ?? ""
    guard named.isEmpty || ProductBackend(rawValue: named) != nil else {
      throw ValidationError("\(ProductBackend.variable): found \(named), expected own or blas")
    }
    // Before anything is multiplied: commands look at gradients before they have their threads.
    if let products { ProductBackend.forced = products }
  }

  /// The threads that work.
  ///
  /// - Throws: `NumericError.wrongLibrary` where products go through a BLAS that computes wrongly.
  func makePool() throws -> WorkerPool {
    if ProductBackend.forced == .blas {
      // Refused to one of the threads, OpenBLAS would ask for ever.
      guard AddressSpace.isFree(threads * AddressSpace.buffer) else {
        throw UsageError(
          "--products blas: found no \(threads * AddressSpace.buffer >> 20) MiB of address space for "
            + "\(threads) threads, expected them; raise the limit (ulimit -v) or take fewer threads"
        )
      }
      try BLASLibrary.requireRightness()
    }
    return WorkerPool(threads: threads)
  }
}

/// A number of bytes as people write it.
struct ByteCount {
  let bytes: Int

  init(_ text: String) throws {
    let units: [Character: Int] = ["k": 10, "m": 20, "g": 30, "t": 40]
    var digits = Substring(text.lowercased())
    if digits.hasSuffix("b") { digits = digits.dropLast(digits.hasSuffix("ib") ? 2 : 1) }
    var shift = 0
    if let last = digits.last, let unit = units[last] {
      shift = unit
      digits = digits.dropLast()
    }
    guard let number = Double(digits), number > 0, number * Double(1 << shift) < 1e15 else {
      throw ValidationError("expected a size such as 500M or 2G")
    }
    bytes = Int(number * Double(1 << shift))
  }
}

extension RunManifest.Precision: ExpressibleByArgument {}
extension Loss: ExpressibleByArgument {}
extension Measure: ExpressibleByArgument {}
extension ProductBackend: ExpressibleByArgument {}
