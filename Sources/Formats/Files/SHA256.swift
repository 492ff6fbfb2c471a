import CSodium

/// SHA-256 digests as 64 hexadecimal digits.
public enum SHA256 {
  /// The digest of a file.
  ///
  /// - Complexity: one pass, a fixed small buffer.
  public static func hex(ofFile path: String) throws(FormatError) -> String {
    try hex(of: ByteSource(path: path))
  }

  /// The digest of bytes in memory.
  public static func hex(of bytes: [UInt8]) -> String {
    var digest = Digest()
    bytes.withUnsafeBytes { digest.update($0) }
    return digest.hex()
  }

  /// The digest of the bytes of a source.
  public static func hex(of source: ByteSource) throws(FormatError) -> String {
    var digest = Digest()
    try source.forEachChunk(of: 0..<source.count, size: 1 << 20) { chunk throws(FormatError) in
      digest.update(chunk)
    }
    return digest.hex()
  }

  /// A digest that grows with what is written.
  package struct Digest {
    private var state = crypto_hash_sha256_state()

    /// The digest of nothing.
    package init() { crypto_hash_sha256_init(&state) }

    /// Takes in further bytes.
    package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// Takes in further bytes.
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
      crypto_hash_sha256_update(
        &state, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, UInt64(bytes.count))
    }

    /// What it is up to now.
    package func hex() -> String {
      var state = state
      var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
      crypto_hash_sha256_final(&state, &digest)
      return digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
  }
}
