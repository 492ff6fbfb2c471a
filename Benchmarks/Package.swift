// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that users of the library never build the benchmark tool.
let package = Package(
  name: "palimpsest-benchmarks",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "peer-workloads", targets: ["PeerWorkloads"]),
    .executable(name: "ledger-cost", targets: ["LedgerCost"]),
    .executable(name: "planted-truth", targets: ["PlantedTruth"]),
    .executable(name: "product-rates", targets: ["ProductRates"]),
  ],
  dependencies: [
    .package(name: "palimpsest", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "PeerWorkloads",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Palimpsest", package: "palimpsest"),
      ]),
    .executableTarget(
      name: "LedgerCost",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Palimpsest", package: "palimpsest"),
      ]),
    .executableTarget(
      name: "PlantedTruth",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Palimpsest", package: "palimpsest"),
      ]),
    .executableTarget(
      name: "ProductRates",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Palimpsest", package: "palimpsest"),
      ]),
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

for target in package.targets {
  target.swiftSettings = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
  ]
}
