import Formats
import Foundation
import TensorCore
import Testing

@Suite("the registry of formats")
struct FormatRegistryTests {
  @Test("names are unique and short, summaries are one line") func table() {
    let names = FormatRegistry.all.map(\.name)
    #expect(Set(names).count == names.count)
    let endings = FormatRegistry.all.flatMap(\.extensions)
    #expect(Set(endings).count == endings.count)
    for format in FormatRegistry.all {
      #expect(format.name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber) })
      #expect(format.summary.count < 80 && !format.summary.contains("\n"))
    }
  }

  @Test("the content decides, then the name") func choice() throws {
    func name(_ bytes: [UInt8], _ file: String) throws -> String {
      try FormatRegistry.format(of: ByteSource(bytes, name: file)).name
    }
    #expect(try name(goldenBytes(Golden.npyScalar), "x.csv") == "npy")
    #expect(try name(goldenBytes(Golden.safetensors), "x.npy") == "safetensors")
    #expect(try name(goldenBytes(Golden.idxBytes), "x") == "idx")
    #expect(try name(goldenBytes(Golden.idxCompressed), "x") == "idx")
    #expect(try name(Array("a,b\n".utf8), "x.CSV") == "csv")
    #expect(try name([], "x.npy") == "npy")
    let error = #expect(throws: FormatError.self) { try name(Array("a,b\n".utf8), "x") }
    #expect(error?.kind == .malformed)
    #expect(error?.expected.hasPrefix("one of .npy .safetensors ") == true)
  }

  @Test("a file with several arrays is read whole, or the error says so") func several() throws {
    let folder = try TemporaryFolder()
    let one = NamedArray("one", StoredArray(Tensor<Float>([1], [1])))
    let two = NamedArray("two", StoredArray(Tensor<Float>([1], [2])))
    try Safetensors([one]).write(to: folder("a"))
    #expect(try StoredArray.read(path: folder("a")).tensor() == Tensor<Float>([1], [1]))
    try Safetensors([one, two]).write(to: folder("a"))
    #expect(try NamedArray.readAll(path: folder("a")).map(\.name) == ["one", "two"])
    let error = #expect(throws: FormatError.self) { try StoredArray.read(path: folder("a")) }
    #expect(error?.found == "2 arrays")
  }

  @Test("pickles are refused with the line that converts them")
  func pickles() throws {
    let old: [UInt8] = [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46]
    let new: [UInt8] =
      Array(ZipBuilder(members: [.init("m/data.pkl", [0x80, 2])]).build().prefix(100))
    for (bytes, name) in [(old, "model.bin"), (new, "model.npz"), ([], "model.pt")] {
      let error = try #require(fault(in: bytes, name: name))
      #expect(error.kind == .malformed)
      #expect(
        error.description.contains(
          "torch.load('\(name)', map_location='cpu', weights_only=True)"))
      #expect(!error.description.contains("\n"))
    }
    // A name that would end the quotation is not put into a command line.
    let error = try #require(fault(in: old, name: "'; rm -r ~ #.pt"))
    #expect(error.remedy.contains("torch.load('FILE.pt'"))
  }

  @Test("the line that converts a pickle follows what the pickle would import")
  func pickleLines() throws {
    func remedy(_ program: String, _ name: String) throws -> String {
      try #require(fault(in: [0x80, 2] + Array(program.utf8), name: name)).remedy
    }
    let module = try remedy("ctorch.nn.modules.linear\nLinear\nq\u{0}.", "m.pkl")
    #expect(module.hasPrefix("if you trust who made it, convert it where it was made: python -c"))
    #expect(module.contains("pickle.load(open('m.pkl', 'rb'))") && module.contains("'state_dict'"))
    let state = try remedy(
      "ctorch._utils\n_rebuild_tensor_v2\nccollections\nOrderedDict\n.", "m.pkl")
    #expect(!state.contains("trust") && state.contains("m.pkl.safetensors"))
    let array = try remedy("cnumpy.core.multiarray\n_reconstruct\n.", "a.pkl")
    #expect(!array.contains("torch") && array.contains("n.savez('a.pkl.npz'"))
    // Protocol 4 names what it imports by two texts and a mark.
    let program: [UInt8] =
      [0x80, 4, 0x8c, 5] + Array("evilm".utf8) + [0x94, 0x8c, 4] + Array("call".utf8) + [
        0x94, 0x93,
      ]
    let evil = try #require(fault(in: program, name: "e.pkl")).remedy
    #expect(evil.hasPrefix("if you trust who made it"))
  }

  @Test(
    "compressed files say what expands them",
    arguments: [
      ("x.csv.gz", [0x1f, 0x8b, 8, 0], "gunzip x.csv.gz"),
      ("x.bz2", Array("BZh91AY".utf8), "bunzip2 x.bz2"),
      ("x.npy.xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "unxz x.npy.xz"),
      ("x.zst", [0x28, 0xb5, 0x2f, 0xfd], "unzstd x.zst"),
      ("x.tar.gz", [0x1f, 0x8b, 8, 0], "tar -xf x.tar.gz"),
      ("x.7z", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "7z x x.7z"),
      ("x.npy", [UInt8](repeating: 0x41, count: 257) + Array("ustar".utf8), "tar -xf x.npy"),
      ("a b.gz", [0x1f, 0x8b, 8, 0], "gunzip FILE"), ("-r.gz", [0x1f, 0x8b, 8, 0], "gunzip FILE"),
    ] as [(String, [UInt8], String)])
  func compressed(_ name: String, _ bytes: [UInt8], _ command: String) throws {
    let error = try #require(fault(in: bytes, name: name))
    #expect(error.kind == .malformed)
    #expect(error.description.hasSuffix("expected the plain file; expand it first: \(command)"))
  }

  @Test("an archive of arrays is none of the pickles, and one without a directory is neither")
  func archives() throws {
    let source = ByteSource(golden: Golden.npzStored, name: "model.pt")
    #expect(try FormatRegistry.format(of: source).name == "npz")
    let error = try #require(fault(in: [0x50, 0x4b, 3, 4, 0, 0], name: "a.npz"))
    #expect(error.found == "no end of an archive")
  }

  @Test("what is not there is missing, and a folder is no file") func missing() throws {
    let folder = try TemporaryFolder()
    for path in [folder("none.npy"), folder("none/none.npy"), "", "a\0b"] {
      let error = #expect(throws: FormatError.self) { try StoredArray.read(path: path) }
      #expect(error?.kind == .missing)
    }
    let error = #expect(throws: FormatError.self) { try StoredArray.read(path: folder.path) }
    #expect(error?.description == "\(folder.path): found a folder, expected a file")
  }

  @Test("a pipe without a writer does not hang") func pipe() throws {
    let folder = try TemporaryFolder()
    #expect(mkfifo(folder("pipe.npy"), 0o600) == 0)
    #expect(throws: FormatError.self) { try StoredArray.read(path: folder("pipe.npy")) }
  }
}
