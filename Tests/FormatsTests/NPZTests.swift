import Formats
import TensorCore
import Testing

@Suite("archives of numpy arrays")
struct NPZTests {
  static let array = goldenBytes(Golden.npyVector)

  static func read(_ zip: ZipBuilder) throws(FormatError) -> [NamedArray] {
    let table = try NPZ.read(ByteSource(zip.build(), name: "a.npz"))
    if let unreadable = table.unreadable.first { throw unreadable.error }
    return table.arrays
  }

  @Test("numpy's archives arrive with their names, compressed or not")
  func goldens() throws {
    for golden in [Golden.npzStored, Golden.npzDeflated] {
      let arrays = try NPZ.read(ByteSource(golden: golden)).arrays
      #expect(arrays.map(\.name) == ["x", "layer/y"])
      #expect(arrays.map(\.array.elementType) == [.float32, .int64])
      #expect(try arrays[0].array.tensor() == Tensor<Float>(rows: [[0, 1, 2], [3, 4, 100]]))
      #expect(try arrays[1].array.integers() == [7, -9])
    }
    #expect(try NPZ.read(ByteSource(golden: Golden.npzNone)).arrays.isEmpty)
  }

  @Test("numbers of eight bytes, comments and unknown extra fields make no difference")
  func dialects() throws {
    var member = ZipBuilder.Member("x.npy", NPZTests.array)
    var zips = [ZipBuilder(members: [member])]
    member.isLong = true
    zips.append(ZipBuilder(members: [member]))
    zips.append(ZipBuilder(members: [member], isLong: true))
    // A comment that looks like an end does not mislead: it does not end with the file.
    zips.append(ZipBuilder(members: [member], comment: [0x50, 0x4b, 5, 6, 0, 0]))
    member.method = 8
    member.size = member.bytes.count
    member.checksum = crc32(member.bytes)
    member.bytes = deflatedPlainly(member.bytes)
    zips.append(ZipBuilder(members: [member]))
    for zip in zips {
      #expect(
        try NPZTests.read(zip).map { try $0.array.tensor() } == [Tensor([3], [1.5, -2, 3.25])])
    }
  }

  @Test("a member that cannot be read does not spoil the others, and is refused by its name")
  func others() throws {
    let texts = Array("{'descr': '<U3', 'fortran_order': False, 'shape': (0,), }\n".utf8)
    let names = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(texts.count), 0] + texts
    var damaged = ZipBuilder.Member("d.npy", NPZTests.array)
    damaged.checksum = 1
    let zip = ZipBuilder(members: [
      .init("names.npy", names), .init("x.npy", NPZTests.array), .init("readme.txt", [65]), damaged,
    ])
    let table = try NPZ.read(ByteSource(zip.build(), name: "a.npz"))
    #expect(table.arrays.map(\.name) == ["x"])
    #expect(table.unreadable.map(\.name) == ["names", "readme.txt", "d"])
    #expect(try table.array("x") != nil)
    #expect(try table.array("z") == nil)
    let error = #expect(throws: FormatError.self) { try table.array("names") }
    #expect(error?.file == "a.npz/names.npy" && error?.found == "the type “<U3”")
    #expect(throws: FormatError.self) { try table.array("d") }
    // It is not known which of several is meant.
    #expect(throws: FormatError.self) {
      try StoredArray.read(ByteSource(zip.build(), name: "a.npz"))
    }
  }

  @Test("an archive of other files says how to unpack it, folders in it or not")
  func foreign() throws {
    let zip = ZipBuilder(members: [.init("d/", []), .init("d/x.csv", [65])])
    let error = #expect(throws: FormatError.self) {
      try NPZ.read(ByteSource(zip.build(), name: "data.zip"))
    }
    #expect(
      error?.description
        == "data.zip: found a zip archive of “d/”, “d/x.csv”, expected one of numpy's arrays, or the "
        + "file itself; unpack it: unzip data.zip")
  }

  @Test("a spreadsheet, and JSON that is no lines, say what to write instead") func otherTables()
    throws
  {
    let zip = ZipBuilder(members: [.init("xl/workbook.xml", [65])])
    let error = #expect(throws: FormatError.self) {
      try NPZ.read(ByteSource(zip.build(), name: "t.xlsx"))
    }
    #expect(error?.found == "a spreadsheet" && error?.remedy == "save it as CSV")
    let json = #expect(throws: FormatError.self) {
      try ItemTable(ByteSource(Array("[{\"x\": 1}]".utf8), name: "t.json"))
    }
    #expect(json?.remedy == "write an object in each line and name the file .jsonl")
  }

  @Test("the order is that of the directory, whatever the order of the bytes") func order() throws {
    var zip = ZipBuilder(members: [.init("a.npy", NPZTests.array), .init("b.npy", NPZTests.array)])
    let size = 30 + 5 + NPZTests.array.count
    zip.members[0].name = Array("b.npy".utf8)
    zip.members[0].ownName = Array("a.npy".utf8)
    zip.members[1].name = Array("a.npy".utf8)
    zip.members[1].ownName = Array("b.npy".utf8)
    zip.members[0].position = size
    zip.members[1].position = 0
    #expect(try NPZTests.read(zip).map(\.name) == ["b", "a"])
  }

  /// What is wrong, and the words that the error has.
  static let faults: [(change: @Sendable (inout ZipBuilder) -> Void, words: String)] = [
    ({ $0.members[0].flags = 1 }, "which is encrypted"),
    ({ $0.members[0].flags = 1 << 6 }, "with flags 64"),
    ({ $0.members[0].method = 12 }, "compressed by method 12"),
    ({ $0.members[0].checksum = 1 }, "the checksum"),
    ({ $0.members[0].name = Array("../x.npy".utf8) }, "the name “../x.npy”"),
    ({ $0.members[0].name = Array("/x.npy".utf8) }, "the name “/x.npy”"),
    ({ $0.members[0].name = Array("a//x.npy".utf8) }, "the name"),
    ({ $0.members[0].name = Array("a\\x.npy".utf8) }, "the name"),
    ({ $0.members[0].name = [0xff, 0x2e, 0x6e, 0x70, 0x79] }, "the name"),
    ({ $0.members[0].name = Array("x\0.npy".utf8) }, "the name"),
    ({ $0.members[0].name = [] }, "the name"),
    ({ $0.members[0].name = Array("x.txt".utf8) }, "the member “x.txt”"),
    ({ $0.members[0].name = Array("m/data.pkl".utf8) }, "a Python pickle"),
    ({ $0.members[0].ownName = Array("z.npy".utf8) }, "another header"),
    ({ $0.members[0].size = 5 }, "for a content of 5"),
    ({ $0.members[0].compressedSize = 5 }, "5 bytes for a content"),
    ({ $0.members[0].compressedSize = 1 << 20 }, "1048576 bytes from byte"),
    ({ $0.members[0].position = 1 }, "another header"),
    ({ $0.members[0].position = 1 << 30 }, "a member from byte 1073741824 on"),
    (
      { zip in
        zip.members[0].isLong = true
        zip.members[0].size = Int.max
        zip.members[0].compressedSize = Int.max
      }, "\(Int.max) bytes from byte"
    ),
    (
      { zip in
        zip.members[0].isLong = true
        zip.members[0].position = Int.max
      }, "a member from byte \(Int.max) on"
    ),
    ({ $0.members[1].name = $0.members[0].name }, "again"),
    ({ $0.count = 1 }, "more of the directory"),
    ({ $0.count = 3 }, "expected an entry of the directory"),
    ({ $0.count = 65_535 }, "expected an entry of the directory"),
    (
      { zip in
        zip.isLong = true
        zip.count = Int.max
      }, "\(Int.max) members"
    ),
    ({ $0.shift = 1 }, "expected one that ends at byte"),
    ({ $0.shift = -1 }, "expected one that ends at byte"),
  ]

  @Test("what is wrong with an archive is said", arguments: faults.indices)
  func refusal(index: Int) throws {
    var zip = ZipBuilder(
      members: [.init("x.npy", NPZTests.array), .init("y.npy", NPZTests.array)])
    NPZTests.faults[index].change(&zip)
    let error = #expect(throws: FormatError.self) { try NPZTests.read(zip) }
    #expect(error?.kind == .malformed)
    #expect(
      error?.description.contains(NPZTests.faults[index].words) == true,
      "\(error?.description ?? "")")
  }

  @Test("a member inside another is refused, so that no byte stands for two arrays")
  func overlap() throws {
    // The outer array's elements are a whole member of their own.
    let inner = ZipBuilder(members: [.init("y.npy", NPZTests.array)])
    let nested = Array(inner.build().prefix(30 + 5 + NPZTests.array.count))
    let header = Array(
      "{'descr': '|u1', 'fortran_order': False, 'shape': (\(nested.count),), }\n".utf8)
    let start = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header
    var zip = ZipBuilder(members: [.init("x.npy", start + nested), .init("y.npy", NPZTests.array)])
    #expect(try NPZTests.read(zip).count == 2)
    zip.members[1].position = 30 + 5 + start.count
    let error = #expect(throws: FormatError.self) { try NPZTests.read(zip) }
    #expect(error?.found.contains("a member from byte") == true)
  }

  @Test("a compressed member inflates to what is said of it and no further")
  func bombs() throws {
    var member = ZipBuilder.Member("x.npy", deflatedPlainly(NPZTests.array))
    member.method = 8
    member.checksum = crc32(NPZTests.array)
    for (size, words) in [
      (NPZTests.array.count - 1, "an array of 140 bytes"), (1, "the start of a .npy file"),
      (NPZTests.array.count + 1, "the end of the inflated content"),
      (1 << 20, "compressed bytes for a content of 1048576"),
    ] {
      member.size = size
      let error = #expect(throws: FormatError.self) {
        try NPZTests.read(ZipBuilder(members: [member]))
      }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
    // More after the end of the compressed data.
    member.size = NPZTests.array.count
    member.bytes += [0]
    let error = #expect(throws: FormatError.self) {
      try NPZTests.read(ZipBuilder(members: [member]))
    }
    #expect(error?.found == "bytes after compressed data")
    #expect(error?.file == "a.npz/x.npy")
  }

  @Test("many members that are each small enough are not inflated when they are not together")
  func manyBombs() throws {
    // Each could stand for 1032 times its bytes; together they claim more than a gibibyte.
    let zip = ZipBuilder(
      members: (0..<12).map { number in
        var member = ZipBuilder.Member("\(number).npy", [UInt8](repeating: 0, count: 100_000))
        member.method = 8
        member.size = 100_000_000
        return member
      })
    let error = #expect(throws: FormatError.self) { try NPZTests.read(zip) }
    #expect(error?.found == "1200000000 bytes when inflated")
  }
}
