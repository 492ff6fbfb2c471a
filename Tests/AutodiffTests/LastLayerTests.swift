import Autodiff
import TensorCore
import Testing

@Suite("the last layer")
struct LastLayerTests {
  @Test("is a product and what comes after it, whatever the axes of a bias or a scale")
  func biasOfTwoAxes() {
    var graph = Graph()
    let x = graph.input("x", [4, 3])
    let shapes: [(String, Shape)] = [
      ("hidden", [5, 3]), ("weight", [2, 5]), ("bias", [1, 2]), ("temperature", [1, 1]),
    ]
    let parameters = shapes.map { graph.input($0.0, $0.1) }
    let hidden = graph.matmul(x, parameters[0], transposeB: true)
    let logits = graph.add(graph.matmul(hidden, parameters[1], transposeB: true), parameters[2])
    let value = graph.multiply(logits, parameters[3])
    #expect(
      graph.lastLayer(of: value, parameters: parameters, data: [x]) == Set(parameters.dropFirst()))
  }

  @Test("is every product that no other follows, whatever stands first", arguments: [true, false])
  func heads(_ isLeftFirst: Bool) {
    var graph = Graph()
    let x = graph.input("x", [4, 3])
    let shapes: [(String, Shape)] = [
      ("hidden", [3, 3]), ("hidden bias", [3]), ("left", [2, 3]), ("right", [2, 3]), ("bias", [2]),
    ]
    let parameters = shapes.map { graph.input($0.0, $0.1) }
    let hidden = graph.add(graph.matmul(x, parameters[0], transposeB: true), parameters[1])
    func head(_ place: Int) -> NodeID {
      graph.matmul(place == 2 ? hidden : x, parameters[place], transposeB: true)
    }
    let (first, second) = isLeftFirst ? (head(2), head(3)) : (head(3), head(2))
    let value = graph.add(graph.add(first, second), parameters[4])
    #expect(
      graph.lastLayer(of: value, parameters: parameters, data: [x]) == Set(parameters.dropFirst(2)))
  }

  @Test("is everything from the first meeting on where there is no product") func noProduct() {
    var graph = Graph()
    let x = graph.input("x", [4, 3])
    let (scale, offset) = (graph.input("scale", [3]), graph.input("offset", [3]))
    let value = graph.add(graph.multiply(x, scale), offset)
    #expect(graph.lastLayer(of: value, parameters: [scale, offset], data: [x]) == [offset])
  }
}
