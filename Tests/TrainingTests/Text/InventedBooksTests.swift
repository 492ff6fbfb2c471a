import Formats
import Foundation
import Testing
import Training

@Suite("invented books")
struct InventedBooksTests {
  /// The files in which some text stands, a line for each time.
  private static func paths(of text: String, in files: [TextFile]) -> [String] {
    files.flatMap { file in
      String(decoding: file.bytes, as: UTF8.self).components(separatedBy: text).dropFirst()
        .map { _ in file.path }
    }
  }

  private static func settings(_ seed: UInt64) -> InventedBooks.Settings {
    var settings = InventedBooks.Settings()
    settings.seed = seed
    return settings
  }

  @Test("plants stand where it is said and nowhere else", arguments: [0, 1, 2] as [UInt64])
  func places(_ seed: UInt64) throws {
    let books = try InventedBooks(Self.settings(seed))
    #expect(books.files.count == 16 * 4 + 16 + 8 * 4 + 8 * 2 && books.plants.count == 48)
    for plant in books.plants {
      let expected = [.unique: 1, .copied: 4, .paraphrased: 1, .heldOut: 0][plant.kind]
      #expect(plant.paths.count == expected)
      #expect(Self.paths(of: plant.text, in: books.files) == plant.paths)
      #expect(plant.text.hasPrefix(plant.prompt + " "))
      #expect(Self.paths(of: plant.prompt, in: books.files).count == expected)
      #expect((plant.paraphrase != nil) == (plant.kind == .paraphrased))
      if let paraphrase = plant.paraphrase {
        #expect(Self.paths(of: paraphrase, in: books.files) == plant.paraphrasePaths)
        #expect(plant.paraphrasePaths.count == 1)
      }
      let books = (plant.paths + plant.paraphrasePaths).map { $0.prefix { $0 != "/" } }
      #expect(Set(books).count == books.count)
    }
  }

  @Test("no sentence of a plant stands anywhere else, and a paraphrase is no near copy")
  func sentences() throws {
    let books = try InventedBooks(Self.settings(3))
    for plant in books.plants {
      let sentences = plant.text.dropFirst(plant.prompt.count).split(separator: ".")
      #expect(sentences.count == 3)
      for sentence in sentences {
        #expect(Self.paths(of: "\(sentence).", in: books.files).count == plant.paths.count)
      }
      if let paraphrase = plant.paraphrase {
        #expect(NearDuplicates.similarity(Array(plant.text.utf8), Array(paraphrase.utf8)) < 0.4)
      }
    }
  }

  @Test("the books are those of the seed, in few words") func deterministic() throws {
    let books = try InventedBooks(Self.settings(7))
    #expect(try InventedBooks(Self.settings(7)) == books)
    #expect(try InventedBooks(Self.settings(8)).files != books.files)
    let words = books.files.flatMap {
      String(decoding: $0.bytes, as: UTF8.self).split { !$0.isLetter }
    }
    // 88 words of the language, "the", "of", "tells", and a name for each planted paragraph.
    #expect(Set(words).count <= 88 + 3 + 32 + 8)
    #expect(words.count > 1_500)
  }

  @Test("numbers that make no sense are told") func wrongSettings() {
    func line(_ change: (inout InventedBooks.Settings) -> Void) -> String {
      var settings = InventedBooks.Settings()
      change(&settings)
      return message { _ = try InventedBooks(settings) }
    }
    #expect(line { $0.books = 1 }.hasPrefix("books: found 1"))
    #expect(line { $0.copies = 17 }.hasPrefix("copies: found 17, expected 2 to 16"))
    #expect(line { $0.unique = -1 }.hasPrefix("unique plants: found -1"))
    #expect(line { $0.fillers = 501 }.hasPrefix("fillers"))
    // More sentences than there are would never be found.
    let most = line { ($0.books, $0.fillers) = (500, 500) }
    #expect(most.contains("found 750144 sentences") && most.contains("at most 134400"))
  }
}
