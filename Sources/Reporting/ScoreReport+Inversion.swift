public import Influence

extension ScoreReport {
  /// What can be read from gradients of more and more items.
  public struct Inversion: Sendable {
    /// Which gradients.
    public var setting: InversionSetting
    /// What came out, size by size.
    public var places: [Place]
    /// Some inputs of each size with what was read of them.
    public var pictures: [Picture]

    /// What came out for one size.
    public struct Place: Sendable, Equatable {
      /// B, the inputs of a gradient.
      public var batchSize: Int
      /// Inputs of which a unit of the first layer tells alone.
      public var exclusive: SeedMean
      /// Inputs that the closed form read.
      public var closedForm: SeedMean
      /// Inputs that it says it read.
      public var claimed: SeedMean
      /// Inputs that the search read.
      public var matching: SeedMean
      /// Labels that the last bias gave away.
      public var labels: SeedMean
      /// What the search left of the difference of the gradients, relative to them.
      public var difference: SeedMean
    }

    /// An input and what was read of it.
    public struct Picture: Sendable {
      /// B.
      public var batchSize: Int
      /// The input itself.
      public var item: Item
      /// By the closed form; nil where it was not read.
      public var closedForm: PixelImage?
      /// By the search.
      public var matched: PixelImage?

      /// An input and what was read of it.
      public init(
        batchSize: Int, item: Item, closedForm: PixelImage?, matched: PixelImage?
      ) {
        self.batchSize = batchSize
        self.item = item
        self.closedForm = closedForm
        self.matched = matched
      }
    }

    /// What came out of some gradients.
    ///
    /// - Parameter outcomes: Those of each of the setting's cells, in their order.
    public init(
      setting: InversionSetting, outcomes: [InversionOutcome], pictures: [Picture] = []
    ) {
      self.setting = setting
      self.pictures = pictures
      let cells = zip(setting.cells, outcomes)
      places = Set(setting.batchSizes).sorted().map { size in
        let own = cells.filter { $0.0.batchSize == size }.map(\.1)
        func mean(_ number: (InversionOutcome) -> Double) -> SeedMean { SeedMean(own.map(number)) }
        return Place(
          batchSize: size, exclusive: mean { Double($0.exclusive) },
          closedForm: mean { Double($0.closedForm.recovered) },
          claimed: mean { Double($0.closedForm.claimed) },
          matching: mean { Double($0.matching.recovered) }, labels: mean { Double($0.labels) },
          difference: mean { $0.difference })
      }
    }
  }

  /// The inverted gradients of all sections.
  public var inversions: [Inversion] {
    sections.compactMap { if case .inversion(let inversion) = $0 { inversion } else { nil } }
  }
}

// What several formats say in the same words and the same order.

extension ScoreReport.Inversion {
  static let headings = [
    "inputs", "exclusive", "closed form", "claimed", "search", "labels", "left over",
  ]

  /// The cells of a row after its first.
  func cells(_ place: Place) -> [String] {
    [place.exclusive, place.closedForm, place.claimed, place.matching, place.labels].map {
      Self.text($0.mean)
    } + [HumanNumber.significant(place.difference.mean, digits: 2)]
  }

  private static func text(_ value: Double) -> String {
    value == value.rounded() ? HumanNumber.count(Int(value)) : HumanNumber.decimals(value, 1)
  }

  /// What the table says.
  var legend: String {
    "Inputs that can be read from the mean gradient of so many, means over "
      + "\(HumanNumber.count(setting.seeds)) seeds; an input counts where its signal-to-noise ratio "
      + "is at least \(HumanNumber.significant(InversionSetting.threshold, digits: 2)) dB. Exclusive: "
      + "a unit of the first layer tells of it alone. Closed form: read through the first layer "
      + "(relu units), what is known taken away; claimed: what that says it has read, without "
      + "knowing the truth. Search: inputs whose gradient is the given one (tanh units), labels from "
      + "the last bias. Left over: what the search leaves of the gradients' difference, relative to "
      + "them."
  }

  /// What can still be read, in plain words.
  var sentences: [String] {
    [
      sentence("Through the first layer, in closed form,", \.closedForm),
      sentence("By a search for inputs with the same gradient", \.matching),
    ]
  }

  private func sentence(_ way: String, _ number: (Place) -> SeedMean) -> String {
    guard let first = places.first, let last = places.last else { return "" }
    let whole = places.prefix { number($0).mean >= Double($0.batchSize) }.last
    let all =
      whole.map { "all inputs are read up to \(HumanNumber.count($0.batchSize)) in one gradient" }
      ?? "\(Self.text(number(first).mean)) of \(HumanNumber.count(first.batchSize)) is read"
    let rest =
      whole?.batchSize == last.batchSize
      ? "."
      : "; of \(HumanNumber.count(last.batchSize)), \(Self.text(number(last).mean)) are."
    return "\(way) \(all)\(rest)"
  }
}
