internal import CDigits
public import TensorCore

/// The embedded data: 1,797 handwritten digits of 8 × 8 pixels, the test part of the UCI data set
/// "Optical Recognition of Handwritten Digits".
///
/// Inputs `[N, 64]` are the pixels row by row, from 0 (paper) to 1 (ink); labels are the digits.
public enum Digits {
  /// Whose data these are.
  public static let attribution =
    "E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine "
    + "Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0"

  /// The items of ``split(as:)`` that are learnt.
  public static let trainCount = 1_500

  /// All items, in the order of the data set.
  public static func all<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self
  ) -> Dataset<Scalar> {
    let (count, pixels) = (Int(DIGITS_COUNT), Int(DIGITS_PIXELS))
    let ink = UnsafeBufferPointer(start: digits_pixels(), count: count * pixels)
    let labels = UnsafeBufferPointer(start: digits_labels(), count: count)
    // Exact in both precisions: the divisor is a power of two.
    let inputs = Tensor<Float>([count, pixels], ink.map { Float($0) }) / Float(DIGITS_MAXIMUM)
    return Dataset(inputs: inputs.cast(), targets: .labels(labels.map { Int32($0) }))
  }

  /// The standard split: the first 1,500 items to learn, the last 297 to ask about.
  ///
  /// - Parameter itemShape: What a model takes; where that is 8 × 8 pixels, such as `[1, 8, 8]`, the
  ///   items have it.
  public static func split<Scalar: TensorScalar>(
    as type: Scalar.Type = Scalar.self, itemShape: Shape? = nil
  ) -> (train: Dataset<Scalar>, test: Dataset<Scalar>) {
    var all = all(as: Scalar.self)
    if let itemShape, itemShape.squeezed == [8, 8] {
      all = Dataset(
        inputs: all.inputs.reshaped(Shape([all.count]).appending(itemShape)), targets: all.targets)
    }
    return (all[Array(0..<trainCount)], all[Array(trainCount..<all.count)])
  }
}
