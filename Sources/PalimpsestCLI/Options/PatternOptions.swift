import ArgumentParser
import Palimpsest

/// Which arrays of a model are trained.
struct PatternOptions: ParsableArguments {
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

  var patterns: NamePatterns { NamePatterns(parameters: parameters, constants: constant) }
}
