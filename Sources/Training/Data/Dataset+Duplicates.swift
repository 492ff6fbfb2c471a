import Formats
import TensorCore

/// An item that resembles another.
public struct NearDuplicate: Equatable, Sendable {
  /// The row of the data set.
  public let item: Int
  /// From 0 to 1, and 1 for the same inputs only.
  public let similarity: Double
}

extension Dataset {
  /// The items that occur more than once: groups of two or more with the same bytes of inputs and of
  /// target (by SHA-256), each ascending, in the order of their first items.
  public func contentGroups() -> [[Int]] {
    var groups: [String: [Int]] = [:]
    for item in 0..<count {
      var bytes = inputs.rowBytes(item)
      switch targets {
      case .labels(let labels):
        labels[item * targetWidth..<(item + 1) * targetWidth].withUnsafeBytes { bytes += $0 }
      case .values(let values): bytes += values.rowBytes(item)
      }
      groups[SHA256.hex(of: bytes), default: []].append(item)
    }
    return groups.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
  }

  /// The items whose inputs resemble those of one, which is among them.
  ///
  /// The similarity of inputs x and y, both less the mean of all items, is 2⟨x, y⟩ / (|x|² + |y|²),
  /// and 0 where that is negative. It is their cosine where they are equally long, and less where
  /// they are not: one picture at half the contrast is no copy. Targets do not count.
  ///
  /// - Parameters:
  ///   - item: A row.
  ///   - threshold: The least similarity; 1 asks for the same inputs.
  /// - Returns: The most similar first, equally similar ones by their rows.
  /// - Precondition: All inputs are finite.
  /// - Complexity: N · I, in double precision; memory for a block of items.
  public func nearDuplicates(of item: Int, similarity threshold: Double) -> [NearDuplicate] {
    let rows = ScaledRows(inputs)
    let center = rows.mean()
    let query = (rows.block(item..<item + 1) - center).reshaped([rows.width])
    let length = query.dot(query)
    var found: [NearDuplicate] = []
    rows.forEachBlock { range, block in
      let block = block - center
      let products = block.matvec(query)
      let lengths = (block * block).sum(axis: 1)
      for (place, row) in range.enumerated() {
        let (product, sum) = (products.scalars[place], lengths.scalars[place] + length)
        var similarity = sum > 0 ? max(2 * product / sum, 0) : 1
        // Rounding makes neighbours equal, and equals neighbours.
        if similarity > 0.999 {
          similarity = inputs.isRow(item, equalTo: row) ? 1 : min(similarity, (1.0).nextDown)
        }
        if similarity >= threshold || row == item {
          found.append(NearDuplicate(item: row, similarity: similarity))
        }
      }
    }
    return found.sorted { ($1.similarity, $0.item) < ($0.similarity, $1.item) }
  }
}

/// The inputs as rows in double precision, the largest magnitude 1, so that no square overflows.
private struct ScaledRows<Scalar: TensorScalar> {
  private let inputs: Tensor<Scalar>
  private let count: Int
  private var scale = 1.0
  /// I, the numbers of an item.
  let width: Int

  init(_ inputs: Tensor<Scalar>) {
    self.inputs = inputs
    count = inputs.shape[0]
    width = inputs.count / count
    var largest = 0.0
    forEachBlock { _, block in largest = max(largest, block.max(), (-block).max()) }
    if largest > 0 { scale = largest }
  }

  func block(_ range: Range<Int>) -> Tensor<Double> {
    inputs.gatheringRows(range).reshaped([range.count, width]).cast(to: Double.self) / scale
  }

  func forEachBlock(_ body: (Range<Int>, Tensor<Double>) -> Void) {
    let blocks = Blocks(count, size: 256)
    for number in 0..<blocks.number { body(blocks[number], block(blocks[number])) }
  }

  func mean() -> Tensor<Double> {
    var sum = Tensor<Double>([width])
    forEachBlock { _, block in sum.add(block.sum(axis: 0), scale: 1) }
    return sum / Double(count)
  }
}

extension Tensor {
  private func row(at index: Int) -> ArraySlice<Scalar> {
    let width = count / shape[0]
    return scalars[index * width..<(index + 1) * width]
  }

  fileprivate func rowBytes(_ index: Int) -> [UInt8] {
    row(at: index).withUnsafeBytes { Array($0) }
  }

  fileprivate func isRow(_ a: Int, equalTo b: Int) -> Bool { row(at: a) == row(at: b) }
}
