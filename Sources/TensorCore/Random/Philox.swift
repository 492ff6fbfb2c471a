/// The counter-based generator Philox 4×32 with ten rounds.
///
/// A bijection of 128-bit counters for each 64-bit key: block `c` of the sequence is computed from
/// `c` alone, so blocks come in any order and on any thread.
///
/// Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011, <https://doi.org/10.1145/2063384.2063405>.
public enum Philox {
  /// Four words, the least significant first.
  public typealias Counter = (UInt32, UInt32, UInt32, UInt32)
  /// Two words, the least significant first.
  public typealias Key = (UInt32, UInt32)

  /// The four random words of one counter under one key.
  public static func block(_ counter: Counter, key: Key) -> Counter {
    var (x0, x1, x2, x3) = counter
    var (k0, k1) = key
    for _ in 0..<10 {
      let a = UInt64(x0) &* 0xD251_1F53
      let b = UInt64(x2) &* 0xCD9E_8D57
      (x0, x1, x2, x3) = (
        UInt32(truncatingIfNeeded: b >> 32) ^ x1 ^ k0, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ x3 ^ k1, UInt32(truncatingIfNeeded: a)
      )
      k0 &+= 0x9E37_79B9  // the golden ratio
      k1 &+= 0xBB67_AE85  // √3 − 1
    }
    return (x0, x1, x2, x3)
  }
}
