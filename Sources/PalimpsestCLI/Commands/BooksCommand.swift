import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest books`: a corpus in which it is known what stands where.
struct BooksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "books",
    abstract: "Write small invented books with planted passages, and where these stand.",
    discussion: """
      DIR/books has the books, to be given to train --text. DIR/truth.jsonl has a line for each \
      plant: its kind (unique; copied, in several books; paraphrased, in another book in other \
      words; held-out, in no book), its first words, its text, and its places.

      EXAMPLE:
        palimpsest books --out invented
        palimpsest train --out run --text invented/books --held-out 0 \\
          --model transformer:context=64,width=64,heads=4,layers=2 \\
          --vocabulary bpe:384 --optimizer adamw --lr 0.003 --batch-size 8
      """)

  @Option(help: ArgumentHelp("A new or empty folder.", valueName: "dir"))
  var out: String

  @Option(help: ArgumentHelp("Books that a copied plant stands in.", valueName: "n"))
  var copies = InventedBooks.Settings().copies

  @Option(help: ArgumentHelp("Seed of the books.", valueName: "n"))
  var seed: UInt64 = 0

  @Flag(help: "Print the numbers as JSON.")
  var json = false

  mutating func run() throws {
    var settings = InventedBooks.Settings()
    (settings.copies, settings.seed) = (copies, seed)
    let books = try InventedBooks(settings)
    if let stranger = try FolderContent.names(out).first {
      throw TrainingError.occupied(folder: out, found: stranger)
    }
    try FolderContent.make("\(out)/books")
    for file in books.files { try AtomicFile.write(file.bytes, to: "\(out)/books/\(file.path)") }
    let lines = books.plants.map { "\(Self.object($0))\n" }
    try AtomicFile.write(Array(lines.joined().utf8), to: "\(out)/truth.jsonl")
    let bytes = books.files.reduce(0) { $0 + $1.bytes.count }
    let kinds = InventedBooks.Plant.Kind.allCases.map { kind in
      (kind.rawValue, books.plants.count { $0.kind == kind })
    }
    if json {
      let members: [(String, JSONValue)] =
        [
          ("out", .string(out)), ("books", .number(books.files.count)), ("bytes", .number(bytes)),
        ] + kinds.map { ($0.0, .number($0.1)) }
      try Output.line("\(JSONValue.object(members.map { .init($0.0, $0.1) }))")
    } else {
      try Output.line(
        FormatError.printable(out)
          + ": \(books.files.count) books of \(HumanNumber.count(bytes)) bytes; "
          + "plants: " + kinds.map { "\($0.1) \($0.0)" }.joined(separator: ", "))
    }
  }

  private static func object(_ plant: InventedBooks.Plant) -> JSONValue {
    func list(_ places: [InventedBooks.Place]) -> JSONValue {
      .array(
        places.map {
          .object([
            .init("path", .string($0.path)), .init("start", .number($0.bytes.lowerBound)),
            .init("end", .number($0.bytes.upperBound)),
          ])
        })
    }
    return .object([
      .init("kind", .string(plant.kind.rawValue)), .init("prompt", .string(plant.prompt)),
      .init("text", .string(plant.text)), .init("places", list(plant.places)),
      .init("paraphrase", plant.paraphrase.map { .string($0) } ?? .null),
      .init("paraphrasePlaces", list(plant.paraphrasePlaces)),
    ])
  }
}
