import Autodiff
import TensorCore
import Training

/// From a batch of B items to the factors of each item's own gradient.
///
/// The gradient of a parameter is a sum over the places where it meets the data, Σ_t δ_t a_tᵀ or, for
/// a bias, Σ_t δ_t.
struct GradientFactors<Scalar: TensorScalar>: Sendable {
  /// Rows of numbers that a place has for each item: the batch's inputs, or an output of the plan.
  struct Source: Sendable {
    /// Nil for the inputs.
    let output: Int?
    /// T.
    let positions: Int
    /// The numbers of a position.
    let width: Int
  }

  /// One place where a parameter meets the data.
  struct Use: Sendable {
    /// Where the parameter lies in a flat vector.
    let entry: ParameterLayout.Entry
    /// What gives the rows of the parameter's matrix; nil for a bias.
    let rows: Int?
    /// What gives its columns, or the bias itself.
    let columns: Int
  }

  let batch: Int
  let plan: Plan<Scalar>
  let layout: ParameterLayout
  /// What the places are made of; the uses name them by number.
  let sources: [Source]
  let uses: [Use]

  /// Compiles the factors of a measure's gradient.
  ///
  /// Output 0 of the plan is the measure of each item `[B]`.
  ///
  /// - Throws: `GraphError` where a parameter has no factor form.
  init(_ model: any Model, loss: Loss, measure: QueryMeasure, batch: Int) throws {
    var items = ItemGraph(model, loss: loss, measure: measure, batch: batch)
    let factors = try items.graph.perExampleFactors(
      of: items.values, parameters: items.parameters)
    let graph = items.graph
    var sources: [Source] = []
    var known: [NodeID: Int] = [:]
    var outputs = [items.values]
    func source(_ id: NodeID) throws -> Int {
      if let number = known[id] { return number }
      let shape = graph.shape(id)
      let rows = shape.dropLast().count
      guard shape.rank >= 2, rows % batch == 0 else {
        throw ScoreError.mismatch("a gradient factor of shape \(shape) does not follow the batch")
      }
      let isInput = (graph[id].primitive as? Input)?.label == ItemGraph.inputsLabel
      if !isInput { outputs.append(id) }
      known[id] = sources.count
      sources.append(
        Source(
          output: isInput ? nil : outputs.count - 1, positions: rows / batch, width: shape[-1]))
      return sources.count - 1
    }
    var entries: [NodeID: ParameterLayout.Entry] = [:]
    for (id, entry) in zip(items.parameters, model.layout.entries) { entries[id] = entry }
    uses = try factors.compactMap { factor in
      guard let entry = entries[factor.parameter] else { return nil }
      let cotangent = try source(factor.cotangent)
      switch factor.form {
      case .bias: return Use(entry: entry, rows: nil, columns: cotangent)
      case .product(let activation, let outputsFirst):
        let activation = try source(activation)
        return outputsFirst
          ? Use(entry: entry, rows: cotangent, columns: activation)
          : Use(entry: entry, rows: activation, columns: cotangent)
      }
    }
    self.batch = batch
    self.sources = sources
    layout = model.layout
    plan = Plan(graph, outputs: outputs)
  }
}

/// The factors of one batch in memory.
struct FactorRows<Scalar: TensorScalar> {
  /// The first row of each source.
  let base: [UnsafePointer<Scalar>]
}

extension GradientFactors {
  /// Adds `weight` times the gradient of an item to a direction.
  func addGradient(
    _ rows: FactorRows<Scalar>, _ item: Int, weight: Scalar, to gradients: Directions<Scalar>,
    _ direction: Int
  ) {
    for use in uses {
      let columns = sources[use.columns]
      let target = gradients.row(direction, of: use.entry)
      let right = rows.base[use.columns] + item * columns.positions * columns.width
      guard let number = use.rows else {
        for position in 0..<columns.positions {
          Scalar.axpy(columns.width, weight, right + position * columns.width, target)
        }
        continue
      }
      let width = sources[number].width
      let left = rows.base[number] + item * columns.positions * width
      if columns.positions == 1 {
        Scalar.addOuter(width, columns.width, weight, left, right, target)
      } else {
        Scalar.gemm(
          true, false, width, columns.width, columns.positions, weight, left, width, right,
          columns.width, 1, target, columns.width)
      }
    }
  }

