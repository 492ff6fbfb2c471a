import Foundation

/// Text as it is compared with other text: what reads the same is the same.
///
/// - White space of every kind, no-break spaces and line ends too, is one space however much of it
///   stands together, and none at the beginning.
/// - Letters are small, in every script: that of which a letter's capital is the capital, so that ß is
///   ss as in capitals.
/// - Typographic quotation marks and the apostrophe are `"` and `'`, dashes and the minus sign `-`.
/// - The rest is in Unicode's form NFKC: a letter with its accent is the same in one code or in two,
///   an ellipsis is three points, a ligature its letters, a full-width letter the plain one.
/// - What is not seen is left out: byte order marks, soft hyphens, joiners, variation selectors.
///
/// The text of ASCII letters is itself in small letters. Bytes that are not UTF-8 stay as they are,
/// save those of a character that the text's ends cut.
package enum NormalForm {
  private static let space = UInt8(ascii: " ")

  /// The bytes of the normal form.
  ///
  /// - Complexity: O(n); some tens of times slower where words hold more than ASCII.
  package static func bytes(of text: ArraySlice<UInt8>) -> [UInt8] {
    var form: [UInt8] = []
    form.reserveCapacity(text.count)
    func push(_ byte: UInt8) {
      if byte != space {
        form.append(byte)
      } else if let last = form.last, last != space {
        form.append(space)
      }
    }
    let text = text.withoutCutCharacters
    var start = text.startIndex
    while start < text.endIndex {
      if text[start].isSpace {
        push(space)
        start += 1
        continue
      }
      let end = text[start...].firstIndex(where: \.isSpace) ?? text.endIndex
      let word = text[start..<end]
      if word.allSatisfy({ $0 < 0x80 }) {
        for byte in word { form.append(byte.isCapital ? byte | 0x20 : byte) }
      } else {
        for byte in wide(word) { push(byte) }
      }
      start = end
    }
    return form
  }

  /// The words of the normal form, in their order.
  ///
  /// A word is a run of letters, of marks on them and of digits; each ideograph, each letter of
  /// Hiragana and each symbol such as an emoji is a word of its own, as no spaces stand between them.
  package static func words(of text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    let form = bytes(of: text)
    var words: [ArraySlice<UInt8>] = []
    var start: Int?
    func end(_ place: Int) {
      if let first = start { words.append(form[first..<place]) }
      start = nil
    }
    form[...].forEachScalar { scalar, range in
      switch scalar.map(Part.init) ?? .letter {
      case .letter: start = start ?? range.lowerBound
      case .whole:
        end(range.lowerBound)
        words.append(form[range])
      case .other: end(range.lowerBound)
      }
    }
    end(form.count)
    return words
  }

  /// What a character is of a word.
  private enum Part {
    case letter, whole, other

    init(_ scalar: Unicode.Scalar) {
      if scalar.isASCII {
        // The form has small letters only.
        self =
          ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) ? .letter : .other
        return
      }
      let isHiragana = (0x3041...0x309f).contains(scalar.value)
      switch scalar.properties.generalCategory {
      case _ where scalar.properties.isIdeographic || isHiragana: self = .whole
      case .otherSymbol: self = .whole
      case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber,
        .otherNumber:
        self = .letter
      default: self = scalar.properties.isAlphabetic ? .letter : .other
      }
    }
  }

  /// The form of a word that holds more than ASCII; spaces may be in it.
  private static func wide(_ word: ArraySlice<UInt8>) -> [UInt8] {
    var form: [UInt8] = []
    var text = String.UnicodeScalarView()
    func flush() {
      form += folded(String(text)).utf8
      text = String.UnicodeScalarView()
    }
    word.forEachScalar { scalar, range in
      if let scalar {
        text.append(plain(scalar))
      } else {
        flush()
        form += word[range]
      }
    }
    flush()
    return form
  }

  /// The character on a typewriter that stands for one of printing.
  private static func plain(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar {
    case "\u{2018}", "\u{2019}", "\u{201a}", "\u{201b}", "\u{2039}", "\u{203a}", "\u{2032}",
      "\u{b4}", "\u{2bc}":
      "'"
    case "\u{201c}", "\u{201d}", "\u{201e}", "\u{201f}", "\u{ab}", "\u{bb}", "\u{2033}",
      "\u{301d}", "\u{301e}", "\u{301f}":
      "\""
    case "\u{2212}": "-"
    case _ where scalar.properties.generalCategory == .dashPunctuation: "-"
    case _ where scalar.properties.isWhitespace: " "
    default: scalar
    }
  }

  /// In NFKC and in small letters, without what is not seen.
  private static func folded(_ text: String) -> String {
    var folded = ""
    for scalar in text.precomposedStringWithCompatibilityMapping.unicodeScalars
    where !scalar.properties.isDefaultIgnorableCodePoint {
      // By way of the small letter too: there is a capital of ß that is none of its capitals.
      for small in scalar.properties.lowercaseMapping.unicodeScalars {
        for capital in small.properties.uppercaseMapping.unicodeScalars {
          folded += capital.properties.lowercaseMapping
        }
      }
    }
    return folded.precomposedStringWithCanonicalMapping
  }
}

extension UInt8 {
  /// White space of ASCII.
  fileprivate var isSpace: Bool { (0x09...0x0d).contains(self) || self == 0x20 }
  fileprivate var isCapital: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
  fileprivate var continuesCharacter: Bool { self & 0xc0 == 0x80 }
}

extension ArraySlice<UInt8> {
  /// Without the bytes at either end that are of a character that is cut there.
  fileprivate var withoutCutCharacters: ArraySlice<UInt8> {
    let head = dropFirst(prefix(3).prefix(while: \.continuesCharacter).count)
    guard let lead = head.suffix(4).lastIndex(where: { !$0.continuesCharacter }) else {
      return head
    }
    let length =
      switch head[lead] {
      case 0xc2...0xdf: 2
      case 0xe0...0xef: 3
      case 0xf0...0xf4: 4
      default: 1
      }
    return head.endIndex - lead < length ? head[..<lead] : head
  }

  /// Visits the characters with their bytes; nil for bytes that are not UTF-8.
  fileprivate func forEachScalar(_ visit: (Unicode.Scalar?, Range<Int>) -> Void) {
    var parser = Unicode.UTF8.ForwardParser()
    var input = makeIterator()
    var place = startIndex
    while true {
      switch parser.parseScalar(from: &input) {
      case .valid(let encoded):
        visit(Unicode.UTF8.decode(encoded), place..<place + encoded.count)
        place += encoded.count
      case .error(let length):
        visit(nil, place..<place + length)
        place += length
      case .emptyInput: return
      }
    }
  }
}
