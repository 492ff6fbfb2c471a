// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that users of the library never build the benchmark tool.
let package = Package(
  name: "palimpsest-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "palimpsest", path: ".."),
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "PeerWorkloads",
      dependencies: [.product(name: "Palimpsest", package: "palimpsest")]),
    .executableTarget(
      name: "PalimpsestBenchmarks",
      dependencies: [
        .product(name: "Benchmark", package: "benchmark"),
        .product(name: "Palimpsest", package: "palimpsest"),
      ],
      path: "Benchmarks/Palimpsest",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
  ],
  swiftLanguageModes: [.v6]
)