  /// Elements of scratch that ``contract(_:count:with:into:scratch:)`` needs for D directions.
  func contractionScratch(_ directions: Int) -> Int {
    let widest = uses.map { $0.rows.map { sources[$0].width } ?? 1 }.max() ?? 1
    return Self.chunk * directions * widest
  }

  /// Rows multiplied at once, so that the products stay in a second-level cache.
  private static var chunk: Int { 64 }

  /// ⟨gradient of item b, direction d⟩ into `dots`, `count` of each row of D, `stride` apart.
  ///
  /// - Complexity: 2 · D · count · P floating-point operations; no gradient is formed.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  func contract(
    _ rows: FactorRows<Scalar>, count: Int, with directions: Directions<Scalar>,
    into dots: UnsafeMutablePointer<Scalar>, stride: Int, scratch: UnsafeMutablePointer<Scalar>
  ) {
    let number = directions.count
    for d in 0..<number { Self.clear(dots + d * stride, count) }
    for use in uses {
      let columns = sources[use.columns]
      let left = use.rows.map { sources[$0].width } ?? 1
      let total = count * columns.positions
      for start in Swift.stride(from: 0, to: total, by: Self.chunk) {
        let length = min(Self.chunk, total - start)
        // [rows, D · left]: each row's columns against every row of every direction's matrix.
        Scalar.gemm(
          false, true, length, number * left, columns.width, 1,
          rows.base[use.columns] + start * columns.width, columns.width,
          directions.entry(use.entry), columns.width, 0, scratch, number * left)
        for row in 0..<length {
          let item = (start + row) / columns.positions
          let products = scratch + row * number * left
          if let rowsOf = use.rows {
            Scalar.addDots(
              number, left, products, rows.base[rowsOf] + (start + row) * left, dots + item, stride)
          } else {
            for d in 0..<number { dots[item + d * stride] += products[d] }
          }
        }
      }
    }
  }

  private static func clear(_ memory: UnsafeMutablePointer<Scalar>, _ count: Int) {
    UnsafeMutableRawPointer(memory).initializeMemory(
      as: UInt8.self, repeating: 0, count: count * MemoryLayout<Scalar>.stride)
  }
}

/// D vectors `[P]`, one for each direction, in memory that plans read: the D rows of each parameter
/// lie next to each other, `[D] + shape`.
struct Directions<Scalar: TensorScalar> {
  /// D.
  let count: Int
  let layout: ParameterLayout
  let memory: AlignedBuffer<Scalar>

  init(_ count: Int, _ layout: ParameterLayout) {
    self.count = count
    self.layout = layout
    memory = AlignedBuffer(count * layout.count, filledWith: 0)
  }

  /// D · P.
  var elementCount: Int { memory.count }

  /// The D rows of a parameter.
  func entry(_ entry: ParameterLayout.Entry) -> UnsafeMutablePointer<Scalar> {
    memory.base + count * entry.offset
  }

  /// One direction's row of a parameter.
  func row(_ direction: Int, of entry: ParameterLayout.Entry) -> UnsafeMutablePointer<Scalar> {
    self.entry(entry) + direction * entry.shape.count
  }

  func clear() { memory.clear() }

  /// Inner product of one direction with a flat vector.
  func dot(_ direction: Int, _ flat: UnsafePointer<Scalar>) -> Double {
    var sum = 0.0
    for entry in layout.entries {
      sum += Double(
        Scalar.dot(entry.shape.count, row(direction, of: entry), flat + entry.offset))
    }
    return sum
  }
}
