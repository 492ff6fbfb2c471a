import ArgumentParser
import Palimpsest

/// What a person says about a model beside its text.
struct ModelChoiceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Arrays of the model that are trained, by name or a pattern with * and ?; all others stay as "
        + "they are. Repeatable.", valueName: "pattern"))
  var parameters: [String] = []

  @Option(
    help: ArgumentHelp(
      "Arrays of the model that are not trained, such as a frozen layer or a constant; goes before "
        + "--parameters. Repeatable.", valueName: "pattern"))
  var constant: [String] = []

  @Option(help: ArgumentHelp("Output of an ONNX model; the first where absent.", valueName: "name"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Shape of one item where an ONNX model leaves extents open and the data do not say them, "
        + "such as 3x32x32; once for each input.", valueName: "extents"))
  var itemShape: [ItemShape] = []

  @Flag(
    help: ArgumentHelp(
      "Take inputs of type uint8 as the numbers they are; without it they are pixels, and divided "
        + "by 255."))
  var keepBytes = false

  /// The extents of one item, written `3x32x32`.
  struct ItemShape: ExpressibleByArgument {
    let extents: [Int]

    init?(argument: String) {
      let parts = argument.split(separator: "x", omittingEmptySubsequences: false)
      let extents = parts.compactMap { Int($0) }.filter { $0 > 0 }
      guard extents.count == parts.count, Shape.count(of: extents) != nil else { return nil }
      self.extents = extents
    }
  }

  /// All of it.
  var settings: ModelSettings {
    var settings = ModelSettings()
    settings.patterns = NamePatterns(parameters: parameters, constants: constant)
    settings.output = output
    settings.keepsBytes = keepBytes
    settings.itemShapes = itemShape.map(\.extents)
    return settings
  }
}
