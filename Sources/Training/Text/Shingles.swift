/// The different sequences of eight bytes that occur in the normal form of a text, as hashes: text
/// that was wrapped anew, or set with other quotation marks, is the same.
struct Shingles: Sendable {
  /// The least of the hashes, ascending.
  let hashes: [UInt64]
  /// Whether these are all.
  let isWhole: Bool

  /// The bytes of a shingle.
  static let length = 8
  /// The most hashes that are kept of a text.
  static let most = 1024

  init(_ text: ArraySlice<UInt8>) {
    let all = Self.all(text)
    isWhole = all.count <= Self.most
    hashes = Array(all.prefix(Self.most))
  }

  /// All hashes, ascending, each once.
  static func all(_ text: ArraySlice<UInt8>) -> [UInt64] {
    var hashes: [UInt64] = []
    hashes.reserveCapacity(text.count)
    var window: UInt64 = 0
    var count = 0
    for byte in NormalForm.bytes(of: text) {
      window = window << 8 | UInt64(byte)
      count += 1
      if count >= length { hashes.append(mix(window)) }
    }
    // A text of fewer bytes is one shingle.
    if hashes.isEmpty { hashes.append(mix(window)) }
    hashes.sort()
    var last: UInt64?
    hashes.removeAll { hash in
      defer { last = hash }
      return hash == last
    }
    return hashes
  }

  /// A bijection that spreads the bits (the finaliser of SplitMix64).
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// The Jaccard similarity |A ∩ B| / |A ∪ B|, from 0 to 1.
  ///
  /// Exact where both texts have at most ``most`` shingles; else an estimate from the least hashes of
  /// the union, with a standard error of at most 1 / (2 √1024) = 0.016.
  func similarity(to other: Shingles) -> Double {
    // Beyond the last hash of a set that is not whole nothing is known.
    let limit = min(
      isWhole ? .max : hashes[hashes.count - 1],
      other.isWhole ? .max : other.hashes[other.hashes.count - 1])
    var (i, j, common, union) = (0, 0, 0, 0)
    while true {
      let a = i < hashes.count ? hashes[i] : nil
      let b = j < other.hashes.count ? other.hashes[j] : nil
      guard let least = [a, b].compactMap({ $0 }).min(), least <= limit else { break }
      union += 1
      if a == b { common += 1 }
      if a == least { i += 1 }
      if b == least { j += 1 }
    }
    return Double(common) / Double(max(union, 1))
  }
}
