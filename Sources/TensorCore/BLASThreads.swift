internal import COpenBLAS

/// The extent of a BLAS argument; C integers have 32 bits.
func blasInt(_ value: Int) -> Int32 {
  guard let narrow = Int32(exactly: value) else {
    preconditionFailure("an extent of \(value) is beyond what BLAS can address")
  }
  return narrow
}

let upper = CChar(UInt8(ascii: "U"))
let vectors = CChar(UInt8(ascii: "V"))
let thin = CChar(UInt8(ascii: "S"))
let oneNorm = CChar(UInt8(ascii: "1"))
let notTransposed = CChar(UInt8(ascii: "N"))

/// BLAS runs on one thread; this library's own blocks use the cores.
///
/// OpenBLAS cuts a product differently for each number of threads, and so changes its bits.
public enum BLASThreads {
  private static let once: Void = openblas_set_num_threads(1)

  /// Sets OpenBLAS to one thread, the first time it is called.
  static func fixToOne() { once }

  /// The kernels that OpenBLAS picked for this processor, for run manifests.
  public static let coreName = String(cString: openblas_get_corename())
  /// The build of OpenBLAS, for run manifests.
  ///
  /// Asked for once: OpenBLAS writes its answer into one buffer for all threads.
  public static let configuration = String(cString: openblas_get_config())
}
