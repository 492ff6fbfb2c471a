public import Formats
public import TensorCore

/// What `run.json` says about a run.
///
/// Keys: `format`, `version`, `model`, `modelSHA256`, `modelSettings`, `loss`, `precision`, `optimizer`, `seed`, `datasets`,
/// `batchesSHA256`, `text`, `flippedLabels`, `weights`, `steps`, `checkpoints`, `environment`. A record from elsewhere
/// needs `format`, `version`, `model`, `loss`, `optimizer`, `datasets` and `steps`. Other keys
/// are passed over; they stay in the file, which is never written again.
public struct RunManifest: Equatable, Sendable {
  /// A precision that a run computes in.
  public enum Precision: String, CaseIterable, Sendable {
    /// `Float`, the one for work.
    case float32
    /// `Double`, the one for checks.
    case float64

    /// The precision of a scalar.
    public init<Scalar: TensorScalar>(_ type: Scalar.Type) {
      self = type == Float.self ? .float32 : .float64
    }
  }

  /// A file that the run depends on.
  public struct DataFile: Equatable, Sendable {
    /// Its path, relative to the run's folder and inside it.
    public var path: String
    /// The digest of its bytes, 64 hexadecimal digits.
    public var sha256: String
    /// The shape of its array; nil where the record does not say.
    public var shape: Shape?
  }

  /// Items and where they are.
  public struct Data: Equatable, Sendable {
    /// N.
    public var count: Int
    /// The inputs `[N, …]`.
    public var inputs: DataFile
    /// The labels or the numbers to be learnt.
    public var targets: DataFile
    /// The name of each item, or none.
    public var ids: [String] = []
    /// The group of each item, or none.
    public var groups: [String] = []
  }

  /// The text that makes the model.
  public var model: String
  /// The digest of the file that `model` names; nil where it names none or the record does not say.
  public var modelSHA256: String?
  /// What a person said about the model.
  public var modelSettings = ModelSettings()
  /// What was lowered.
  public var loss: Loss
  /// What the run computed in; float32 where the record does not say.
  public var precision: Precision
  /// The optimizer and its constants.
  public var optimizer: OptimizerSettings
  /// What the initial parameters and the order of the items were drawn from; 0 where the record does
  /// not say.
  public var seed: UInt64
  /// The items that were learnt.
  public var train: Data
  /// Items that were not.
  public var test: Data?
  /// The corpus that the items were cut from; nil where they are no text.
  public var text: Text?
  /// Training items whose labels are wrong on purpose, with their right ones; nil for none.
  public var flippedLabels: FlippedLabels?
  /// A weight for each training item `[N]`; ones where nil.
  public var weights: DataFile?
  /// The learning rate of each of the S steps.
  public var learningRates: [Double]
  /// The digest of `batches.npy`; nil where the record does not say.
  public var batchesSHA256: String?
  /// The numbers of steps after which checkpoints are written, ascending; nil where the record does
  /// not say.
  public var checkpoints: [Int]?
  /// What the run depends on besides: library and kernels, by name.
  public var environment: [JSONValue.Member] = []

  /// The name of the file.
  package static let fileName = "run.json"
  /// The most bytes of the file.
  static let largestFile = 64 << 20
  /// The most bytes of it that are neither steps nor names of items.
  static let largestRest = 8 << 20
  /// What `format` says.
  static let format = "palimpsest-run"
  /// What `version` says.
  static let version = 1

  /// The library and the kernels at work now.
  static var currentEnvironment: [JSONValue.Member] {
    [
      .init("palimpsest", .string(libraryVersion)),
      .init("kernels", .string(Kernels.level)),
      .init("products", .string(Kernels.products)),
      .init("blasCore", .string(BLASLibrary.coreName)),
      .init("blas", .string(BLASLibrary.configuration)),
    ]
  }

  /// Whether the library and the kernels at work now are those that made the run.
  package var isOfThisEnvironment: Bool {
    Self.currentEnvironment.allSatisfy { current in
      environment.contains { $0.name == current.name && $0.value == current.value }
    }
  }

  /// The version of this library.
  public static let libraryVersion = "0.1.0"
}
