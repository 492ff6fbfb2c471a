import ArgumentParser
import Palimpsest

/// What a person says about a model beside its text.
struct ModelChoiceOptions: ParsableArguments {
  @OptionGroup var trained: PatternOptions

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

  /// The patterns without the rest.
  var patternsAlone: ModelSettings {
    var settings = ModelSettings()
    settings.patterns = trained.patterns
    return settings
  }

  /// All of it.
  var settings: ModelSettings {
    var settings = ModelSettings()
    settings.patterns = trained.patterns
    settings.output = output
    settings.keepsBytes = keepBytes
    settings.itemShapes = itemShape.map(\.extents)
    return settings
  }
}
