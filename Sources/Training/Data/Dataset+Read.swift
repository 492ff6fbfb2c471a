import Formats
import TensorCore

extension Dataset {
  /// Reads items from files of any known format.
  ///
  /// Inputs `[N, …]` are taken row by row in the model's input shape: a row of numbers may stand for
  /// several axes, and axes of extent 1 do not count. Inputs that are bytes (type uint8, such as the
  /// pixels of IDX images) are divided by 255, unless they are tokens or the model's settings keep
  /// them; so are targets that are such bytes in the shape of the inputs. Targets are whole numbers,
  /// `[N]` for a loss that takes a label of each item, else numbers in the model's output shape, `[N]`
  /// for a single one. Names and groups of items that stand beside the inputs are
  /// kept.
  ///
  /// - Parameters:
  ///   - inputs: A file of one array; or one of several, of which `x` is meant or the name after a
  ///     colon, such as `mnist.npz:x_train`; JSON lines; or a folder with a subfolder of pictures for
  ///     each class.
  ///   - targets: The same, with `y`; nil where they stand beside the inputs.
  /// - Throws: `FormatError` or ``TrainingError``, naming the file and the first item at fault.
  public static func read(
    inputs: String, targets: String?, _ model: any Model, loss: Loss
  ) throws -> Dataset {
    try read(StoredItems(inputs: inputs, targets: targets), model, loss: loss)
  }

  /// Reads items from files that were opened before the model was known.
  ///
  /// - Throws: As ``read(inputs:targets:_:loss:)``.
  public static func read(_ items: StoredItems, _ model: any Model, loss: Loss) throws -> Dataset {
    try read(
      inputs: items.inputs, targets: items.targets, model, loss: loss, ids: items.ids,
      groups: items.groups)
  }

  static func read(
    inputs: StoredFile, targets: StoredFile, _ model: any Model, loss: Loss, ids: [String] = [],
    groups: [String] = [], count: Int? = nil
  ) throws -> Dataset {
    let x = try rows(
      of: model.inputShape, inputs, what: "inputs", scalesBytes: model.scales(inputs), model)
    if let count, x.shape[0] != count {
      throw TrainingError.data(
        "\(inputs.name): found \(x.shape[0]) items, expected \(count), which run.json says")
    }
    let dataset: Dataset
    if loss.takesLabels {
      let labels = try labels(targets, model, loss)
      try check(targets.array.shape[0], targets, against: x, inputs)
      dataset = Dataset(inputs: x, targets: .labels(labels), ids: ids, groups: groups)
    } else {
      let values = try rows(
        of: model.outputShape, targets, what: "targets",
        scalesBytes: model.scales(inputs) && model.targetsAreLikeInputs(targets), model)
      try check(values.shape[0], targets, against: x, inputs)
      dataset = Dataset(inputs: x, targets: .values(values), ids: ids, groups: groups)
    }
    try dataset.check(model, loss: loss, name: inputs.name, targetsName: targets.name)
    return dataset
  }

  private static func rows(
    of shape: Shape, _ file: StoredFile, what: String, scalesBytes: Bool, _ model: any Model
  ) throws -> Tensor<Scalar> {
    let array = file.array
    let rows = array.shape.extents.first ?? 0
    let own = Shape(Array(array.shape.extents.dropFirst()))
    guard rows > 0, array.count / rows == shape.count,
      shape.rank < 2 || own.rank < 2 || own.squeezed == shape.squeezed
    else {
      let axes = (["N"] + shape.extents.map(String.init)).joined(separator: ", ")
      let isTurned =
        shape.rank == 3 && own.extents == [shape[1], shape[2], shape[0]]
        ? "; the channels have to be the first axis of an item: numpy.moveaxis(x, -1, 1)" : ""
      throw TrainingError.data(
        "\(file.name): found \(what) of shape \(array.shape), expected [\(axes)]"
          + (shape.rank < 2 ? "" : " or [N, \(shape.count)]")
          + " for the model \(model.specification)\(isTurned)")
    }
    if model.takesWholeNumbers, what == "inputs", !array.elementType.isFloatingPoint {
      let limit = UInt64(WholeNumbers.limit(Scalar.self))
      if let place = try array.integers().firstIndex(where: { $0.magnitude > limit }) {
        throw TrainingError.data(
          "\(file.name): item \(place / max(shape.count, 1)): found "
            + "\(try array.integers()[place]) as input \(place % max(shape.count, 1)), a whole number, "
            + "expected " + WholeNumbers.expected(Scalar.self))
      }
    }
    var elements = try array.tensor(as: Scalar.self).scalars
    if scalesBytes, array.elementType == .uint8 {
      // In place: a second copy would double the memory that reading takes.
      elements.withUnsafeMutableBufferPointer { elements in
        guard let base = elements.baseAddress else { return }
        var most: Scalar = 255
        Scalar.zip(.divide, elements.count, UnsafePointer(base), true, &most, false, base)
      }
    }
    return Tensor(Shape([rows]).appending(shape), elements)
  }

