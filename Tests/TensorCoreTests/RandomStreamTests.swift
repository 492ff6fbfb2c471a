import TensorCore
import Testing

@Suite struct RandomStreamTests {
  // The file kat_vectors of the authors' library Random123, lines "philox4x32 10".
  @Test func `Philox gives the published answers`() {
    let answers: [(counter: Philox.Counter, key: Philox.Key, block: Philox.Counter)] = [
      (
        (0, 0, 0, 0), (0, 0), (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
      ),
      (
        (0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff), (0xffff_ffff, 0xffff_ffff),
        (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
      ),
      (
        (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), (0xa409_3822, 0x299f_31d0),
        (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
      ),
    ]
    for answer in answers { #expect(Philox.block(answer.counter, key: answer.key) == answer.block) }
  }

  @Test func `the layout of a stream is the documented one`() {
    let zero = RandomStream(seed: 0, stream: 0)
    #expect(zero.bits(at: 0) == 0xe169_c58d_6627_e8d5)
    #expect(zero.bits(at: 1) == 0x9b00_dbd8_bc57_ac4c)
    let other = RandomStream(seed: 0x0123_4567_89ab_cdef, stream: 7)
    let block = Philox.block((0x9, 0x4000_0000, 7, 0), key: (0x89ab_cdef, 0x0123_4567))
    #expect(other.bits(at: 0x8000_0000_0000_0012) == UInt64(block.1) << 32 | UInt64(block.0))
    #expect(zero.uniform(at: 0) == Double(0xe169_c58d_6627_e8d5 >> 11 as UInt64) * 0x1p-53)
  }

  @Test func `draws do not depend on their order`() {
    let stream = RandomStream(seed: 5, stream: 1)
    var forwards = stream
    let bits = (0..<20).map { _ in forwards.next() }
    #expect(forwards.position == 20)
    #expect((0..<20).reversed().map { stream.bits(at: $0) } == bits.reversed())
    var mixed = stream
    _ = mixed.nextNormal(as: Float.self)
    _ = mixed.nextInteger(below: 3)
    _ = mixed.nextUniform(as: Double.self)
    #expect(mixed.next() == bits[3])
  }

  @Test(arguments: precisions) func `tensors hold the single draws`(type: any TensorScalar.Type) {
    func body<Scalar: TensorScalar>(_: Scalar.Type) {
      for start in [0, 1, 6, 7] as [UInt64] {
        for count in [0, 1, 2, 5] {
          let stream = RandomStream(seed: 9, stream: 2, position: start)
          var source = stream
          let uniforms: Tensor<Scalar> = source.uniformTensor([count])
          #expect(source.position == start + UInt64(count))
          source = stream
          let normals: Tensor<Scalar> = source.normalTensor([count])
          let positions = (0..<count).map { start + UInt64($0) }
          #expect(uniforms.scalars == positions.map { stream.uniform(at: $0) })
          #expect(normals.scalars == positions.map { stream.normal(at: $0) })
        }
      }
    }
    body(type)
  }

  @Test func `both precisions see the same draws`() {
    let stream = RandomStream(seed: 10, stream: 0)
    for position in 0..<200 as Range<UInt64> {
      let wide = stream.uniform(at: position, as: Double.self)
      let narrow = stream.uniform(at: position, as: Float.self)
      #expect(Double(narrow) <= wide && wide < Double(narrow) + 0x1p-24)
      #expect(
        stream.normal(at: position, as: Float.self)
          == Float(stream.normal(at: position, as: Double.self)))
    }
  }

  @Test func `streams and seeds differ`() {
    let streams = (0..<4).flatMap { seed in
      (0..<4).map { RandomStream(seed: seed, stream: $0).bits(at: 0) }
    }
    #expect(Set(streams).count == 16)
  }

  // The bounds below are five standard deviations of the statistic: for one fixed seed a correct
  // generator passes for ever, and a wrong one seldom does.

  @Test func `uniform values fill their interval evenly`() {
    let count = 20_000
    var stream = RandomStream(seed: 11, stream: 0)
    let values: [Double] = stream.uniformTensor([count]).scalars
    #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
    let mean = values.reduce(0, +) / Double(count)
    #expect(abs(mean - 0.5) < 5 * (1 / 12 / Double(count)).squareRoot())
    let variance = values.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / Double(count)
    #expect(abs(variance - 1 / 12) < 5 * (1 / 180 / Double(count)).squareRoot())
    // Neighbours are uncorrelated.
    let neighbours = zip(values, values.dropFirst()).reduce(0) { $0 + ($1.0 - 0.5) * ($1.1 - 0.5) }
    #expect(abs(neighbours) < 5 * Double(count).squareRoot() / 12)
    Self.expectEven(values.map { Int($0 * 16) }, 16)
  }

  @Test func `normal values have the moments of the normal distribution`() {
    let count = 20_000
    var stream = RandomStream(seed: 12, stream: 0)
    let values: [Double] = stream.normalTensor([count]).scalars
    // E xᵏ = 0, 1, 0, 3 and Var xᵏ = 1, 2, 15, 96.
    for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1, 2), (3, 0, 15), (4, 3, 96)] {
      let moment = values.reduce(0) { sum, x in sum + (0..<power).reduce(1) { y, _ in y * x } }
      #expect(
        abs(moment / Double(count) - expected) < 5 * (variance / Double(count)).squareRoot(),
        "moment \(power)")
    }
    // The two values of one block are uncorrelated, and so are their squares.
    let pairs = stride(from: 0, to: count, by: 2).map { (values[$0], values[$0 + 1]) }
    let limit = 5 * Double(pairs.count).squareRoot()
    #expect(abs(pairs.reduce(0) { $0 + $1.0 * $1.1 }) < limit)
    #expect(abs(pairs.reduce(0) { $0 + ($1.0 * $1.0 - 1) * ($1.1 * $1.1 - 1) }) < 2 * limit)
  }

