import Formats
import Foundation
import TensorCore
import Testing

@Suite("pictures")
struct PictureTests {
  static func pixels(_ golden: String) throws -> StoredArray {
    try StoredArray.read(ByteSource(golden: golden))
  }

  /// The coloured golden `[1, 3, 8, 9]`.
  static let color: [Int64] =
    values { row, _ in 30 * row } + values { _, column in 25 * column }
    + values { row, column in 3 * row * column }

  /// Numbers of eight rows and nine columns.
  static func values(_ value: (Int64, Int64) -> Int64) -> [Int64] {
    (0..<72).map { value($0 / 9, $0 % 9) }
  }

  @Test("PNG files arrive to the number, as one item with its channels first") func png() throws {
    let gray = try PictureTests.pixels(Golden.pngGray)
    #expect(gray.shape == [1, 1, 8, 9])
    #expect(gray.elementType == .uint8)
    #expect(try gray.integers() == PictureTests.values { row, column in 20 * row + 9 * column })
    let bits = try PictureTests.pixels(Golden.pngBits)
    #expect(try bits.integers() == PictureTests.values { row, column in (row + column) % 2 * 255 })
    for golden in [Golden.pngColor, Golden.pngOpaque, Golden.pngPalette] {
      let color = try PictureTests.pixels(golden)
      #expect(color.shape == [1, 3, 8, 9])
      #expect(try color.integers() == PictureTests.color)
    }
  }

  @Test("what a PNG file says of brightness does not change its numbers") func gamma() throws {
    #expect(try PictureTests.pixels(Golden.pngLinear).integers() == PictureTests.color)
  }

  @Test("JPEG files arrive as another program reads them") func jpeg() throws {
    for (golden, decoded, channels) in [
      (Golden.jpgGray, Golden.pixelsGray, 1), (Golden.jpgColor, Golden.pixelsColor, 3),
      (Golden.jpgSmall, Golden.pixelsSmall, 3),
    ] {
      let picture = try PictureTests.pixels(golden)
      #expect(picture.shape == Shape([1, channels, 8, 9]))
      let expected = goldenBytes(decoded)
      var planes: [Int64] = []
      for channel in 0..<channels {
        for pixel in 0..<72 { planes.append(Int64(expected[pixel * channels + channel])) }
      }
      #expect(try picture.integers() == planes)
    }
  }

  @Test("opacity, 16 bits and colours for printing are refused") func kinds() throws {
    for (golden, words) in [
      (Golden.pngTransparent, "a transparent pixel"), (Golden.pngDeep, "16 bits for a colour"),
      (Golden.jpgPrint, "a picture in colours for printing"),
    ] {
      let error = #expect(throws: FormatError.self) { try PictureTests.pixels(golden) }
      #expect(error?.found == words)
    }
  }

  /// A PNG file of these chunks, their checksums right.
  static func png(_ chunks: [(String, [UInt8])]) -> [UInt8] {
    var bytes: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
    for (name, content) in chunks {
      let typed = Array(name.utf8) + content
      bytes += big(content.count)
      bytes += typed
      bytes += big(Int(crc32(typed)))
    }
    return bytes
  }

  static func big(_ value: Int) -> [UInt8] { little(UInt32(value)).reversed() }

  static func header(_ width: Int, _ height: Int) -> (String, [UInt8]) {
    let extents: [UInt8] = big(width) + big(height)
    return ("IHDR", extents + [8, 0, 0, 0, 0])
  }

