import Foundation

/// Standard input, output and error.
enum StandardStreams {
  /// Opens `/dev/null` in the place of each that is closed.
  ///
  /// Otherwise the next file that is opened would have its number, and what is printed would land in
  /// that file. Nothing may be opened before this is called.
  static func occupy() {
    while true {
      let descriptor = open("/dev/null", O_RDWR)
      guard (0...STDERR_FILENO).contains(descriptor) else {
        if descriptor > STDERR_FILENO { close(descriptor) }
        return
      }
    }
  }
}
