public import Autodiff
import Formats
public import TensorCore

/// A decoder of tokens: embeddings, blocks of causal attention and a two-layer network, a head.
///
/// The norms stand before the attention and the network of each block, the activation is the exact
/// GELU, positions are learned: the layers of GPT-2 without dropout, `[O, I]` weights, named
/// `wte.weight`, `wpe.weight`, `blocks.0.ln1.weight`, `blocks.0.attn.qkv.weight`, ….
public struct Transformer: Model {
  /// For ``ModelRegistry``.
  public static let kind = ModelKind(
    name: "transformer", summary: "causal attention over tokens; tied shares embedding and head",
    example: "transformer:vocabulary=96,context=128,width=128,heads=4,layers=2",
    make: { try Transformer($0) })

  /// V, the number of tokens; outputs are logits of the next one.
  public let tokens: Int
  /// T, the positions of an item.
  public let context: Int
  /// The numbers of a position.
  public let width: Int
  /// The heads, each of width / heads numbers.
  public let heads: Int
  /// The number of blocks.
  public let layers: Int
  /// Whether the head is the embedding.
  public let isTied: Bool
  /// The parameters.
  public let layout: ParameterLayout

  private static let mostLayers = 1024

  /// Reads `transformer:vocabulary=96,context=128,width=128,heads=4,layers=2[,tied]`.
  public init(_ specification: String) throws {
    let text = SpecificationText(specification, example: Self.kind.example)
    guard text.parts.count == 2, text.parts[0] == "transformer" else {
      throw text.fault("\(text.parts.count) parts")
    }
    var values: [String: Int] = [:]
    var isTied = false
    let keys = ["vocabulary", "context", "width", "heads", "layers"]
    for part in text.parts[1].split(separator: ",", omittingEmptySubsequences: false) {
      if part == "tied", !isTied {
        isTied = true
        continue
      }
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, keys.contains(String(pair[0])), values[String(pair[0])] == nil else {
        throw text.fault("part \(FormatError.quoted(String(part)))")
      }
      values[String(pair[0])] = try text.extent(pair[1], String(pair[0]))
    }
    func value(_ key: String) throws(ModelError) -> Int {
      guard let value = values[key] else { throw text.fault("no \(key)") }
      return value
    }
    tokens = try value("vocabulary")
    context = try value("context")
    width = try value("width")
    heads = try value("heads")
    layers = try value("layers")
    self.isTied = isTied
    guard layers <= Self.mostLayers else {
      throw text.fault("\(layers) layers, more than \(Self.mostLayers)")
    }
    guard width % heads == 0 else {
      throw text.fault("a width of \(width), which \(heads) heads do not divide")
    }
    _ = try text.count([
      [tokens, width], [context, width], [layers, 13, width, width], [context, tokens],
      [heads, context, context],
    ])
    var parameters: [(String, Shape)] = [
      ("wte.weight", [tokens, width]), ("wpe.weight", [context, width]),
    ]
    func add(_ name: String, _ shape: Shape, hasBias: Bool = true) {
      parameters.append((name + ".weight", shape))
      if hasBias { parameters.append((name + ".bias", [shape[0]])) }
    }
    for block in 0..<layers {
      add("blocks.\(block).ln1", [width])
      add("blocks.\(block).attn.qkv", [3 * width, width])
      add("blocks.\(block).attn.proj", [width, width])
      add("blocks.\(block).ln2", [width])
      add("blocks.\(block).fc1", [4 * width, width])
      add("blocks.\(block).fc2", [width, 4 * width])
    }
    add("lnf", [width])
    if !isTied { add("head", [tokens, width], hasBias: false) }
    layout = ParameterLayout(parameters)
  }

  /// The text that makes this model again.
  public var specification: String {
    "transformer:vocabulary=\(tokens),context=\(context),width=\(width),heads=\(heads),"
      + "layers=\(layers)" + (isTied ? ",tied" : "")
  }

  /// `[T]`.
  public var inputShape: Shape { [context] }

  /// `[T, V]`.
  public var outputShape: Shape { [context, tokens] }

  /// Inputs are tokens 0 ..< V.
  public var vocabulary: Int? { tokens }

  /// Logits of the next token at every position.
  public func outputs(_ graph: inout Graph, inputs: NodeID, parameters: [NodeID]) -> NodeID {
    fitting { () throws(GraphError) in
      try logits(&graph, inputs: inputs, parameters: parameters)
    }
  }

  private func logits(
    _ graph: inout Graph, inputs: NodeID, parameters: [NodeID]
  ) throws(GraphError) -> NodeID {
    var remaining = parameters[...]
    func next() -> NodeID { remaining.removeFirst() }
    let embedding = next()
    var x = graph.add(graph.gather(embedding, inputs), next())
    for _ in 0..<layers {
      var y = try graph.layerNormalization(x, scale: next(), offset: next())
      y = try attend(&graph, linear(&graph, y, next(), next()))
      x = graph.add(x, linear(&graph, y, next(), next()))
      y = try graph.layerNormalization(x, scale: next(), offset: next())
      y = graph.gelu(linear(&graph, y, next(), next()))
      x = graph.add(x, linear(&graph, y, next(), next()))
    }
    x = try graph.layerNormalization(x, scale: next(), offset: next())
    return graph.matmul(x, isTied ? embedding : next(), transposeB: true)
  }

  private func linear(
    _ graph: inout Graph, _ x: NodeID, _ weight: NodeID, _ bias: NodeID
  ) -> NodeID { graph.add(graph.matmul(x, weight, transposeB: true), bias) }

  /// Attention of queries, keys and values `[B, T, 3 · width]` to what came before, `[B, T, width]`.
  private func attend(_ graph: inout Graph, _ x: NodeID) throws(GraphError) -> NodeID {
    let (batch, size) = (graph.shape(x)[0], width / heads)
    let split = graph.reshape(x, to: [batch, context, 3 * heads, size])
    let byHead = graph.transpose(split, [0, 2, 1, 3])
    func part(_ number: Int) -> NodeID {
      graph.slice(byHead, axis: -3, start: number * heads, count: heads)
    }
    let y = try graph.attention(part(0), part(1), part(2), isCausal: true)
    return graph.reshape(graph.transpose(y, [0, 2, 1, 3]), to: [batch, context, width])
  }

  /// PyTorch's defaults: normal embeddings, linear layers uniform in ±1/√I, norms that change nothing.
  public func initialParameters(seed: UInt64) -> [Double] {
    var inputs = 1
    return layout.initialValues(seed: seed) { entry in
      if entry.name.hasPrefix("wte") || entry.name.hasPrefix("wpe") { return .normal }
      if entry.name.contains("ln") { return .constant(entry.name.hasSuffix("weight") ? 1 : 0) }
      if entry.shape.rank == 2 { inputs = entry.shape[1] }
      return .uniform(inputs: inputs)
    }
  }
}
