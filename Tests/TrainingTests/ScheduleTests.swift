import Foundation
import Testing
import Training

@Suite("Schedules")
struct ScheduleTests {
  private func rates(_ text: String, steps: Int = 12, epoch: Int = 3) throws -> [Double] {
    try Schedule(text).learningRates(2, steps: steps, epoch: epoch)
  }

  @Test("constant stays")
  func constant() throws { #expect(try rates("constant") == [Double](repeating: 2, count: 12)) }

  @Test("step multiplies after whole epochs")
  func step() throws {
    // Two epochs of three steps at each level; halves are exact.
    let levels = [2.0, 1.0].flatMap { [Double](repeating: $0, count: 6) }
    #expect(try rates("step:2:0.5") == levels)
  }

  @Test("cosine goes down half a turn")
  func cosine() throws {
    for (step, rate) in try rates("cosine").enumerated() {
      #expect(abs(rate - (1 + cos(.pi * Double(step) / 12))) < 1e-15)
    }
    let floor = try rates("cosine:0.5")
    #expect(floor[0] == 2)
    #expect(abs(floor[6] - 1.25) < 1e-15)
    #expect(floor[11] > 0.5)
  }

  @Test("the warm-up is linear, and what follows starts at the full rate")
  func warmUp() throws {
    let constant = try rates("warmup:4")
    #expect(Array(constant[..<4]) == [0.5, 1, 1.5, 2])
    #expect(constant[4...].allSatisfy { $0 == 2 })
    let cosine = try rates("warmup:4+cosine")
    #expect(Array(cosine[..<4]) == [0.5, 1, 1.5, 2])
    #expect(cosine[4] == 2)
    #expect(abs(cosine[8] - 1) < 1e-15)
    // Epochs are counted from the run's start.
    #expect(try rates("warmup:1+step:1:0.5")[2...3] == [2, 1])
  }

  @Test("a warm-up longer than the run never reaches the full rate")
  func longWarmUp() throws { #expect(try rates("warmup:24+cosine").last == 1) }

  @Test(
    "text and schedule are each other's image",
    arguments: [
      "constant", "step:5:0.1", "cosine", "cosine:0.001", "warmup:100+cosine",
      "warmup:7+step:2:0.5", "warmup:3+constant",
    ])
  func text(_ text: String) throws { #expect(try Schedule(text).description == text) }

  @Test(
    "other text is refused",
    arguments: [
      "", "cos", "step", "step:0:0.1", "step:5", "step:5:0", "step:5:nan", "cosine:-1", "warmup:0",
      "warmup:", "warmup:5+", "+cosine", "cosine+warmup:5", "constant:1", "warmup:5+cosine+cosine",
      "step:99999999999999999999:0.1",
    ])
  func refused(_ text: String) {
    #expect(message { _ = try Schedule(text) }.hasPrefix("schedule: found \"\(text)\", expected"))
  }
}
