/// A small grey picture.
public struct PixelImage: Sendable, Equatable {
  /// Pixels across.
  public let width: Int
  /// Pixels down.
  public let height: Int
  /// Row by row, from 0 (black) to 255 (white).
  let grey: [UInt8]

  /// A picture from light.
  ///
  /// - Parameter light: `[height × width]` row by row, 0 black to 1 white; what lies outside is
  ///   clamped, and NaN is black.
  /// - Precondition: Width and height are positive and there is one value for each pixel.
  public init(width: Int, height: Int, light: some Sequence<Double>) {
    grey = light.map { UInt8((255 * ($0 > 0 ? min($0, 1) : 0)).rounded()) }
    precondition(
      width > 0 && height > 0 && grey.count == width * height,
      "\(grey.count) pixels for an image of \(width) × \(height)")
    self.width = width
    self.height = height
  }

  /// A picture from ink, such as a handwritten digit: 0 paper to 1 ink.
  ///
  /// - Precondition: As for ``init(width:height:light:)``.
  public init(width: Int, height: Int, ink: some Sequence<Double>) {
    self.init(width: width, height: height, light: ink.map { 1 - $0 })
  }
}
