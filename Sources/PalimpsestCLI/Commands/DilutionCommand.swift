import ArgumentParser
import Foundation
import Palimpsest
import Synchronization

struct DilutionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "dilution")
  @Option var items = "25,50,100,200,400,800,1600"
  @Option var copies = "1,2,4,8,16"
  @Option var epochs = "10,20,40,80"
  @Option var widths = "8,16,32,64,128"
  @Option var at = "400,1,40,32"
  @Option var lr = 0.5
  @Option var seeds = 5
  @Option var watched = 4
  @OptionGroup var compute: ComputeOptions
  func list(_ s: String) -> [Int] { s.split(separator: ",").map { Int($0) ?? 0 } }
  mutating func run() throws {
    let b = list(at)
    var setting = DilutionSetting(base: .init(items: b[0], copies: b[1], epochs: b[2], width: b[3]), values: [.items: list(items), .copies: list(copies), .epochs: list(epochs), .width: list(widths)])
    setting.seeds = seeds
    setting.watched = watched
    setting.learningRate = lr
    let study = try DilutionStudy<Float>(setting, data: Digits.all())
    let start = ContinuousClock.now
    let outcomes = try study.outcomes(pool: compute.makePool())
    print("seconds", (ContinuousClock.now - start) / .seconds(1), setting.cells.count)
    for axis in setting.axes {
      for kind in setting.kinds {
        var reps: [DilutionQuantity: [[Double]]] = [:]
        for point in setting.points(axis) {
          let mine = zip(setting.cells, outcomes).filter { $0.0.point == point && $0.0.kind == kind }.map(\.1)
          var line = "\(axis) \(point[axis]) \(kind): "
          for q in DilutionQuantity.allCases {
            let v: [Double] = mine.map { seed in seed.reduce(0.0) { $0 + value(q, $1) } / Double(seed.count) }
            if reps[q] == nil { reps[q] = v.map { _ in [] } }
            for i in v.indices { reps[q]![i].append(v[i]) }
            line += "\(q) \(HumanNumber.significant(v.reduce(0, +) / Double(v.count), digits: 3))  "
          }
          let all = mine.flatMap { $0 }
          let p1 = all.map { $0.predictedOfOne ?? .nan }.reduce(0, +) / Double(all.count)
          let p2 = all.map { $0.predictedOfAll ?? .nan }.reduce(0, +) / Double(all.count)
          let lp = all.map(\.logProbability).reduce(0, +) / Double(all.count)
          print(line, "pred", HumanNumber.significant(p1), HumanNumber.significant(p2), "logp", HumanNumber.significant(lp), "res", all.map(\.residual).max() ?? 0)
        }
        for q in DilutionQuantity.allCases {
          do { let law = try PowerLaw(x: setting.points(axis).map { Double($0[axis]) }, repetitions: reps[q]!)
            print("   fit", q, law.exponent, law.interval as Any, law.explained) } catch { print("   fit", q, error) }
        }
      }
    }
  }
  func value(_ q: DilutionQuantity, _ o: WatchedOutcome) -> Double {
    switch q { case .share: o.share; case .shareOfAll: o.shareOfAll; case .contributors: o.contributors; case .rank: Double(o.rank); case .effectOfOne: o.effectOfOne; case .effectOfAll: o.effectOfAll }
  }
}
