import ArgumentParser
import Foundation
import Palimpsest

/// Multiplies matrices as it is told: `M N K AB` on standard input, where A and B are N or T for an
/// operand that is taken as it lies or transposed; seconds of one product on standard output.
@main
struct ProductRates: ParsableCommand {
  @Option(help: "What multiplies: own or blas.")
  var backend: String

  func validate() throws {
    guard ProductBackend(rawValue: backend) != nil else {
      throw ValidationError("--backend: found \"\(backend)\", expected own or blas")
    }
  }

  func run() throws {
    ProductBackend.forced = ProductBackend(rawValue: backend)
    while let line = readLine() {
      let words = line.split(separator: " ")
      let extents = words.prefix(3).compactMap { Int($0) }
      guard words.count == 4, extents.count == 3, words[3].count == 2 else {
        throw ValidationError("found \"\(line)\", expected M N K and two of N and T")
      }
      let seconds = time(
        extents[0], extents[1], extents[2], words[3].first == "T", words[3].last == "T")
      FileHandle.standardOutput.write(Data("\(seconds)\n".utf8))
    }
  }

  /// The time of one product, as the mean over some ten milliseconds of them.
  private func time(
    _ m: Int, _ n: Int, _ k: Int, _ transposeA: Bool, _ transposeB: Bool
  ) -> Double {
    var stream = RandomStream(seed: 1, stream: 0)
    let a: Tensor<Float> = stream.uniformTensor(transposeA ? [k, m] : [m, k])
    let b: Tensor<Float> = stream.uniformTensor(transposeB ? [n, k] : [k, n])
    var c = Tensor<Float>([m, n])
    let count = max(1, Int(1e9 / (2 * Double(m) * Double(n) * Double(k))))
    let clock = ContinuousClock()
    return a.scalars.withUnsafeBufferPointer { a in
      b.scalars.withUnsafeBufferPointer { b in
        c.scalars.withUnsafeMutableBufferPointer { c in
          func multiply(_ count: Int) {
            for _ in 0..<count {
              MatrixProduct.gemm(
                a, transposeA: transposeA, b, transposeB: transposeB, m: m, n: n, k: k, into: c)
            }
          }
          multiply(1)
          return clock.measure { multiply(count) } / .seconds(1) / Double(count)
        }
      }
    }
  }
}
