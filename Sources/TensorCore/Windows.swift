internal import CKernels

/// Windows that slide along one axis of an image.
///
/// Element j of window i stands at i · stride + j · dilation − low. What stands outside the image
/// is padding.
public struct WindowAxis: Hashable, Sendable {
  /// The extent of the image.
  public let extent: Int
  /// The elements of a window.
  public let size: Int
  /// How far the next window is.
  public let stride: Int
  /// How far the next element of a window is.
  public let dilation: Int
  /// Elements of padding before the image; negative to leave out some of its first elements.
  public let low: Int
  /// Elements of padding behind the image; negative to leave out some of its last elements.
  public let high: Int

  /// Windows of `size` elements over an axis of `extent`.
  public init(
    extent: Int, size: Int, stride: Int = 1, dilation: Int = 1, low: Int = 0, high: Int = 0
  ) {
    self.extent = extent
    self.size = size
    self.stride = stride
    self.dilation = dilation
    self.low = low
    self.high = high
  }

  /// The elements from the first to the last of a window.
  public var span: Int { (size - 1) * dilation + 1 }

  /// Numbers beyond this are refused, so that no sum or product of two of them overflows.
  static let limit = 1 << 28

  /// The number of windows, 0 where not even one fits or where a number makes no sense.
  public var windows: Int {
    let limits = -Self.limit...Self.limit
    guard [extent, size, stride, dilation, low, high].allSatisfy(limits.contains),
      extent > 0, size > 0, stride > 0, dilation > 0, extent + low + high >= span
    else { return 0 }
    return (extent + low + high - span) / stride + 1
  }

  /// With one window more where elements are left over (PyTorch's and ONNX's ceil mode).
  ///
  /// Every window begins inside the image or the padding before it.
  public var roundedUp: WindowAxis {
    let next = windows * stride
    guard windows > 0, !(extent + low + high - span).isMultiple(of: stride), next < extent + low
    else { return self }
    return WindowAxis(
      extent: extent, size: size, stride: stride, dilation: dilation, low: low,
      high: next + span - extent - low)
  }

  /// The windows of an axis of `windows` elements, spread out over the axis that a transposed
  /// convolution makes of them.
  ///
  /// - Parameters:
  ///   - low: Elements left out before the result; `high` those behind it.
  ///   - outputPadding: Elements that no window reaches, behind the result.
  public init(
    transposing windows: Int, size: Int, stride: Int = 1, dilation: Int = 1, low: Int = 0,
    high: Int = 0, outputPadding: Int = 0
  ) {
    let limits = 0...Self.limit
    let areSmall = [windows, size, stride, dilation, low, high, outputPadding].allSatisfy(
      limits.contains)
    // Of numbers beyond all bounds nothing is made: an extent of 0 has no windows.
    let reach = areSmall && windows > 0 ? (windows - 1) * stride + (size - 1) * dilation + 1 : 0
    self.init(
      extent: areSmall ? reach + outputPadding - low - high : 0, size: size, stride: stride,
      dilation: dilation, low: low, high: areSmall ? high - outputPadding : high)
  }

  var kernel: kernel_windows {
    kernel_windows(
      extent: extent, size: size, stride: stride, dilation: dilation, low: low, windows: windows)
  }
}

/// Windows that slide over images `[H, W]`.
public struct Windows: Hashable, Sendable {
  /// Along the rows of the image, H.
  public let rows: WindowAxis
  /// Along the columns of the image, W.
  public let columns: WindowAxis

  /// Windows along both axes.
  public init(_ rows: WindowAxis, _ columns: WindowAxis) {
    self.rows = rows
    self.columns = columns
  }

  /// The image, `[H, W]`.
  public var image: Shape { [rows.extent, columns.extent] }
  /// The elements of a window, `[h, w]`.
  public var window: Shape { [rows.size, columns.size] }
  /// The windows, `[H', W']`.
  public var places: Shape { [rows.windows, columns.windows] }
}