  private static func labels(
    _ file: StoredFile, _ model: any Model, _ loss: Loss
  ) throws -> [Int32] {
    let (shape, classes) = (model.targetShape(loss), model.outputShape[-1])
    let array = file.array
    let rows = array.shape.extents.first ?? 0
    let own = Shape(Array(array.shape.extents.dropFirst()))
    // One row of numbers may stand for several axes.
    guard rows > 0, array.count == rows * shape.count,
      own.squeezed.count < 2 || own.squeezed == shape.squeezed
    else {
      let isFirst = own == Shape(Array(model.outputShape.extents.dropFirst()))
      throw TrainingError.data(
        "\(file.name): found labels of shape \(array.shape), expected "
          + "[\((["N"] + shape.extents.map(String.init)).joined(separator: ", "))]"
          + (isFirst && shape.rank > 0
            ? "; the classes have to be the last axis of the model's output \(model.outputShape)"
            : ""))
    }
    return try wholeNumbers(file).enumerated().map { item, value in
      guard let label = Int32(exactly: value) else {
        throw TrainingError.label(item / max(shape.count, 1), value, classes: classes, file.name)
      }
      return label
    }
  }

  /// The elements of labels, which have no fractions.
  private static func wholeNumbers(_ file: StoredFile) throws(FormatError) -> [Int64] {
    do throws(FormatError) {
      return try file.array.integers()
    } catch {
      guard error.kind == .malformed else { throw error }
      throw FormatError(
        .malformed, file: file.name, at: error.place, found: "\(error.found) as a label",
        expected: error.expected,
        remedy: "number the classes from 0, or use --loss squared-error for numbers")
    }
  }

  private static func check(
    _ count: Int, _ targets: StoredFile, against inputs: Tensor<Scalar>, _ file: StoredFile
  ) throws {
    guard count == inputs.shape[0] else {
      throw TrainingError.data(
        "\(targets.name): found \(count) targets, expected \(inputs.shape[0]), one for each item "
          + "in \(file.name)")
    }
  }
}

extension Model {
  /// Whether inputs are bytes that are divided by 255.
  func scales(_ inputs: StoredFile) -> Bool {
    inputs.array.elementType == .uint8 && !takesWholeNumbers && !settings.keepsBytes
  }

  /// Whether targets are bytes in the shape of the inputs, as those of an autoencoder are; zeros and
  /// ones alone are answers, and no pixels.
  func targetsAreLikeInputs(_ targets: StoredFile) -> Bool {
    targets.array.elementType == .uint8 && inputShape.count == outputShape.count
      && (try? targets.array.hasByte(above: 1)) ?? true
  }
}

extension StoredItems {
  /// What became of inputs that are bytes; nil where there are none.
  public func byteNote(_ model: any Model, loss: Loss, _ name: String) -> String? {
    StoredItems.byteNote(inputs, targets, model, loss, name)
  }

  static func byteNote(
    _ inputs: StoredFile, _ targets: StoredFile, _ model: any Model, _ loss: Loss, _ name: String
  ) -> String? {
    guard inputs.array.elementType == .uint8, !model.takesWholeNumbers else { return nil }
    if !model.scales(inputs) { return "\(name) are bytes (uint8), taken as the numbers they are." }
    let isBoth = !loss.takesLabels && model.targetsAreLikeInputs(targets)
    return "\(name)\(isBoth ? " and their targets" : "") are bytes (uint8), divided by 255; "
      + "--keep-bytes takes them as they are."
  }
}

extension RunRecord {
  /// What became of training inputs that are bytes; nil where there are none.
  ///
  /// - Throws: `FormatError` where a file cannot be read; digests are not compared again.
  public func byteNote() throws -> String? {
    func file(_ data: RunManifest.DataFile) throws -> StoredFile {
      try StoredFile(
        ByteSource(
          path: ContainedPath.resolve(
            data.path, inside: folder, namedBy: "\(folder)/\(RunManifest.fileName)")))
    }
    let (inputs, targets) = (try file(manifest.train.inputs), try file(manifest.train.targets))
    return StoredItems.byteNote(inputs, targets, model, manifest.loss, "Training inputs")
  }
}

extension TrainingError {
  /// A label that is no class.
  static func label(
    _ item: Int, _ label: some BinaryInteger, classes: Int, _ name: String
  ) -> TrainingError {
    .data(
      "\(name): item \(item): found the label \(label), expected 0 to \(classes - 1), "
        + "or -100 for none")
  }
}
