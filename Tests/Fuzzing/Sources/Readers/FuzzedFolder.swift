import Foundation

/// A folder that the library made itself, one file of which every input takes the place of.
///
/// It stands in the working directory, and beside it the file as it was, `NAME.seed`.
struct FuzzedFolder: Sendable {
  let path: String
  private let file: String

  /// Makes the folder; none is left from earlier.
  ///
  /// - Parameter file: The path of the file, or the ending of its name where the name is not known.
  init(_ name: String, file: String, _ make: (_ folder: String) throws -> Void) {
    do {
      try? FileManager.default.removeItem(atPath: name)
      try make(name)
      let files = try FileManager.default.subpathsOfDirectory(atPath: name)
      guard let found = files.first(where: { $0.hasSuffix(file) }) else {
        preconditionFailure("no file \(file)")
      }
      path = name
      self.file = "\(name)/\(found)"
      let whole = try Data(contentsOf: URL(fileURLWithPath: self.file))
      try whole.write(to: URL(fileURLWithPath: "\(name).seed"))
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Puts an input in the place of the file.
  func replace(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    let input = Data(UnsafeBufferPointer(start: start, count: count))
    precondition(
      (try? input.write(to: URL(fileURLWithPath: file))) != nil, "\(file) cannot be written")
  }
}
