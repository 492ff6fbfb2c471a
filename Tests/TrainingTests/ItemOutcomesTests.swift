import TensorCore
import Testing
import Training

@Suite("What a model makes of items")
struct ItemOutcomesTests {
  @Test("right is what the largest output says, and the score is minus the loss")
  func classes() throws {
    let model = try MLP("mlp:3-4-5:tanh")
    // More than one block of items.
    let data: Dataset<Double> = items(300, inputs: 3, classes: 5)
    let parameters = model.initialParameters(seed: 4)
    let found = ItemOutcomes(model, loss: .crossEntropy, data: data).values(at: parameters)
    let losses = model.values(of: .loss, loss: .crossEntropy, on: data, at: parameters)
    #expect(found.score == losses.map { -Float($0) })
    let labels = try #require(data.labels)
    // Over all labels in turn, an item is right for one of them.
    var rights = [Float](repeating: 0, count: 300)
    for shift in 0..<5 {
      let turned = Dataset(
        inputs: data.inputs, targets: .labels(labels.map { ($0 + Int32(shift)) % 5 }))
      let values = ItemOutcomes(model, loss: .crossEntropy, data: turned).values(at: parameters)
      let logits = (0..<5).map { label in
        model.values(
          of: .logit, loss: .crossEntropy,
          on: Dataset(
            inputs: data.inputs, targets: .labels(labels.map { ($0 + Int32(shift + label)) % 5 })),
          at: parameters)
      }
      for item in 0..<300 {
        let isLargest = (1..<5).allSatisfy { logits[0][item] > logits[$0][item] }
        #expect(values.accuracy[item] == (isLargest ? 1 : 0))
        rights[item] += values.accuracy[item]
      }
    }
    #expect(rights.allSatisfy { $0 == 1 })
  }

  @Test("equal outputs, and an item without a label, are not right")
  func ties() throws {
    let model = try MLP("mlp:2-3")
    let data = Dataset<Float>(
      inputs: Tensor([2, 2]), targets: .labels([1, -100]))
    let outcomes = ItemOutcomes(model, loss: .crossEntropy, data: data)
    let found = outcomes.values(at: [Float](repeating: 0, count: model.layout.count))
    #expect(found.accuracy == [0, 0])
    #expect(found.score[1] == 0)
  }

  @Test("a sequence is right to the share of its labelled positions")
  func sequences() throws {
    let model = try ModelRegistry.model(
      "transformer:vocabulary=5,context=4,width=8,heads=2,layers=1")
    let inputs = Tensor<Float>([1, 4], [0, 1, 2, 3])
    let parameters = model.initialParameters(seed: 1).map { Float($0) }
    // Which token is the largest output at each position.
    func accuracy(_ labels: [Int32]) -> Float {
      let data = Dataset(inputs: inputs, targets: .labels(labels))
      return ItemOutcomes(model, loss: .crossEntropy, data: data).values(at: parameters).accuracy[0]
    }
    var best: [Int32] = []
    for position in 0..<4 {
      let right = (0..<5).filter { token in
        accuracy((0..<4).map { $0 == position ? Int32(token) : -100 }) == 1
      }
      #expect(right.count == 1)
      best.append(Int32(right.first ?? 0))
    }
    #expect(accuracy(best) == 1)
    best[2] = (best[2] + 1) % 5
    #expect(accuracy(best) == 0.75)
    best[0] = -100
    // Two of three.
    #expect(accuracy(best) == Float(2) / 3)
  }
}
