import Foundation
import TensorCore
import Testing
import Training

@Suite("Labels made wrong on purpose")
struct FlippedLabelsTests {
  private let data: Dataset<Float> = items(200, inputs: 2, classes: 4)

  @Test("as many labels as asked for become wrong ones, each other class about as often")
  func flipped() throws {
    let (wrong, flipped) = try data.flippingLabels(0.3, classes: 4, seed: 5)
    let (old, new) = (try #require(data.labels), try #require(wrong.labels))
    let changed = old.indices.filter { old[$0] != new[$0] }
    #expect(changed.count == 60 && flipped.items == changed)
    #expect(flipped.labels == changed.map { old[$0] })
    #expect(new.allSatisfy { (0..<4).contains($0) })
    #expect(wrong.inputs == data.inputs)
    // Twenty of each step expected; the chance of fewer than 8 is below one in a thousand.
    for step in 1..<4 {
      #expect(changed.count { (new[$0] - old[$0] + 4) % 4 == Int32(step) } >= 8)
    }
  }

  @Test("the choice repeats, differs by seed, and grows with the share")
  func choice() throws {
    let (first, few) = try data.flippingLabels(0.1, classes: 4, seed: 5)
    let again = try data.flippingLabels(0.1, classes: 4, seed: 5)
    #expect(again.data == first && again.flipped == few)
    #expect(try data.flippingLabels(0.1, classes: 4, seed: 6).flipped.items != few.items)
    let more = try data.flippingLabels(0.2, classes: 4, seed: 5)
    #expect(Set(more.flipped.items).isSuperset(of: few.items))
    let (a, b) = (try #require(first.labels), try #require(more.data.labels))
    for item in few.items { #expect(a[item] == b[item]) }
  }

  @Test("items without a label keep it so")
  func unlabelled() throws {
    let labels = (0..<20).map { Int32($0 < 10 ? -100 : 1) }
    let data = Dataset<Float>(inputs: Tensor([20, 1]), targets: .labels(labels))
    let (wrong, flipped) = try data.flippingLabels(0.5, classes: 3, seed: 1)
    #expect(flipped.items.count == 5 && flipped.items.allSatisfy { $0 >= 10 })
    #expect(try #require(wrong.labels).prefix(10).allSatisfy { $0 == -100 })
  }

  @Test("shares that flip nothing or everything, and items without classes, are refused")
  func refused() throws {
    for share in [0, 1, -0.5, 0.001, 0.999, .nan] {
      #expect(throws: TrainingError.self) { try data.flippingLabels(share, classes: 4, seed: 1) }
    }
    #expect(throws: TrainingError.self) { try data.flippingLabels(0.5, classes: 1, seed: 1) }
    let numbers = Dataset<Float>(
      inputs: Tensor([4, 1]), targets: .values(Tensor([4, 1])))
    #expect(throws: TrainingError.self) { try numbers.flippingLabels(0.5, classes: 2, seed: 1) }
  }

  @Test("a run records which labels it flipped, and what they were")
  func recorded() throws {
    let room = try RunRoom()
    var run = try smallRun(as: Float.self)
    let (wrong, flipped) = try run.train.items.flippingLabels(0.3, classes: 3, seed: 9)
    (run.train.items, run.flippedLabels) = (wrong, flipped)
    try run.record(in: room.run)
    let record = try room.open()
    #expect(record.manifest.flippedLabels == flipped)
    let again: TrainingRun<Float> = try record.run()
    #expect(again.flippedLabels == flipped && again.train.items == wrong)
    // It is resumed with the same choice only.
    run.flippedLabels = nil
    #expect(message { try run.record(in: room.run) }.contains("choice of flipped labels"))
  }

  @Test(
    "a damaged list in a record is refused",
    arguments: [
      #"{"items": [1, 1], "labels": [0, 0]}"#, #"{"items": [17], "labels": [0]}"#,
      #"{"items": [1], "labels": []}"#, #"{"items": [1], "labels": [-1]}"#, #"{"items": 1}"#, "[]",
    ])
  func damaged(_ list: String) throws {
    let room = try RunRoom()
    try smallRun(as: Float.self).record(in: room.run)
    try room.edit("run.json") {
      $0 = $0.replacing(
        "\"seed\"", with: "\"flippedLabels\": \(list), \"seed\"", maxReplacements: 1)
    }
    #expect(message { _ = try room.open() }.contains("flippedLabels"))
  }
}
