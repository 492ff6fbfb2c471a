import Foundation
import TensorCore

/// A folder with a subfolder of pictures for each class.
public enum PictureFolder {
  private static let endings = (PNGPicture.format.extensions + JPEGPicture.format.extensions)

  /// Reads all PNG and JPEG files in the subfolders and in folders inside them, numbered as
  /// torchvision's `ImageFolder` numbers them: classes by their names, in a class its folders by
  /// their paths, in a folder the files by their names, all in the order of their bytes.
  ///
  /// - Returns: The arrays `x`, the pixels `[N, C, H, W]` as bytes, and `y`, the number `[N]` of the
  ///   class, counted from 0 in the order of the subfolders' names; the texts `id`, the paths in the
  ///   folder, and `group`, the names of the classes. Hidden files and those with other endings are
  ///   passed over; where pictures are among them, a note counts them.
  /// - Throws: `FormatError`, naming the first file at fault: one that is no such picture, is not of
  ///   the shape of the first, or leads out of the folder.
  /// - Complexity: all pixels are held in memory, a byte each.
  public static func read(_ folder: String) throws(FormatError) -> ItemTable {
    var paths: [String] = []
    var labels: [Int64] = []
    var classes: [String] = []
    var unread = UnreadPictures(endings)
    let root = try real(".", in: folder)
    for name in try FolderListing.names(in: folder, named: folder) {
      let path = "\(folder)/\(name)"
      guard try isFolder(name, in: folder) else {
        guard !has(endings, name) else {
          throw FormatError(
            .malformed, file: path, found: "a picture of no class",
            expected: "pictures in a subfolder for each class")
        }
        continue
      }
      // A link to the folder itself is no class.
      guard try real(name, in: folder) != root else { continue }
      let before = unread.count
      let pictures = try pictures(of: name, in: folder, besides: &unread)
      guard !pictures.isEmpty else {
        let others = unread.count - before
        throw FormatError(
          .malformed, file: path,
          found: others > 0 ? "only pictures that cannot be read, \(others)" : "no pictures",
          expected: "files that end in \(endings.map { "." + $0 }.joined(separator: ", "))",
          remedy: others > 0 ? "convert them to PNG" : "")
      }
      paths += pictures
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
      ], notes: unread.note(folder, of: paths.count).map { [$0] } ?? [])
  }

  /// The pictures of a class, as paths in the folder.
  ///
  /// Links to folders are followed, unless they lead back to one that they stand in.
  private static func pictures(
    of name: String, in folder: String, besides unread: inout UnreadPictures
  ) throws(FormatError) -> [String] {
    var found: [(folder: String, names: [String])] = []
    var open = [
      (path: name, real: [try self.real(".", in: folder), try self.real(name, in: folder)])
    ]
    while let (path, real) = open.popLast() {
      var names: [String] = []
      for name in try FolderListing.names(
        in: "\(folder)/\(path)", named: "\(folder)/\(path)")
      {
        let inner = "\(path)/\(name)"
        if has(endings, name) {
          names.append(name)
        } else if UnreadPictures.isPicture(name) {
          unread.add(name)
        } else if try isFolder(inner, in: folder) {
          let target = try self.real(inner, in: folder)
          if !real.contains(target) { open.append((inner, real + [target])) }
        }
      }
      guard found.count < mostFolders else {
        throw FormatError(
          .malformed, file: "\(folder)/\(name)", found: "more than \(mostFolders) folders",
          expected: "at most that")
      }
      found.append((path, names))
    }
    return found.sorted { $0.folder.utf8.lexicographicallyPrecedes($1.folder.utf8) }
      .flatMap { folder, names in names.map { "\(folder)/\($0)" } }
  }

  /// The most folders in one class.
  private static let mostFolders = 100_000

  private static func has(_ endings: [String], _ name: String) -> Bool {
    let name = name.lowercased()
    return endings.contains { name.hasSuffix("." + $0) }
  }

  private static func real(_ path: String, in folder: String) throws(FormatError) -> String {
    try ContainedPath.resolve(path, inside: folder, namedBy: folder, allowingFolder: true)
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
    let (file, name) = (try ByteSource(path: real(path, in: folder)), "\(folder)/\(path)")
    return try Picture(file.part(0..<file.count, name: name))
  }

  /// Whether this is a folder that does not lead out.
  private static func isFolder(_ name: String, in folder: String) throws(FormatError) -> Bool {
    let path = try real(name, in: folder)
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }
}

/// Pictures that a folder has and that are not read.
private struct UnreadPictures {
  /// The endings that torchvision's `ImageFolder` takes as well.
  private static let ofTorchvision = ["bmp", "pgm", "ppm", "tif", "tiff", "webp"]
  private static let others = [
    "avif", "gif", "heic", "heif", "jfif", "jp2", "jxl", "pbm", "pnm", "svg", "tga",
  ]

  private let read: [String]
  private var counts: [String: Int] = [:]

  /// - Parameter read: The endings of those that are.
  init(_ read: [String]) { self.read = read }

  var count: Int { counts.values.reduce(0, +) }

  private static func ending(_ name: String) -> String? {
    guard let point = name.lastIndex(of: ".") else { return nil }
    return name[name.index(after: point)...].lowercased()
  }

  static func isPicture(_ name: String) -> Bool {
    ending(name).map { ofTorchvision.contains($0) || others.contains($0) } ?? false
  }

  mutating func add(_ name: String) { counts[Self.ending(name) ?? "", default: 0] += 1 }

  /// What a person should know; nil where all are read.
  func note(_ folder: String, of count: Int) -> String? {
    guard self.count > 0 else { return nil }
    let named = counts.sorted { $0.key < $1.key }.map { "\($0.value) .\($0.key)" }
    let isNumbered = counts.keys.contains { Self.ofTorchvision.contains($0) }
    return
      "\(FormatError.printable(folder)): \(self.count) of \(self.count + count) pictures \(self.count == 1 ? "is" : "are") "
      + "passed over (\(named.joined(separator: ", "))), because only "
      + read.map { "." + $0 }.joined(separator: ", ") + " are read"
      + (isNumbered
        ? "; torchvision's ImageFolder takes them, so the numbers of the items are not its own: "
          + "convert them to PNG"
        : "")
  }
}
