import TensorCore

/// The shapes of a file's inputs for one example: open extents are found out.
struct ONNXInputShapes {
  private let source: ONNXGraph
  private let file: String
  private let itemShapes: [String: [Int]]
  /// The extents that names stand for.
  private var symbols: [String: Int] = [:]

  /// Binds the names of the batch axes to 1, and others to what the data say.
  ///
  /// - Parameter rowCount: How many numbers all inputs have together, from which one open extent
  ///   follows.
  init(
    _ source: ONNXGraph, file: String, itemShapes: [String: [Int]], rowCount: Int? = nil
  ) throws(FormatError) {
    self.source = source
    self.file = file
    self.itemShapes = itemShapes
    for input in source.inputs {
      guard let extents = input.extents else { continue }
      let item = itemShapes[input.name]
      if let item, item.count + 1 != extents.count {
        throw fault(
          input, "\(extents.count) axes with the batch", expected: "\(item.count + 1) as the data")
      }
      for (axis, extent) in extents.enumerated() {
        guard case .symbol(let name) = extent else { continue }
        let known = axis == 0 ? 1 : item.map { $0[axis - 1] }
        guard let known else { continue }
        guard symbols[name, default: known] == known else {
          throw fault(
            input, "the axis \(FormatError.quoted(name)) of extent \(known)",
            expected: "\(symbols[name] ?? 0) as elsewhere")
        }
        symbols[name] = known
      }
    }
    if let rowCount { bindOpenExtent(rowCount) }
  }

  /// Binds the only name that is left open to the extent with which the inputs have so many numbers
  /// together.
  private mutating func bindOpenExtent(_ rowCount: Int) {
    let all = source.inputs.map { $0.extents?.dropFirst() ?? [.unknown] }
    var open: Set<String> = []
    for extent in all.joined() {
      switch extent {
      case .fixed: break
      case .symbol(let name): if symbols[name] == nil { open.insert(name) }
      case .unknown: return
      }
    }
    guard open.count == 1, let name = open.first else { return }
    /// Nil where there are more.
    func count(_ extent: Int) -> Int? {
      var sum = 0
      for extents in all {
        var product = 1
        for case let other in extents {
          let factor: Int
          switch other {
          case .fixed(let number): factor = number
          case .symbol(let symbol): factor = symbols[symbol] ?? extent
          case .unknown: return nil
          }
          let (next, overflows) = product.multipliedReportingOverflow(by: factor)
          guard !overflows, next <= rowCount else { return nil }
          product = next
        }
        sum += product
        guard sum <= rowCount else { return nil }
      }
      return sum
    }
    // The count grows with the extent.
    var extent = 1
    while let count = count(extent), count < rowCount, extent < rowCount { extent += 1 }
    if count(extent) == rowCount { symbols[name] = extent }
  }

  private func fault(
    _ input: ONNXGraph.Value, _ found: String, expected: String = "", remedy: String = ""
  ) -> FormatError {
    FormatError(
      .malformed, file: file, found: "the input \(FormatError.quoted(input.name)): \(found)",
      expected: expected, remedy: remedy)
  }

  /// The inputs with shapes of numbers.
  func inputs() throws(FormatError) -> [ONNXProgram.Input] {
    var inputs: [ONNXProgram.Input] = []
    for input in source.inputs {
      let extents = try extents(of: input)
      guard let shape = Shape(declared: extents),
        shape.isBounded(by: ONNXOperation.mostElements)
      else {
        throw fault(
          input, "the extents \(extents)",
          expected: "at most \(ONNXOperation.mostElements) elements")
      }
      let isWhole = !(input.elementType ?? .float32).isFloatingPoint
      inputs.append(ONNXProgram.Input(name: input.name, shape: shape, isWhole: isWhole))
    }
    guard !inputs.isEmpty else {
      throw FormatError(.malformed, file: file, found: "no inputs", expected: "one at least")
    }
    return inputs
  }

  private func extents(of input: ONNXGraph.Value) throws(FormatError) -> [Int] {
    let item = itemShapes[input.name]
    guard let declared = input.extents else {
      guard let item else { throw fault(input, "no shape", remedy: "name the shape of an item") }
      return [1] + item
    }
    guard !declared.isEmpty else {
      throw fault(input, "a single number", expected: "a batch axis")
    }
    var extents: [Int] = []
    for (axis, extent) in declared.enumerated() {
      let asked = axis == 0 ? 1 : item.map { $0[axis - 1] }
      switch extent {
      case .fixed(let number):
        guard axis > 0 || number == 1 else {
          throw fault(
            input, "a batch of \(number) examples, which the file fixes", expected: "1 or any",
            remedy: "export the model with one example, or with a dynamic batch axis")
        }
        guard asked == nil || asked == number else {
          throw fault(
            input, "\(number) elements along axis \(axis)", expected: "\(asked ?? 0) as the data")
        }
        extents.append(number)
      case .symbol(let name):
        guard let number = symbols[name] else {
          throw unbound(input, axis, " \(FormatError.quoted(name))")
        }
        extents.append(number)
      case .unknown:
        guard let asked else { throw unbound(input, axis, "") }
        extents.append(asked)
      }
    }
    return extents
  }

  private func unbound(_ input: ONNXGraph.Value, _ axis: Int, _ name: String) -> FormatError {
    fault(
      input, "axis \(axis)\(name), whose extent the file leaves open",
      remedy: "give the shape of an item with --item-shape, or export the model with a fixed one")
  }
}
