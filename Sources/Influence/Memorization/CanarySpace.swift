import TensorCore
public import Training

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The texts that one of them, a canary, is drawn from at random: a fixed text with places.
///
/// `#` stands for a digit and `@` for a small letter of the Latin alphabet. So the space of
/// `the code is ####` has 10⁴ texts.
public struct CanarySpace: Sendable, Equatable {
  /// The text with its places.
  public let template: String
  /// The number of texts.
  public let count: Int
  /// Where the places are, and what they hold.
  private let places: [(offset: Int, symbols: [UInt8])]
  private let bytes: [UInt8]

  /// The most texts of a space.
  public static let mostTexts = 1_000_000_000_000_000_000

  /// A space.
  ///
  /// - Throws: `TrainingError` where there is no place, nothing before the first one to prompt with,
  ///   or more places than can be counted.
  public init(_ template: String) throws(TrainingError) {
    self.template = template
    bytes = Array(template.utf8)
    places = bytes.enumerated().compactMap { offset, byte in
      switch byte {
      case UInt8(ascii: "#"): (offset, Array("0123456789".utf8))
      case UInt8(ascii: "@"): (offset, Array("abcdefghijklmnopqrstuvwxyz".utf8))
      default: nil
      }
    }
    var count = 1
    for place in places {
      let (product, overflow) = count.multipliedReportingOverflow(by: place.symbols.count)
      count = overflow || product > Self.mostTexts ? 0 : product
      if count == 0 { break }
    }
    self.count = count
    guard let first = places.first, first.offset > 0, count > 0 else {
      throw .setting(
        name: "canary", found: "“\(template)”",
        expected:
          "a text with # for digits or @ for letters behind its first words, at most 18 digits")
    }
  }

  /// Spaces of one template are equal.
  public static func == (a: CanarySpace, b: CanarySpace) -> Bool { a.template == b.template }

  /// log₂ of the number of texts, in bits: the largest exposure.
  public var bits: Double { log2(Double(count)) }

  /// The bytes before the first place: what a model is prompted with.
  public var promptBytes: Int { places[0].offset }

  /// All bytes that a text of the space may have.
  public var alphabet: [UInt8] { bytes + places.flatMap(\.symbols) }

  /// A text of the space.
  ///
  /// - Precondition: `number` is in 0 ..< ``count``.
  public subscript(number: Int) -> [UInt8] {
    precondition((0..<count).contains(number), "text \(number) of \(count)")
    var (text, rest) = (bytes, number)
    for place in places.reversed() {
      text[place.offset] = place.symbols[rest % place.symbols.count]
      rest /= place.symbols.count
    }
    return text
  }

  /// Different texts at random; all of them in random order where there are no more.
  ///
  /// The first ones are the same however many are wanted.
  ///
  /// - Complexity: O(`wanted`), or O(n log n) for all n texts of a space.
  public func draw(_ wanted: Int, seed: UInt64) -> [Int] {
    var random = RandomStream(seed: seed, for: .canaries)
    if count <= Self.fewTexts { return Array(random.permutation(count).prefix(wanted)) }
    var (drawn, seen): ([Int], Set<Int>) = ([], [])
    while drawn.count < min(wanted, count) {
      let number = random.nextInteger(below: count)
      if seen.insert(number).inserted { drawn.append(number) }
    }
    return drawn
  }

  /// Texts of a space that are all put into order.
  private static var fewTexts: Int { 1 << 16 }
}
