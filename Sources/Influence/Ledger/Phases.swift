import Training

/// The first epoch of a run, what lies between, and the last.
struct Phases {
  static let count = 3
  private let steps: [Range<Int>]

  init(_ batches: Batches, items: Int) {
    let epoch = max(1, min((items + batches.size - 1) / batches.size, batches.count))
    let last = max(epoch, batches.count - epoch)
    steps = [0..<epoch, epoch..<last, last..<batches.count]
  }

  subscript(_ phase: Int) -> Range<Int> { steps[phase] }
}
