/// PyTorch's checkpoints, which are refused: a pickle is a program, and opening it runs it.
enum Pickle {
  /// The error for a file that holds a pickle, with the line that converts it.
  static func refusal(of source: ByteSource) -> FormatError {
    // The name goes into a command line, so it must be harmless there.
    let isPlain = source.name.unicodeScalars.allSatisfy { scalar in
      scalar.isASCII
        && (scalar.properties.isAlphabetic || "0123456789/._-".unicodeScalars.contains(scalar))
    }
    let path = isPlain ? source.name : "FILE.pt"
    return source.malformed(
      found: "a Python pickle, which can run code when it is opened",
      expected: "a .safetensors file",
      remedy: "convert it where it was made: python -c \"import torch, safetensors.torch as s; "
        + "s.save_file({k: v.contiguous() for k, v in "
        + "torch.load('\(path)', weights_only=True).items()}, '\(path).safetensors')\"")
  }

  /// The entry of the registry.
  static let format = FileFormat(
    name: "pickle", extensions: ["pt", "pth", "pkl", "pickle", "ckpt"],
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
