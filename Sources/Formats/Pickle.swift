/// Python's pickles and PyTorch's checkpoints, which are refused: a pickle is a program, and opening
/// it runs it.
enum Pickle {
  /// The error for a file that holds a pickle, with the line that converts it.
  static func refusal(of source: ByteSource) -> FormatError {
    let path = FormatError.shellWord(source.name, else: "FILE.pt")
    let content = Content(source)
    let line =
      content.isOfTorch
      ? torchLine(path, content) : arrayLine(path, isOfJoblib: content.isOfJoblib)
    return source.malformed(
      found: "a Python pickle, which can run code when it is opened",
      expected: content.isOfTorch ? "a .safetensors file" : "an .npz file",
      remedy: (content.isPlain ? "" : "if you trust who made it, ")
        + "convert it where it was made: python -c \"\(line)\"")
  }

  /// Takes the state of a module, the larger of a dictionary and those inside it, a pair as x and y,
  /// or a tensor as x; what shares memory is written twice.
  private static func torchLine(_ path: String, _ content: Content) -> String {
    let load =
      content.isTorchFile
      ? "torch.load('\(path)', map_location='cpu', weights_only=\(content.isPlain ? "True" : "False"))"
      : "pickle.load(open('\(path)', 'rb'))"
    return "import torch\(content.isTorchFile ? "" : ", pickle"), safetensors.torch as s; "
      + "f = lambda o: getattr(o, 'state_dict', lambda: getattr(o, 'tensors', o))(); "
      + "t = lambda o: {str(k): torch.as_tensor(v).detach().clone().contiguous() for k, v in "
      + "(o.items() if isinstance(o, dict) else zip('xy', o if isinstance(o, tuple) else (o,))) "
      + "if hasattr(v, 'shape') or not isinstance(o, dict)}; "
      + "o = f(\(load)); "
      + "s.save_file(max([t(f(v)) for v in (o.values() if isinstance(o, dict) else []) "
      + "if isinstance(f(v), dict)] + [t(o)], key=len), '\(path).safetensors')"
  }

  /// Takes the arrays of a dictionary, a pair as x and y, or an array as x.
  private static func arrayLine(_ path: String, isOfJoblib: Bool) -> String {
    let load =
      isOfJoblib
      ? "joblib.load('\(path)')" : "pickle.load(open('\(path)', 'rb'), encoding='latin1')"
    return "import \(isOfJoblib ? "joblib" : "pickle"), numpy as n; o = \(load); "
      + "n.savez('\(path).npz', **{str(k): n.asarray(v) for k, v in (o.items() "
      + "if isinstance(o, dict) else zip('xy', o if isinstance(o, tuple) else (o,)))})"
  }

  /// The entry of the registry.
  static let format = FileFormat(
    name: "pickle", extensions: ["pt", "pth", "pkl", "pickle", "ckpt", "joblib"],
    summary: "PyTorch checkpoints; refused, with the line that converts them",
    recognises: { source throws(FormatError) in
      let start = try source.prefix(256)
      // A pickle begins with its protocol. In a newer checkpoint it is the first file of an archive.
      if start.count > 2, start[0] == 0x80, 2...5 ~= start[1] { return true }
      guard start.starts(with: NPZ.magic), start.count > 30 else { return false }
      let name = start[30...].prefix(Int(start[26]) | Int(start[27]) << 8)
      return String(decoding: name, as: UTF8.self).hasSuffix(".pkl")
    },
    read: { source throws(FormatError) in throw refusal(of: source) })
}

extension Pickle {
  /// What a pickle would import, told from its bytes without following its program.
  private struct Content {
    /// Whether `torch.load` opens it.
    let isTorchFile: Bool
    let isOfTorch: Bool
    let isOfJoblib: Bool
    /// Whether it imports nothing but what holds numbers.
    let isPlain: Bool

    /// The bytes that are looked at: the program of a large checkpoint stands before its numbers.
    private static let most = 1 << 20
    /// The number that older checkpoints begin with, as a pickle of its own.
    private static let torchMagic: [UInt8] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46]

    init(_ source: ByteSource) {
      let bytes = (try? source.prefix(Self.most)) ?? []
      let isArchive = bytes.starts(with: NPZ.magic)
      let modules = Self.modules(bytes)
      let name = source.name.lowercased()
      isTorchFile =
        isArchive || bytes.dropFirst(2).starts(with: Self.torchMagic)
        || modules.isEmpty && ![".pkl", ".pickle", ".joblib"].contains(where: name.hasSuffix)
      isOfTorch = isTorchFile || modules.contains { $0 == "torch" || $0.hasPrefix("torch.") }
      isOfJoblib = modules.contains { $0.hasPrefix("joblib") }
      isPlain =
        modules.isSubset(of: [
          "torch", "torch._utils", "torch.storage", "torch._tensor", "collections",
        ])
        || !isOfTorch && modules.allSatisfy { $0.hasPrefix("numpy") || $0 == "_codecs" }
    }

    /// The modules that are named: `c`, module, line end, name, line end; or, in protocol 4, a short
    /// text before another.
    private static func modules(_ bytes: [UInt8]) -> Set<String> {
      var modules: Set<String> = []
      var place = 0
      while place < bytes.count {
        let byte = bytes[place]
        place += 1
        var rest = bytes[place...]
        if byte == UInt8(ascii: "c") {
          rest = rest.prefix(200)
          guard let end = rest.firstIndex(of: UInt8(ascii: "\n")),
            let next = rest[(end + 1)...].firstIndex(of: UInt8(ascii: "\n")),
            rest[..<end].isDottedName, rest[(end + 1)..<next].isDottedName
          else { continue }
          modules.insert(String(decoding: rest[..<end], as: UTF8.self))
          place = next + 1
        } else if byte == 0x8c, let length = rest.first {
          rest = rest.dropFirst().prefix(Int(length))
          // The name of something in it follows, and what looks both up; each is remembered (0x94).
          let after = bytes[rest.endIndex...].prefix(3)
          guard rest.count == Int(length), rest.isDottedName, after.starts(with: [0x94, 0x8c]),
            let second = after.last,
            bytes[after.endIndex...].dropFirst(Int(second)).prefix(2).contains(0x93)
          else { continue }
          modules.insert(String(decoding: rest, as: UTF8.self))
        }
      }
      return modules
    }
  }
}

extension ArraySlice<UInt8> {
  /// Whether these are letters, digits, underscores and points, as in a Python name.
  fileprivate var isDottedName: Bool {
    !isEmpty
      && allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
          || $0 == UInt8(ascii: ".")
      }
  }
}
