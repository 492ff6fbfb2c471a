import Foundation
import Reporting
import Testing

@Suite("pictures in the page")
struct PixelImageTests {
  private func png(_ image: PixelImage) throws -> Data {
    let item = ScoreReport.Item(id: "train:0", content: .image(image))
    let page = HTMLReport.render(
      Sample.report([.query(Sample.query([1], item: { _ in item }))], items: 1))
    let source = try #require(page.firstMatch(of: /data:image\/png;base64,([A-Za-z0-9+\/=]+)/))
    return try #require(Data(base64Encoded: String(source.1)))
  }

  @Test("ink is dark, light is bright, and what lies outside is clamped") func pixels() throws {
    let ink = try png(PixelImage(width: 3, height: 2, ink: [0, 1, 0.5, -1, 2, .infinity]))
    let light = try png(PixelImage(width: 3, height: 2, light: [1, 0, 0.5, 2, -1, .nan]))
    #expect(ink == light)
    // The rows follow the two bytes of the zlib header and the five of the block, each after its
    // filter.
    let start = 8 + 25 + 8 + 7
    #expect(Array(ink[start..<start + 8]) == [0, 255, 0, 128, 0, 255, 0, 0])
  }

  @Test("the sums are those of the standard") func checksums() throws {
    let data = try png(PixelImage(width: 1, height: 1, light: [1]))
    // Made with zlib: a white pixel.
    let expected: [UInt8] = [
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0,
      0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55,
    ]
    #expect(Array(data.prefix(expected.count)) == expected)
    #expect(Array(data.suffix(12)) == [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82])
  }

  @Test("a picture larger than a block is stored in several") func large() throws {
    let data = try png(PixelImage(width: 300, height: 300, light: (0..<90_000).map { _ in 1 }))
    // 90,300 bytes in two blocks of five bytes before each, six of zlib, and the chunks around.
    #expect(data.count == 8 + 25 + 12 + 90_300 + 2 * 5 + 6 + 12)
  }
}
