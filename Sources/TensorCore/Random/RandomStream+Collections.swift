extension RandomStream {
  /// A tensor of values in [0, 1), one draw for each element in row-major order.
  public mutating func uniformTensor<Scalar: TensorScalar>(
    _ shape: Shape, as type: Scalar.Type = Scalar.self
  ) -> Tensor<Scalar> {
    let source = self
    return tensor(shape) { pair in
      let (even, odd) = source.elements(ofPair: pair, kind: 0)
      return (Self.uniform(even), Self.uniform(odd))
    }
  }

  /// A tensor of standard normal values, one draw for each element in row-major order.
  public mutating func normalTensor<Scalar: TensorScalar>(
    _ shape: Shape, as type: Scalar.Type = Scalar.self
  ) -> Tensor<Scalar> {
    let source = self
    return tensor(shape) { pair in
      let (even, odd) = source.normals(ofPair: pair)
      return (Scalar(even), Scalar(odd))
    }
  }

  /// The numbers 0 ..< count in random order, each order equally likely (Fisher–Yates).
  ///
  /// Consumes `count` positions.
  public mutating func permutation(_ count: Int) -> [Int] { shuffled(count, of: count) }

  /// `count` of the numbers 0 ..< total, ascending, each subset equally likely.
  ///
  /// Consumes `count` positions. From one position a smaller subset lies within a larger one.
  ///
  /// - Complexity: O(`total`).
  public mutating func subset(_ count: Int, of total: Int) -> [Int] {
    precondition(count <= total, "a subset of \(count) out of \(total)")
    return shuffled(count, of: total).prefix(count).sorted()
  }

  /// 0 ..< total with its first `count` places drawn at random from the whole.
  private mutating func shuffled(_ count: Int, of total: Int) -> [Int] {
    var order = Array(0..<total)
    for place in 0..<count { order.swapAt(place, place + nextInteger(below: total - place)) }
    return order
  }

  /// One block of the generator gives two elements.
  private mutating func tensor<Scalar: TensorScalar>(
    _ shape: Shape, pair: (UInt64) -> (Scalar, Scalar)
  ) -> Tensor<Scalar> {
    let first = position
    position &+= UInt64(shape.count)
    let scalars = [Scalar](unsafeUninitializedCapacity: shape.count) { buffer, initialized in
      while initialized < shape.count {
        let here = first &+ UInt64(initialized)
        let (even, odd) = pair(here / 2)
        buffer.initializeElement(at: initialized, to: here % 2 == 0 ? even : odd)
        initialized += 1
        if here % 2 == 0, initialized < shape.count {
          buffer.initializeElement(at: initialized, to: odd)
          initialized += 1
        }
      }
    }
    return Tensor(shape, scalars)
  }
}
