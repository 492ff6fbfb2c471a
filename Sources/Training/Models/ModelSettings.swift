public import Formats

/// What a person says about a model beside its text, and what a run record keeps of it.
public struct ModelSettings: Equatable, Sendable {
  /// Which arrays are trained.
  public var patterns = NamePatterns()
  /// The output of a file that is taken; nil for the first one.
  public var output: String?
  /// The shape of one item for each input of a file, such as `[[2, 7]]`; none where the data say it.
  public var itemShapes: [[Int]] = []

  /// Whether inputs of type uint8 are taken as the numbers they are; else they are divided by 255.
  public var keepsBytes = false

  /// Nothing is said.
  public init() {}

  /// Whether nothing is said.
  public var isEmpty: Bool { self == ModelSettings() }
}
