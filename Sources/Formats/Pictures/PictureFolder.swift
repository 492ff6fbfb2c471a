import Foundation
import TensorCore

/// A folder with a subfolder of pictures for each class.
public enum PictureFolder {
  private static let endings = (PNGPicture.format.extensions + JPEGPicture.format.extensions).map {
    "." + $0
  }

  /// Reads all PNG and JPEG files in the subfolders, both ordered by the bytes of their names.
  ///
  /// - Returns: The arrays `x`, the pixels `[N, C, H, W]` as bytes, and `y`, the number `[N]` of the
  ///   class, counted from 0 in the order of the subfolders' names; the texts `id`, the paths in the
  ///   folder, and `group`, the names of the classes. Hidden files and those with other endings are
  ///   passed over.
  /// - Throws: `FormatError`, naming the first file at fault: one that is no such picture, is not of
  ///   the shape of the first, or leads out of the folder.
  /// - Complexity: all pixels are held in memory, a byte each.
  public static func read(_ folder: String) throws(FormatError) -> ItemTable {
    var paths: [String] = []
    var labels: [Int64] = []
    var classes: [String] = []
    for name in try names(in: folder, named: folder) {
      let path = "\(folder)/\(name)"
      guard try isFolder(name, in: folder) else {
        guard !isPicture(name) else {
          throw FormatError(
            .malformed, file: path, found: "a picture of no class",
            expected: "pictures in a subfolder for each class")
        }
        continue
      }
      let pictures = try names(in: path, named: path).filter(isPicture)
      guard !pictures.isEmpty else {
        throw FormatError(
          .malformed, file: path, found: "no pictures",
          expected: "files that end in \(endings.joined(separator: ", "))")
      }
      paths += pictures.map { "\(name)/\($0)" }
      labels += pictures.map { _ in Int64(classes.count) }
      classes.append(name)
    }
    guard let first = paths.first else {
      throw FormatError(
        .missing, file: folder, found: "no pictures", expected: "a subfolder for each class",
        remedy: "the folder of a run would have a run.json")
    }
    let pixels = try pixels(of: paths, in: folder, like: first)
    return ItemTable(
      folder,
      [NamedArray("x", pixels), NamedArray("y", StoredArray(labels, shape: [labels.count]))],
      texts: [
        .init(name: "id", values: paths),
        .init(name: "group", values: labels.map { classes[Int($0)] }),
      ])
  }

  private static func pixels(
    of paths: [String], in folder: String, like first: String
  ) throws(FormatError) -> StoredArray {
    let shape = try picture(first, in: folder).shape
    let whole = Shape([paths.count]).appending(shape)
    let bytes = try [UInt8](count: whole.count, for: folder) { buffer throws(FormatError) in
      for (item, path) in paths.enumerated() {
        let picture = try picture(path, in: folder)
        guard picture.shape == shape else {
          throw FormatError(
            .malformed, file: "\(folder)/\(path)",
            found: "a picture of channels, rows and columns \(picture.shape)",
            expected: "\(shape) as \(FormatError.quoted(first))",
            remedy: "bring all to one size and kind")
        }
        let part = item * shape.count..<(item + 1) * shape.count
        picture.copyPlanes(into: UnsafeMutableBufferPointer(rebasing: buffer[part]))
      }
    }
    return try StoredArray(whole, .uint8, in: ByteSource(bytes, name: folder), at: 0)
  }

  private static func picture(_ path: String, in folder: String) throws(FormatError) -> Picture {
    let resolved = try ContainedPath.resolve(path, inside: folder, namedBy: folder)
    let (file, name) = (try ByteSource(path: resolved), "\(folder)/\(path)")
    return try Picture(file.part(0..<file.count, name: name))
  }

  private static func isPicture(_ name: String) -> Bool {
    let name = name.lowercased()
    return endings.contains { name.hasSuffix($0) }
  }

  /// Whether this is a folder that does not lead out.
  private static func isFolder(_ name: String, in folder: String) throws(FormatError) -> Bool {
    let path = try ContainedPath.resolve(name, inside: folder, namedBy: folder)
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// The names that are not hidden, in the order of their bytes.
  private static func names(
    in folder: String, named name: String
  ) throws(FormatError) -> [String] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw FormatError(.missing, file: name, found: "a folder that cannot be listed")
    }
    return names.filter { !$0.hasPrefix(".") }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
