// swift-tools-version: 6.2
import PackageDescription

// Homebrew's OpenBLAS contains LAPACKE; Debian has it in a package of its own.
#if os(macOS)
  let lapacke = "openblas"
#else
  let lapacke = "lapacke"
#endif

let package = Package(
  name: "palimpsest",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "palimpsest", targets: ["PalimpsestCLI"]),
    .library(name: "Palimpsest", targets: ["Palimpsest"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    // MARK: System libraries (shims only)
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CLAPACKE", pkgConfig: lapacke,
      providers: [.apt(["liblapacke-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
      name: "CSodium", pkgConfig: "libsodium",
      providers: [.apt(["libsodium-dev"]), .brew(["libsodium"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libturbojpeg",
      providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),

    // MARK: Libraries, arrows down only
    .target(name: "CKernels"),
    .target(name: "CStart"),
    .target(name: "CDigits", exclude: ["DATA-LICENSE.md"]),
    .target(
      name: "TensorCore",
      dependencies: [
        "COpenBLAS", "CLAPACKE", "CKernels",
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(name: "Autodiff", dependencies: ["TensorCore"]),
    .target(
      name: "Formats",
      dependencies: [
        "Autodiff", "TensorCore", "CZlib", "CSodium", "CPNG", "CJPEG",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["ONNX/Schema/onnx.proto"]),
    .target(
      name: "Training",
      dependencies: [
        "Autodiff", "CDigits", "Formats",
        .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .target(
      name: "Influence",
      dependencies: [
        "Training", "Formats", .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(name: "Reporting", dependencies: ["Influence"]),
    .target(
      name: "Palimpsest",
      dependencies: ["TensorCore", "Autodiff", "Formats", "Training", "Influence", "Reporting"]),
    .executableTarget(
      name: "PalimpsestCLI",
      dependencies: [
        "CStart", "Palimpsest",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),

    // MARK: Tests
    .testTarget(name: "TensorCoreTests", dependencies: ["CKernels", "TensorCore"]),
    .testTarget(name: "AutodiffTests", dependencies: ["Autodiff"]),
    .testTarget(
      name: "FormatsTests", dependencies: ["Autodiff", "Formats", "TensorCore"],
      exclude: ["Goldens"]),
    // The tests of the onnx package: Tests/ONNXConformance/run.
    .executableTarget(
      name: "ONNXConformance", dependencies: ["Formats", "Autodiff", "TensorCore"],
      path: "Tests/ONNXConformance", exclude: ["cases.py", "refused.txt", "run"]),
    .testTarget(name: "TrainingTests", dependencies: ["Training"]),
    .testTarget(name: "InfluenceTests", dependencies: ["Influence", "Formats"]),
    .testTarget(name: "ReportingTests", dependencies: ["Reporting"]),
    // The library example of the README, to the letter.
    .executableTarget(
      name: "ReadmeExample", dependencies: ["Palimpsest"], path: "Tests/ReadmeExample"),
    .testTarget(
      name: "PalimpsestCLITests", dependencies: ["PalimpsestCLI", "Palimpsest", "ReadmeExample"]),
  ],
  swiftLanguageModes: [.v6]
)

let cTargets = ["CKernels", "CDigits", "CStart"]
for target in package.targets where target.type != .system && !cTargets.contains(target.name) {
  target.swiftSettings =
    (target.swiftSettings ?? []) + [
      .enableUpcomingFeature("ExistentialAny"),
      .enableUpcomingFeature("InternalImportsByDefault"),
      .enableUpcomingFeature("MemberImportVisibility"),
      .treatAllWarnings(as: .error),
    ]
}
