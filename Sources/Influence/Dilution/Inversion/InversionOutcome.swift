/// What could be read from one gradient.
public struct InversionOutcome: Sendable, Equatable {
  /// What a way of reading came to, measured against the truth.
  public struct Reading: Sendable, Equatable {
    /// The inputs that it says it has read.
    public var claimed: Int
    /// The inputs of the batch that it has read: see ``InversionSetting/threshold``.
    public var recovered: Int
    /// The mean over the batch's inputs of the mean square error of the nearest reconstruction,
    /// relative to the square of the inputs' range; nil where nothing was read.
    public var error: Double?

    /// What a way of reading came to.
    public init(claimed: Int, recovered: Int, error: Double?) {
      self.claimed = claimed
      self.recovered = recovered
      self.error = error
    }
  }

  /// An input and what was read of it.
  public struct Picture: Sendable, Equatable {
    /// Its row in the data.
    public var item: Int
    /// `[I]` by the closed form; nil where it was not read.
    public var closedForm: [Double]?
    /// `[I]`, the nearest result of the search.
    public var matched: [Double]?

    /// An input and what was read of it.
    public init(item: Int, closedForm: [Double]?, matched: [Double]?) {
      self.item = item
      self.closedForm = closedForm
      self.matched = matched
    }
  }

  /// Inputs of which a unit of the layer tells alone.
  public var exclusive: Int
  /// The closed form.
  public var closedForm: Reading
  /// The search.
  public var matching: Reading
  /// The labels that the last bias gave away, of B.
  public var labels: Int
  /// What the search has left of the difference of the gradients, relative to them.
  public var difference: Double
  /// Some inputs; none but for the first seed.
  public var pictures: [Picture]

  /// What was read.
  public init(
    exclusive: Int, closedForm: Reading, matching: Reading, labels: Int, difference: Double,
    pictures: [Picture]
  ) {
    self.exclusive = exclusive
    self.closedForm = closedForm
    self.matching = matching
    self.labels = labels
    self.difference = difference
    self.pictures = pictures
  }
}
