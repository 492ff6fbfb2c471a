import Autodiff
import Formats
import TensorCore

// The tests that the onnx package carries, as `cases.py` writes them: each is run with its numbers as
// inputs of the graph, in Float32, and once more with everything known, in Float64.
//
//     ONNXConformance FOLDER [PART-OF-A-NAME]
guard CommandLine.arguments.count > 1 else { fatalError("expected the folder of the cases") }
let folder = CommandLine.arguments[1]
let wanted = CommandLine.arguments.dropFirst(2).first
let clock = ContinuousClock()
let start = clock.now
let cases = try JSONValue(path: folder + "/cases.json").array ?? []
var report = ConformanceReport()
for entry in cases {
  guard let test = ConformanceCase(entry, folder: folder) else { continue }
  if let wanted, !test.name.contains(wanted) { continue }
  report.add(test, test.outcome())
}
report.print(isVerbose: wanted != nil)
print("in \(clock.now - start)")
if report.hasFailures { fatalExit() }
