import Formats
import RealModule

/// How far a replay ends from a recorded checkpoint, and what rounding explains of it.
///
/// The replay starts at the checkpoint before. The same steps in Float32 and in Float64 part by what
/// rounding makes of them: of that, and of what the run's own dynamics make of rounding. A departure
/// of the same size says nothing about the record; a larger one says that other steps were taken.
public struct ReplayDeparture: Equatable, Sendable, CustomStringConvertible {
  /// The number of steps after which the replay started.
  public let start: Int
  /// The number of steps after which the checkpoint is not the recorded one.
  public let step: Int
  /// The parameter, or `optimizer/NAME`, that departs most against what rounding explains.
  public let name: String
  /// Its largest difference, over the largest magnitude in it; 0 where signs of zeros differ alone.
  public let relativeDifference: Double
  /// |recorded − replayed| over the way |recorded − start| of all parameters.
  public let share: Double
  /// The same for what rounding is found to make: the difference of the two precisions or, where that
  /// does not explain the departure, of starts that were moved by last digits.
  public let rounding: Double
  /// The departure of the named array over the largest that counts as rounding.
  public let excess: Double
  /// Whether the record's own kernels are at work, so that every bit must come out.
  public let demandsBits: Bool

  /// Whether rounding explains the departure.
  public var isRounding: Bool { !demandsBits && canTell && excess <= 1 }

  /// Whether these steps can tell the run from another: what counts as rounding is less than the whole
  /// way.
  ///
  /// Over many steps, or at a large learning rate, rounding alone leads to other parameters. Any
  /// rows would then be explained by it.
  public var canTell: Bool { Self.factor * rounding < 1 }

  /// How many times the difference of the two precisions counts as rounding.
  public static let factor = 10.0
  /// Replays from moved starts, where that does not explain a departure.
  static let tries = 16
  /// By how many units in the last place every number of such a start is moved.
  static let moves = 64.0
  /// How many times the largest difference that they make counts as rounding.
  static let movedFactor = 2.0

  /// One line for the person.
  public var description: String {
    let first =
      "the replay departs from the record by the checkpoint after step \(step): "
      + "\(FormatError.printable(name, limit: 60)) differs by \(Self.figure(relativeDifference)) of its "
      + "largest element"
    if demandsBits {
      return first
        + "; the kernels are those that made the record, so the same bits were expected: "
        + "a checkpoint, a batch, a learning rate or an item is not what it was in the run"
    }
    let parts =
      first
      + "; the steps since step \(start) miss it by \(Self.figure(share)) of their way, and in "
      + "float32 and float64, or with last digits moved, they part by \(Self.figure(rounding))"
    if isRounding { return parts + ": rounding explains it" }
    if excess <= 1 {
      return parts
        + ": over so many steps rounding alone leads somewhere else, so whether the record is of this "
        + "run cannot be told; record checkpoints at shorter intervals, or the run here"
    }
    return parts
      + ", which does not explain it: the run took other steps than the record tells. Likely causes: "
      + "another loss (weights, label smoothing, a sum), augmentation or dropout, clipping or averaged "
      + "weights (EMA), mixed precision, or another row, learning rate or checkpoint than in the run"
  }

  /// A number with two digits.
  package static func figure(_ value: Double) -> String {
    guard value.isFinite, value > 0 else { return "\(value)" }
    let exponent = Double.log10(value).rounded(.down)
    let scale = Double.pow(10, exponent - 1)
    return "\(Float((value / scale).rounded() * scale))"
  }
}
