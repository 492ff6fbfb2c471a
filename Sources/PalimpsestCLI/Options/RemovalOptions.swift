import ArgumentParser
import Palimpsest

/// What a retraining leaves out, named on the command line.
struct RemovalOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Items to leave out, such as 17,18 or 3-9, ids, or group:NAME; repeatable, each a removal.",
      valueName: "items"))
  var without: [String] = []

  @Option(help: ArgumentHelp("A group to leave out; repeatable.", valueName: "name"))
  var withoutGroup: [String] = []

  @Option(
    help: ArgumentHelp(
      "Leave out for each query its own strongest supporters by credit.", valueName: "k"))
  var withoutTop: Int?

  @Option(
    help: ArgumentHelp(
      "An item to leave out with all that resemble it, in a run on text those that the run found; "
        + "repeatable.", valueName: "item"))
  var nearDuplicates: [String] = []

  @Option(
    help: ArgumentHelp(
      "How similar these are at least, from 0 to 1 for the same inputs, of other items than text. "
        + "(default: 0.95)",
      valueName: "x"))
  var similarity: Double?

  @Flag(help: "Take the mean of a batch over the items that are left.")
  var renormalize = false

  @Option(
    help: ArgumentHelp(
      "Test items to learn instead, as many as are left out.", valueName: "range"))
  var swap: String?

  /// A removal with what people call it, and the one query that it is for; nil for all.
  struct Named {
    let name: String
    let removal: Removal
    let query: Int?
  }

  /// Whether nothing is left out.
  var isEmpty: Bool {
    without.isEmpty && withoutGroup.isEmpty && withoutTop == nil && nearDuplicates.isEmpty
  }

  /// The options that were given.
  var given: [String] {
    [
      ("--without", !without.isEmpty), ("--without-group", !withoutGroup.isEmpty),
      ("--without-top", withoutTop != nil), ("--near-duplicates", !nearDuplicates.isEmpty),
      ("--renormalize", renormalize), ("--swap", swap != nil),
    ].filter(\.1).map(\.0)
  }

  func validate() throws {
    if let withoutTop, withoutTop < 1 {
      throw ValidationError("--without-top: found \(withoutTop), expected 1 or more")
    }
    if let similarity {
      guard similarity > 0, similarity <= 1 else {
        throw ValidationError("--similarity: found \(similarity), expected above 0 and at most 1")
      }
      guard !nearDuplicates.isEmpty else {
        throw ValidationError("--similarity goes with --near-duplicates")
      }
    }
    guard !renormalize || swap == nil else {
      throw ValidationError("--renormalize and --swap exclude each other")
    }
  }

  /// The items that a text such as `17,18`, `3-9`, an id or a group names.
  ///
  /// - Throws: ``UsageError``.
  private func items<Scalar: TensorScalar>(
    _ text: String, in data: Dataset<Scalar>, option: String = "--without"
  ) throws -> ItemLookup<Scalar>.Found {
    let lookup = ItemLookup(data: data, part: "train", option: option)
    let found =
      try lookup.find(text) ?? text.dropping("train:").flatMap { try lookup.find($0) }
    guard let found else {
      throw UsageError(
        "\(option): found \"\(text)\", expected "
          + (option == "--without" ? "items such as 17,18 or 3-9" : "an item such as 17")
          + (data.ids.isEmpty ? "" : ", or an id") + (data.groups.isEmpty ? "" : ", or a group"))
    }
    return found
  }

  /// The item of a number or of an id, as reports show it.
  ///
  /// - Throws: ``UsageError`` where there is none, or more than one.
  private func item<Scalar: TensorScalar>(
    _ text: String, in data: Dataset<Scalar>, option: String
  ) throws -> Int {
    let found = try items(text, in: data, option: option).items
    guard found.count == 1 else {
      throw UsageError(
        "\(option): found \"\(text)\", which are \(found.count) items, expected one item such as 17"
      )
    }
    return found[0]
  }

  /// The removals that do not depend on scores.
  ///
  /// - Throws: ``UsageError``.
  func named<Scalar: TensorScalar>(
    _ run: TrainingRun<Scalar>
  ) throws -> [Named] {
    let items = run.train.items
    let lists = try without.map { text in
      let found = try self.items(text, in: items)
      let list = found.items
      if let group = found.group { return try removal(ofGroup: group, list, run) }
      let names =
        list.count <= 3
        ? list.map { Scoring.item($0, items, "train").title }.joined(separator: ", ")
        : "\(list.count) items from \(Scoring.item(list[0], items, "train").title) on"
      return Named(name: names, removal: try removal(list, run), query: nil)
    }
    let groups = try withoutGroup.map { name in
      let members = items.groups.indices.filter { items.groups[$0] == name }
      guard !members.isEmpty else {
        let known = Set(items.groups).sorted().prefix(5)
        throw UsageError(
          "--without-group: found \"\(name)\", expected "
            + (known.isEmpty
              ? "items with groups, which this run has none of"
              : "the group of an item, such as \(known.joined(separator: ", "))"))
      }
      return try removal(ofGroup: name, members, run)
    }
    return try lists + groups + nearDuplicates.map { try copies(of: $0, run) }
  }

  private func removal<Scalar: TensorScalar>(
    ofGroup name: String, _ members: [Int], _ run: TrainingRun<Scalar>
  ) throws -> Named {
    Named(
      name: "group \(name), \(members.count) items", removal: try removal(members, run), query: nil)
  }

  /// An item with all that resemble it.
  private func copies<Scalar: TensorScalar>(
    of text: String, _ run: TrainingRun<Scalar>
  ) throws -> Named {
    let items = run.train.items
    let item = try item(text, in: items, option: "--near-duplicates")
    let found = try resembling(item, run)
    let others = found.count - 1
    let name =
      others == 0
      ? "which nothing resembles" : others == 1 ? "and 1 like it" : "and \(others) like it"
    return Named(
      name: "\(Scoring.item(item, items, "train").title) \(name)",
      removal: try removal(found.sorted(), run),
      query: nil)
  }

  /// The items that resemble one, which is among them: by their inputs, or, where these are numbers of
  /// tokens, by the near copies that the run has found in its text.
  private func resembling<Scalar: TensorScalar>(
    _ item: Int, _ run: TrainingRun<Scalar>
  ) throws -> [Int] {
    guard let text = run.text else {
      return run.train.items.nearDuplicates(of: item, similarity: similarity ?? 0.95).map(\.item)
    }
    guard similarity == nil else {
      throw UsageError(
        "--similarity: found a run on text, whose near copies were found when it was trained, from a "
          + "similarity of \(NearDuplicates.usualThreshold) on; leave the option out")
    }
    let passages = Array(text.trainPassages)
    return passages.indices.filter { passages[$0].nearGroup == passages[item].nearGroup }
  }

  /// For each query its strongest supporters by credit.
  func strongest<Scalar: TensorScalar>(
    _ accounts: [OutputAccount], _ run: TrainingRun<Scalar>
  ) throws -> [Named] {
    guard let withoutTop else { return [] }
    return try accounts.enumerated().compactMap { query, account in
      guard let rows = account.columns[.credit]?.items else { return nil }
      let order = rows.indices.filter { rows[$0] > 0 }.sorted { (rows[$0], $1) > (rows[$1], $0) }
      let chosen = Array(order.prefix(withoutTop))
      guard !chosen.isEmpty else { return nil }
      return Named(
        name: chosen.count == 1
          ? "its strongest supporter" : "its \(chosen.count) strongest supporters",
        removal: try removal(chosen, run), query: query)
    }
  }

  /// A removal of some items with what takes their place.
  func removal<Scalar: TensorScalar>(_ items: [Int], _ run: TrainingRun<Scalar>) throws -> Removal {
    if renormalize { return Removal(items, .renormalized) }
    guard let swap else { return Removal(items) }
    let selection = QuerySelection(swap, option: "--swap")
    guard selection.concerns(.test) else {
      throw UsageError("--swap: found \"\(swap)\", expected test items such as test:3")
    }
    guard let test = run.test?.items else {
      throw UsageError("--swap: the run has no test items")
    }
    let others = try selection.resolve(train: nil, test: test).items
    guard others.count == items.count else {
      throw UsageError(
        "--swap: found \(others.count) test items, expected \(items.count), one for each item "
          + "that is left out")
    }
    return Removal(items, .swapped(with: others))
  }

  /// What takes the items' place, in words.
  var semantics: String {
    if renormalize { return "left out, the mean of a batch over the others" }
    if let swap { return "replaced by \(swap)" }
    return "left out, the denominator of a batch as it was"
  }
}
