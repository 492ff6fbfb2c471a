extension ONNXProgram {
  /// What an array is to training, and on what evidence.
  public enum Role: Equatable, Sendable {
    /// Training changes it by a gradient.
    case parameter(Evidence)
    /// A statistic of a batch normalization.
    case statistic
    /// The exporter says that the module kept it as a buffer.
    case buffer
    /// A person says that training left it alone.
    case frozen
    /// No derivative reaches it.
    case unreached

    /// Why an array is a parameter.
    public enum Evidence: Equatable, Sendable {
      /// A person says so.
      case named
      /// The exporter says so.
      case declared
      /// The exporter made it from one, in another order of its elements.
      case computed
      /// A checkpoint has an array of its name.
      case inCheckpoint
      /// Nothing speaks against it.
      case assumed
    }

    /// In a few words.
    public var text: String {
      switch self {
      case .parameter(.named): "trained: named by --parameters"
      case .parameter(.declared): "trained: the exporter calls it a parameter"
      case .parameter(.computed): "trained: the exporter made it from a parameter"
      case .parameter(.inCheckpoint): "trained: the checkpoints have it"
      case .parameter(.assumed): "trained: taken for a parameter, since nothing says otherwise"
      case .statistic: "not trained: a statistic of a batch normalization"
      case .buffer: "not trained: the exporter calls it a buffer"
      case .frozen: "not trained: by --parameters or --constant"
      case .unreached: "not trained: no derivative reaches it"
      }
    }
  }
}
