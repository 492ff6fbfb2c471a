import ArgumentParser
import Foundation
import Palimpsest

/// `palimpsest books`: a corpus in which it is known what stands where.
struct BooksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "books",
    abstract: "Write small invented books with planted passages, and where these stand.",
    discussion: """
      DIR/books has a folder for each book with a file for each chapter, to be given to train \
      --text. DIR/truth.jsonl has a line for each plant: its kind (unique; copied, in several \
      books; paraphrased, in another book in other words; held-out, in no book), its first words, \
      its text, and the chapters that it is.

      EXAMPLE:
        palimpsest books --out invented
        palimpsest train --out run --text invented/books --held-out 0 \\
          --model transformer:context=64,width=64,heads=4,layers=2 \\
          --vocabulary bpe:384 --optimizer adamw --lr 0.003 --batch-size 8
      """)

  @Option(help: ArgumentHelp("A new or empty folder.", valueName: "dir"), transform: Output.folder)
  var out: String

  @Option(help: ArgumentHelp("Books that a copied plant stands in.", valueName: "n"))
  var copies = InventedBooks.Settings().copies

  @Option(help: ArgumentHelp("Seed of the books.", valueName: "n"))
  var seed: UInt64 = 0

  @Flag(help: "Print the numbers as JSON.")
  var json = false

  mutating func run() throws {
    try OutputPlace.refuseRecord(out, above: out)
    var settings = InventedBooks.Settings()
    (settings.copies, settings.seed) = (copies, seed)
    let books = try InventedBooks(settings)
    if let stranger = try FolderContent.names(out).first {
      throw TrainingError.occupied(folder: out, found: stranger)
    }
    for file in books.files {
      let path = "\(out)/books/\(file.path)"
      try FolderContent.make(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
      try AtomicFile.write(file.bytes, to: path)
    }
    let lines = books.plants.map { "\(Self.object($0))\n" }
    try AtomicFile.write(Array(lines.joined().utf8), to: "\(out)/truth.jsonl")
    let bytes = books.files.reduce(0) { $0 + $1.bytes.count }
    let kinds = InventedBooks.Plant.Kind.allCases.map { kind in
      (kind.rawValue, books.plants.count { $0.kind == kind })
    }
    if json {
      let members: [(String, JSONValue)] =
        [
          ("out", .string(out)), ("books", .number(settings.books)),
          ("chapters", .number(books.files.count)), ("bytes", .number(bytes)),
        ] + kinds.map { ($0.0, .number($0.1)) }
      try Output.line("\(JSONValue.object(members.map { .init($0.0, $0.1) }))")
    } else {
      try Output.line(
        FormatError.printable(out)
          + ": \(settings.books) books, \(books.files.count) chapters, \(HumanNumber.count(bytes)) bytes; "
          + "plants: " + kinds.map { "\($0.1) \($0.0)" }.joined(separator: ", "))
    }
  }

  private static func object(_ plant: InventedBooks.Plant) -> JSONValue {
    func list(_ paths: [String]) -> JSONValue { .array(paths.map { .string($0) }) }
    return .object([
      .init("kind", .string(plant.kind.rawValue)), .init("prompt", .string(plant.prompt)),
      .init("text", .string(plant.text)), .init("paths", list(plant.paths)),
      .init("paraphrase", plant.paraphrase.map { .string($0) } ?? .null),
      .init("paraphrasePaths", list(plant.paraphrasePaths)),
    ])
  }
}