  @Test("a picture that claims to be vast is refused before it is decoded") func vast() {
    for (width, height) in [
      (1 << 31 - 1, 1 << 31 - 1), (1 << 32 - 1, 1), (1 << 14, 1 << 13), (0, 5), (5, 0),
      (8192, 8192), (1000, 1000),
    ] {
      let bytes = PictureTests.png([PictureTests.header(width, height), ("IDAT", []), ("IEND", [])])
      let error = fault(in: bytes, name: "vast.png")
      #expect(error?.found.hasPrefix("a picture of \(width) × \(height) pixels") == true)
    }
    // The height of a JPEG file stands two bytes after the mark of its frame.
    var jpeg = goldenBytes(Golden.jpgGray)
    let frame = jpeg.indices.first { jpeg[$0...].starts(with: [0xff, 0xc0]) } ?? 0
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [255, 220, 255, 220])
    #expect(fault(in: jpeg, name: "vast.jpg")?.found.hasPrefix("a picture of 65500 ×") == true)
  }

  @Test("a PNG file without its order of chunks is refused") func chunks() {
    let header = PictureTests.header(1, 1)
    for chunks in [
      [], [("IEND", [])], [header], [header, ("IEND", [])], [header, header, ("IEND", [])],
      [("IHDR", []), ("IEND", [])], [("IDAT", []), header, ("IEND", [])],
      [header, ("ABCD", [1]), ("IDAT", [1]), ("IEND", [])],
    ] as [[(String, [UInt8])]] {
      #expect(fault(in: PictureTests.png(chunks), name: "a.png")?.kind == .malformed)
    }
  }
}

