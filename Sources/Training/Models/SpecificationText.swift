import Formats

/// The text of a model, such as `cnn:1x28x28:16c3-p2-10:relu`, in its parts.
struct SpecificationText {
  let text: String
  /// What stands between the colons.
  let parts: [Substring]
  private let example: String

  /// The most parameters that a text may ask for.
  static let mostParameters = 1 << 28
  /// The largest extent that a text may name.
  static let mostExtent = 1 << 24

  init(_ text: String, example: String) {
    self.text = text
    self.example = example
    parts = text.split(separator: ":", omittingEmptySubsequences: false)
  }

  /// What is thrown where the text cannot be read.
  func fault(_ found: String) -> ModelError {
    ModelError(
      description: "model \(FormatError.quoted(text)): \(found); expected \(example)")
  }

  /// A whole number from 1 that a text may name as an extent.
  func extent(_ text: some StringProtocol, _ what: String) throws(ModelError) -> Int {
    guard let number = Int(text), (1...Self.mostExtent).contains(number) else {
      throw fault("\(what) \(FormatError.quoted(String(text)))")
    }
    return number
  }

  /// An activation by its name.
  func activation(_ name: some StringProtocol) throws(ModelError) -> Activation {
    guard let activation = Activation(rawValue: String(name)) else {
      let known = Activation.allCases.map(\.rawValue).joined(separator: ", ")
      throw fault("activation \(FormatError.quoted(String(name))) is none of \(known)")
    }
    return activation
  }

  /// A sum of products of extents, refused where it is more than a model may have.
  func count(_ terms: [[Int]]) throws(ModelError) -> Int {
    var sum = 0
    for factors in terms {
      var product = 1
      for factor in factors {
        let (next, overflow) = product.multipliedReportingOverflow(by: factor)
        product = overflow ? .max : next
      }
      sum = product > Self.mostParameters ? .max : sum + product
      guard sum <= Self.mostParameters else {
        throw fault("more than \(Self.mostParameters) parameters or elements")
      }
    }
    return sum
  }
}
