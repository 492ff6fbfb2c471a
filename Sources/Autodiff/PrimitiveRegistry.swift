/// Every primitive that computes.
///
/// The conformance suite differentiates each one's examples.
public enum PrimitiveRegistry {
  /// A new primitive adds one line here.
  public static let all: [any Primitive.Type] = [
    Unary.self,
    Affine.self,
    Binary.self,
    Broadcast.self,
    Reshape.self,
    Sum.self,
    Transpose.self,
    MatMul.self,
    Softmax.self,
    LogSumExp.self,
    CrossEntropy.self,
    CrossEntropyGradient.self,
    Pick.self,
    Unpick.self,
    Exclude.self,
    Gather.self,
    ScatterAdd.self,
    Unfold.self,
    Fold.self,
    MaxPool.self,
    WindowSelect.self,
    WindowScatter.self,
    Slice.self,
    Place.self,
    Concatenate.self,
  ]
}