@Suite("folders of pictures")
struct PictureFolderTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try add("cat/b.PNG", Golden.pngColor)
    try add("cat/a.jpg", Golden.jpgColor)
    try add("ant/10.jpeg", Golden.jpgSmall)
    try add("ant/9.png", Golden.pngPalette)
    try add("ant/notes.txt", Golden.pngGray)
    try add("readme.md", Golden.pngGray)
    try add(".hidden/a.png", Golden.pngGray)
  }

  private func add(_ path: String, _ golden: String) throws {
    let parts = path.split(separator: "/").dropLast()
    try FileManager.default.createDirectory(
      atPath: folder(parts.joined(separator: "/")), withIntermediateDirectories: true)
    try AtomicFile.write(goldenBytes(golden), to: folder(path))
  }

  private func fault() -> FormatError? {
    #expect(throws: FormatError.self) { try PictureFolder.read(folder.path) }
  }

  @Test("pixels, classes and paths arrive in the order of the names") func order() throws {
    let table = try PictureFolder.read(folder.path)
    #expect(table.arrays.map(\.name) == ["x", "y"])
    #expect(table["x"]?.shape == [4, 3, 8, 9])
    #expect(table["x"]?.elementType == .uint8)
    #expect(try table["y"]?.integers() == [0, 0, 1, 1])
    #expect(table.texts("id") == ["ant/10.jpeg", "ant/9.png", "cat/a.jpg", "cat/b.PNG"])
    #expect(table.texts("group") == ["ant", "ant", "cat", "cat"])
    let all = try #require(try table["x"]?.integers())
    #expect(Array(all[216..<432]) == PictureTests.color)
    #expect(Array(all[648...]) == PictureTests.color)
  }

  @Test("pictures in deeper folders come as torchvision's ImageFolder numbers them")
  func deeper() throws {
    // `sorted(os.walk(…))`: a folder before what is in it, folders by their whole paths.
    for path in ["b/z.png", "b-c/y.png", "b/a/x.png", "a/w.png", "0.png"] {
      try add("cat/\(path)", Golden.pngColor)
    }
    #expect(
      try PictureFolder.read(folder.path).texts("id") == [
        "ant/10.jpeg", "ant/9.png", "cat/0.png", "cat/a.jpg", "cat/b.PNG", "cat/a/w.png",
        "cat/b/z.png", "cat/b-c/y.png", "cat/b/a/x.png",
      ])
  }

  @Test("pictures that are not read are counted in a note") func passedOver() throws {
    #expect(try PictureFolder.read(folder.path).notes.isEmpty)
    try add("cat/c.webp", Golden.pngGray)
    try add("cat/more/d.BMP", Golden.pngGray)
    try add("ant/e.bmp", Golden.pngGray)
    let table = try PictureFolder.read(folder.path)
    #expect(table["x"]?.shape[0] == 4)
    #expect(
      table.notes == [
        "\(folder.path): 3 of 7 pictures are passed over (2 .bmp, 1 .webp), because only .png, .jpg, "
          + ".jpeg are read; torchvision's ImageFolder takes them, so the numbers of the items are not "
          + "its own: convert them to PNG"
      ])
    // What ImageFolder does not take either changes no number.
    for path in ["cat/c.webp", "cat/more/d.BMP", "ant/e.bmp"] {
      try FileManager.default.removeItem(atPath: folder(path))
    }
    try add("ant/e.gif", Golden.pngGray)
    let note = try #require(try PictureFolder.read(folder.path).notes.first)
    #expect(note.contains("1 of 5 pictures is passed over (1 .gif)") && !note.contains("numbers"))
    try add("bee/f.tif", Golden.pngGray)
    let error = fault()
    #expect(error?.file == folder("bee"))
    #expect(error?.found == "only pictures that cannot be read, 1")
  }

  @Test("links to folders are followed, those to the folder itself or to one above are not")
  func folderLinks() throws {
    let manager = FileManager.default
    try manager.createSymbolicLink(atPath: folder("here"), withDestinationPath: ".")
    try manager.createSymbolicLink(atPath: folder("cat/up"), withDestinationPath: "..")
    try manager.createSymbolicLink(atPath: folder("cat/self"), withDestinationPath: ".")
    #expect(try PictureFolder.read(folder.path)["x"]?.shape[0] == 4)
    try manager.createSymbolicLink(atPath: folder("cat/other"), withDestinationPath: "../ant")
    #expect(
      try PictureFolder.read(folder.path).texts("id")?.suffix(2) == [
        "cat/other/10.jpeg", "cat/other/9.png",
      ])
  }

  @Test("the first picture of another size or kind is named") func sizes() throws {
    try add("bee/x.png", Golden.pngGray)
    let error = fault()
    #expect(error?.file.hasSuffix("/bee/x.png") == true)
    #expect(error?.found == "a picture of channels, rows and columns [1, 8, 9]")
    #expect(error?.expected.contains("[3, 8, 9]") == true)
  }

  @Test("a picture at fault is named by its path") func damaged() throws {
    try AtomicFile.write(Array(goldenBytes(Golden.jpgColor).dropLast(40)), to: folder("cat/a.jpg"))
    #expect(fault()?.file == folder("cat/a.jpg"))
    try AtomicFile.write([1, 2, 3], to: folder("cat/a.jpg"))
    #expect(fault()?.found == "other bytes")
  }

  @Test("a class without pictures, pictures without a class, and nothing at all are refused")
  func structure() throws {
    try add("bee/x.txt", Golden.pngGray)
    #expect(fault()?.file == folder("bee"))
    try FileManager.default.removeItem(atPath: folder("bee"))
    try add("x.png", Golden.pngGray)
    #expect(fault()?.found == "a picture of no class")
    let empty = try TemporaryFolder()
    let error = #expect(throws: FormatError.self) { try PictureFolder.read(empty.path) }
    #expect(error?.found == "no pictures")
  }

  @Test("a link that leads out of the folder is refused, one inside is followed")
  func links() throws {
    let manager = FileManager.default
    try manager.createSymbolicLink(
      atPath: folder("cat/c.png"), withDestinationPath: folder("cat/b.PNG"))
    #expect(try PictureFolder.read(folder.path)["x"]?.shape[0] == 5)
    let outside = try TemporaryFolder()
    try manager.createDirectory(atPath: outside("dog"), withIntermediateDirectories: true)
    try AtomicFile.write(goldenBytes(Golden.pngColor), to: outside("dog/d.png"))
    try manager.createSymbolicLink(
      atPath: folder("cat/d.png"), withDestinationPath: outside("dog/d.png"))
    #expect(fault()?.found.contains("is a link that leads out") == true)
    try manager.removeItem(atPath: folder("cat/d.png"))
    try manager.createSymbolicLink(atPath: folder("dog"), withDestinationPath: outside("dog"))
    #expect(fault()?.found.contains("is a link that leads out") == true)
  }

  @Test("a pipe in the place of a picture does not hang") func pipe() throws {
    #expect(mkfifo(folder("cat/p.png"), 0o600) == 0)
    #expect(fault()?.found == "a pipe or a device")
  }
}
