import RealModule

/// One numbered stream of random elements, each a pure function of seed, stream and position.
///
/// Every value can be drawn alone and in any order; a draw consumes exactly one position. The
/// caller names its streams (initial weights, batches, projections …) by number: two streams of one
/// seed, or of two seeds, are independent.
///
/// **Layout.** The key of ``Philox`` is the seed (low word first). The counter's words are: the
/// position divided by two (low, high), the stream, and the kind of draw: 0 for bits and uniform
/// values, 1 for normal values, 2 + a for the a-th attempt at a bounded integer. So draws of
/// different kinds at one position share no bits. Of a block (w₀, w₁, w₂, w₃) the even position has
/// the 64 bits w₁w₀, the odd one w₃w₂. This layout is part of the library's promise: stored runs
/// are repeated from it.
public struct RandomStream: RandomNumberGenerator, Hashable, Sendable {
  /// The seed of the run.
  public let seed: UInt64
  /// The number of the stream.
  public let stream: UInt32
  /// The position of the next draw.
  public var position: UInt64

  /// A stream that starts at a position.
  public init(seed: UInt64, stream: UInt32, position: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
    self.position = position
  }

  /// The two 64-bit elements of a pair of positions, 2 · pair and 2 · pair + 1.
  func elements(ofPair pair: UInt64, kind: UInt32) -> (even: UInt64, odd: UInt64) {
    let low = UInt32(truncatingIfNeeded: pair), high = UInt32(truncatingIfNeeded: pair >> 32)
    let words = Philox.block(
      (low, high, stream, kind),
      key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    return (UInt64(words.1) << 32 | UInt64(words.0), UInt64(words.3) << 32 | UInt64(words.2))
  }

  func element(at position: UInt64, kind: UInt32) -> UInt64 {
    let pair = elements(ofPair: position / 2, kind: kind)
    return position % 2 == 0 ? pair.even : pair.odd
  }

  // MARK: At a position

  /// 64 random bits.
  public func bits(at position: UInt64) -> UInt64 { element(at: position, kind: 0) }

  /// A value in [0, 1): the top 53 bits of the element for `Double`, the top 24 for `Float`.
  ///
  /// The `Float` is the `Double` of the same position cut to 24 bits.
  public func uniform<Scalar: TensorScalar>(
    at position: UInt64, as type: Scalar.Type = Scalar.self
  ) -> Scalar {
    Self.uniform(bits(at: position))
  }

  /// A value of the standard normal distribution.
  public func normal<Scalar: TensorScalar>(
    at position: UInt64, as type: Scalar.Type = Scalar.self
  ) -> Scalar {
    let pair = normals(ofPair: position / 2)
    return Scalar(position % 2 == 0 ? pair.even : pair.odd)
  }

  /// An integer in 0 ..< bound, each equally likely.
  ///
  /// The high half of element · bound, redrawn in the rare case that its low half falls among the
  /// 2⁶⁴ mod bound surplus values (Lemire, "Fast random integer generation in an interval", 2019).
  ///
  /// - Precondition: `bound > 0`.
  public func integer(at position: UInt64, below bound: Int) -> Int {
    precondition(bound > 0, "a random integer below \(bound)")
    let range = UInt64(bound)
    var kind: UInt32 = 2
    while true {
      let product = element(at: position, kind: kind).multipliedFullWidth(by: range)
      if product.low >= range || product.low >= (0 &- range) % range { return Int(product.high) }
      kind += 1
    }
  }

  // MARK: In sequence

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    defer { position &+= 1 }
    return bits(at: position)
  }

  /// The next value in [0, 1).
  public mutating func nextUniform<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self)
    -> Scalar
  {
    defer { position &+= 1 }
    return uniform(at: position)
  }

  /// The next value of the standard normal distribution.
  public mutating func nextNormal<Scalar: TensorScalar>(as type: Scalar.Type = Scalar.self)
    -> Scalar
  {
    defer { position &+= 1 }
    return normal(at: position)
  }

  /// The next integer in 0 ..< bound.
  ///
  /// - Precondition: `bound > 0`.
  public mutating func nextInteger(below bound: Int) -> Int {
    defer { position &+= 1 }
    return integer(at: position, below: bound)
  }

  // MARK: Distributions of one element

  static func uniform<Scalar: TensorScalar>(_ bits: UInt64) -> Scalar {
    let digits = Scalar.significandBitCount + 1
    return Scalar(bits >> UInt64(64 - digits)) * (Scalar.ulpOfOne / 2)
  }

  /// Box–Muller on one block: radius from the even element, angle from the odd one.
  ///
  /// Always in `Double`, so that both precisions see the same values; the radius ends at 8.57.
  func normals(ofPair pair: UInt64) -> (even: Double, odd: Double) {
    let (even, odd) = elements(ofPair: pair, kind: 1)
    let radius = (-2 * Double.log(Double((even >> 11) + 1) * 0x1p-53)).squareRoot()
    let angle = 2 * Double.pi * Self.uniform(odd)
    return (radius * Double.cos(angle), radius * Double.sin(angle))
  }
}