  @Test func `bounded integers are even, also where many draws are rejected`() {
    var stream = RandomStream(seed: 13, stream: 0)
    for bound in [1, 2, 3, 7, 10] {
      Self.expectEven((0..<4000).map { _ in stream.nextInteger(below: bound) }, bound)
    }
    // 2⁶⁴ / (3 · 2⁶¹) = 8 / 3: without rejection the values 0, 1, 2 modulo 3 would come from 3, 3
    // and 2 elements.
    Self.expectEven((0..<4000).map { _ in stream.nextInteger(below: 3 << 61) % 3 }, 3)
  }

  /// Pearson's χ² of values in 0 ..< bins lies within five standard deviations of its mean.
  static func expectEven(
    _ values: [Int], _ bins: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var counts = [Int](repeating: 0, count: bins)
    for value in values { counts[value] += 1 }
    let expected = Double(values.count) / Double(bins)
    let chiSquare = counts.reduce(0) {
      $0 + (Double($1) - expected) * (Double($1) - expected) / expected
    }
    let freedom = Double(bins - 1)
    #expect(
      abs(chiSquare - freedom) <= 5 * (2 * freedom).squareRoot(), "\(counts)",
      sourceLocation: sourceLocation)
  }

  @Test func `permutations are permutations, each equally often`() {
    var stream = RandomStream(seed: 14, stream: 0)
    for count in [0, 1, 2, 50] {
      let start = stream.position
      #expect(stream.permutation(count).sorted() == Array(0..<count))
      #expect(stream.position == start + UInt64(count))
    }
    // A permutation of four as a number below 4⁴, mapped to 0 ..< 24.
    let orders = (0..<2400).map { _ in stream.permutation(4).reduce(0) { 4 * $0 + $1 } }
    let distinct = Set(orders).sorted()
    #expect(distinct.count == 24)
    Self.expectEven(orders.compactMap { distinct.firstIndex(of: $0) }, 24)
  }

  @Test func `subsets are ascending, nested and even`() {
    let stream = RandomStream(seed: 15, stream: 0)
    func subset(_ count: Int, of total: Int, at position: UInt64 = 0) -> [Int] {
      var stream = stream
      stream.position = position
      return stream.subset(count, of: total)
    }
    #expect(
      subset(0, of: 5) == [] && subset(5, of: 5) == [0, 1, 2, 3, 4] && subset(0, of: 0) == [])
    var larger = Set(0..<30)
    for count in (0..<30).reversed() {
      let chosen = subset(count, of: 30)
      #expect(chosen.count == count && chosen == chosen.sorted() && larger.isSuperset(of: chosen))
      larger = Set(chosen)
    }
    let chosen = (0..<600).flatMap { subset(3, of: 10, at: 3 * $0) }
    Self.expectEven(chosen, 10)
  }
}
