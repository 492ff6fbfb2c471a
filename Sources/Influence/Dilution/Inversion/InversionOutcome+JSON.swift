import Formats

extension InversionOutcome {
  /// As a file keeps it.
  var json: JSONValue {
    func numbers(_ values: [Double]?) -> JSONValue {
      values.map { .array($0.map { .number($0) }) } ?? .null
    }
    return .object([
      .init("exclusive", .number(exclusive)), .init("closedForm", closedForm.json),
      .init("matching", matching.json), .init("labels", .number(labels)),
      .init("difference", .number(difference)),
      .init(
        "pictures",
        .array(
          pictures.map {
            .object([
              .init("item", .number($0.item)), .init("closedForm", numbers($0.closedForm)),
              .init("matched", numbers($0.matched)),
            ])
          })),
    ])
  }

  /// - Returns: Nil where something is missing.
  init?(_ json: JSONValue) {
    guard let exclusive = json["exclusive"]?.integer(Int.self),
      let closedForm = json["closedForm"].flatMap(Reading.init),
      let matching = json["matching"].flatMap(Reading.init),
      let labels = json["labels"]?.integer(Int.self), let difference = json["difference"]?.double,
      let pictures = json["pictures"]?.array
    else { return nil }
    self.init(
      exclusive: exclusive, closedForm: closedForm, matching: matching, labels: labels,
      difference: difference,
      pictures: pictures.compactMap { picture in
        picture["item"]?.integer(Int.self).map { item in
          Picture(
            item: item, closedForm: picture["closedForm"]?.array?.compactMap(\.double),
            matched: picture["matched"]?.array?.compactMap(\.double))
        }
      })
  }
}

extension InversionOutcome.Reading {
  fileprivate var json: JSONValue {
    .object([
      .init("claimed", .number(claimed)), .init("recovered", .number(recovered)),
      .init("error", error.map { .number($0) } ?? .null),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let claimed = json["claimed"]?.integer(Int.self),
      let recovered = json["recovered"]?.integer(Int.self)
    else { return nil }
    self.init(claimed: claimed, recovered: recovered, error: json["error"]?.double)
  }
}

extension InversionOutcome {
  /// Whether it can have come out of a gradient of so many inputs `[I]`.
  func isPossible(batchSize: Int, width: Int) -> Bool {
    let counts = [exclusive, labels, closedForm.recovered, matching.recovered]
    let sizes = [difference] + [closedForm.error, matching.error].compactMap { $0 }
    return counts.allSatisfy { (0...batchSize).contains($0) }
      && closedForm.claimed >= 0 && matching.claimed >= 0
      && sizes.allSatisfy { $0.isFinite && $0 >= 0 }
      && pictures.allSatisfy { picture in
        picture.item >= 0
          && [picture.closedForm, picture.matched].allSatisfy {
            $0.map { $0.count == width } ?? true
          }
      }
  }
}
