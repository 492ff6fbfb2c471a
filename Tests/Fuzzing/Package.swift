// swift-tools-version: 6.2
import PackageDescription

// A package of its own: its executables have no main function of theirs, but the one of libFuzzer.
let readers = [
  "FuzzNPY", "FuzzNPZ", "FuzzSafetensors", "FuzzIndex", "FuzzIDX", "FuzzCSV", "FuzzJSON",
  "FuzzJSONLines", "FuzzPNG", "FuzzJPEG", "FuzzONNX", "FuzzVocabulary", "FuzzRun", "FuzzBatches",
  "FuzzSums", "FuzzDocuments", "FuzzPassages", "FuzzBank", "FuzzDilution", "FuzzInversion",
]

let package = Package(
  name: "palimpsest-fuzzing",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "palimpsest", path: "../..")],
  targets: [
    .target(name: "Readers", dependencies: [.product(name: "Palimpsest", package: "palimpsest")])
  ] + readers.map { .executableTarget(name: $0, dependencies: ["Readers"]) },
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
