import Foundation
import Palimpsest
import Testing

/// What multiplies matrices, as the command is told and as it tells.
@Suite("Products of matrices")
struct ProductsTests {
  private let room: Room

  init() throws { room = try Room() }

  private func train() async throws {
    try await room.done(
      "train", "--out", "run", "--data", "digits", "--model", "mlp:64-32-10:tanh", "--epochs", "1")
  }

  private func scores(_ options: String...) async throws -> Data {
    let outcome = try await room.run(
      ["score", "run", "--query", "test:0..<20", "--scores", "scores.npy"] + options)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try room.bytes("scores.npy")
  }

  @Test("are listed with their kernels, for this processor")
  func list() async throws {
    let objects = try await room.done("list", "backends", "--json").json
    #expect(objects.map { $0["name"]?.string } == ProductBackend.allCases.map(\.rawValue))
    let summaries = objects.compactMap { $0["summary"]?.string }
    #expect(summaries[0].contains(Kernels.level))
    #expect(summaries[1].contains(BLASLibrary.coreName))
    #expect(try await room.done("--version").output.contains(Kernels.level))
  }

  @Test("go where they are sent, and agree within rounding")
  func sent() async throws {
    try await train()
    let own = try await scores("--products", "own")
    let byOwn: Tensor<Float> = try room.array("scores.npy")
    if ProductBackend.forced != .blas { #expect(try await scores() == own) }
    _ = try await scores("--products", "blas")
    let byBLAS: Tensor<Float> = try room.array("scores.npy")
    let largest = byOwn.scalars.map(\.magnitude).max() ?? 0
    // Sums of at most 64 products, over a few layers and checkpoints.
    for (x, y) in zip(byOwn.scalars, byBLAS.scalars) {
      #expect(abs(x - y) <= 200 * Float.ulpOfOne * largest)
    }
    let unknown = try await room.run(["score", "run", "--query", "test:0", "--products", "mkl"])
    #expect(unknown.status == 64, "\(unknown.errors)")
    #expect(unknown.errors.contains("'own' and 'blas'"), "\(unknown.errors)")
  }

  #if os(Linux)
    /// A library that is loaded before BLAS and multiplies wrongly.
    private static let wrong = """
      #include <string.h>
      void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                       int lda, const float *b, int ldb, float beta, float *c, int ldc) {
        for (int i = 0; i < m; i++) memset(c + (long)i * ldc, 0, n * sizeof(float));
      }
      """

    @Test("by a BLAS that computes wrongly are refused where they are needed, and only there")
    func wrongLibrary() async throws {
      try await train()
      try room.write(Self.wrong.utf8, to: "wrong.c")
      let compiler = Process()
      compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      compiler.arguments = [
        "cc", "-shared", "-fPIC", "-o", room.path("wrong.so"), room.path("wrong.c"),
      ]
      try compiler.run()
      compiler.waitUntilExit()
      try #require(compiler.terminationStatus == 0)
      let preload = ["LD_PRELOAD": room.path("wrong.so"), "PALIMPSEST_PRODUCTS": ""]
      let score = ["score", "run", "--query", "test:0"]
      let own = try await room.run(score, environment: preload)
      #expect(own.status == 0, "\(own.errors)")
      let blas = try await room.run(score + ["--products", "blas"], environment: preload)
      #expect(blas.status == 70, "\(blas.errors)")
      #expect(blas.errors.contains("sgemm") && blas.errors.contains("OPENBLAS_CORETYPE"))
      #expect(!blas.errors.contains("defect"), "\(blas.errors)")
    }
  #endif
}
