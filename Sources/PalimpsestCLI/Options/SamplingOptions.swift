import ArgumentParser
import Palimpsest

/// How the tokens of an output are chosen.
struct SamplingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What logits are divided by before a token is drawn; 0 takes the most probable.",
      valueName: "x"))
  var temperature = 0.0

  @Option(help: ArgumentHelp("Draw from so many most probable tokens only.", valueName: "n"))
  var topK: Int?

  @Option(help: ArgumentHelp("Seed of the draws.", valueName: "n"))
  var seed: UInt64 = 0

  func validate() throws {
    guard topK == nil || temperature > 0 else {
      throw ValidationError("--top-k goes with a --temperature above 0")
    }
  }

  /// The same for the library.
  var sampling: Sampling {
    var sampling = Sampling()
    (sampling.temperature, sampling.topK, sampling.seed) = (temperature, topK, seed)
    return sampling
  }
}
