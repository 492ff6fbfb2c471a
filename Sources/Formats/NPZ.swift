/// Archives of arrays, which are refused for their single arrays.
enum NPZ {
  /// The first bytes of every archive.
  static let magic: [UInt8] = [0x50, 0x4b, 0x03, 0x04]

  /// The entry of the registry.
  static let format = FileFormat(
    name: "npz", extensions: ["npz"],
    summary: "archives written by numpy.savez; refused, with the line that unpacks them",
    recognises: { source throws(FormatError) in try source.prefix(magic.count) == magic },
    read: { source throws(FormatError) in
      throw source.malformed(
        found: "an archive", expected: "a file with one array",
        remedy: "unpack it: python -c \"import numpy as n; "
          + "[n.save(k, v) for k, v in n.load('FILE.npz').items()]\"")
    })
}
