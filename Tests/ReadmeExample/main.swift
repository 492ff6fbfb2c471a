import Palimpsest

let (train, test) = Digits.split(as: Float.self)
let model = MLP(widths: [64, 32, 10], activation: .tanh)
let run = try TrainingRun(model, train: .init(train), learningRate: 0.1, batchSize: 50, epochs: 10)
try run.record(in: "digits-run")

let record = try RunRecord(folder: "digits-run")
let setting = ScoreSetting(
  model: model, loss: .crossEntropy, items: train, queries: test[[0, 1]],
  checkpoints: try record.weightedCheckpoints(trajectory: true, as: Float.self))
let engine = try ScoreEngine(TracIn.problem(setting), pool: WorkerPool())
for (query, summary) in try engine.summaries(3).enumerated() {
  print("test:\(query) has \(Int(summary.cocktail.effectiveContributors)) effective contributors")
  for ranked in summary.top.supporters { print("  train:\(ranked.item)", ranked.score, "nats") }
}
