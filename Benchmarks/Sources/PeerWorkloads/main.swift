import Palimpsest

// Quick probe, replaced by the served workloads.
func timed(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let d = try clock.measure(body)
  return Double(d.components.seconds) + Double(d.components.attoseconds) * 1e-18
}
func sgemm(_ pool: WorkerPool) -> Double {
  let n = 4096
  let a = AlignedBuffer<Float>(n*n, filledWith: 0.5), b = AlignedBuffer<Float>(n*n, filledWith: 0.25), c = AlignedBuffer<Float>(n*n, filledWith: 0)
  let t = timed { pool.run(8) { blk, _ in
    let rows = n/8
    MatrixProduct.gemm(UnsafeBufferPointer(start: a.base + blk*rows*n, count: rows*n), UnsafeBufferPointer(start: b.base, count: n*n), transposeB: true, m: rows, n: n, k: n, into: UnsafeMutableBufferPointer(start: c.base + blk*rows*n, count: rows*n))
  } }
  return 2*Double(n)*Double(n)*Double(n)/t/1e9
}
let threads = Int(CommandLine.arguments.dropFirst().first ?? "2") ?? 2
let density = Double(CommandLine.arguments.dropFirst(2).first ?? "0.19") ?? 0.19
let pool = WorkerPool(threads: threads)
nonisolated(unsafe) var state: UInt64 = 88172645463325252
func draw() -> Double { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return Double(state >> 11) * 0x1p-53 }
let N = 60000, Q = 1000
let model = MLP(widths: [784,256,128,10], activation: .relu)
func data(_ n: Int) -> Dataset<Float> {
  var x = [Float](repeating: 0, count: n*784)
  for i in x.indices where draw() < density { x[i] = Float(draw()) }
  return Dataset(inputs: Tensor([n,784], x), targets: .labels((0..<n).map { _ in Int32(draw()*10) }))
}
let items = data(N), queries = data(Q)
let params = (0..<model.layout.count).map { _ in Float(draw()-0.5)*0.1 }
let problem = ScoreProblem(model: model, loss: .crossEntropy, items: items, queries: queries, checkpoints: [WeightedCheckpoint(parameters: params)])
let engine = try ScoreEngine(problem, pool: pool)
let ghost = 2.0*Double(N)*Double(Q)*1562
for _ in 0..<3 {
  let r = sgemm(pool)
  let t = try timed { _ = try engine.scores() }
  print("sgemm \(r) GF/s; scores \(t) s, \(ghost/t/1e9) GF/s ratio \(ghost/t/1e9/r) sparse \(engine.estimate.operations)")
  let s = try timed { _ = try engine.selfInfluence() }
  print("self \(s) s \(32.4e9/s/1e9) GF/s ratio \(32.4/s/r)")
}
let five = ScoreProblem(model: model, loss: .crossEntropy, items: items, queries: queries, checkpoints: Array(repeating: WeightedCheckpoint(parameters: params, weight: .uniform(0.1)), count: 5))
let e5 = try ScoreEngine(five, pool: pool)
print("five", try timed { _ = try e5.scores() })
print("top", try timed { let t = try engine.topItems(100); print(t.skippedShare) })
