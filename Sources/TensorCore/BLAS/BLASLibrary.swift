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

/// The BLAS and LAPACK that this process is linked with.
public enum BLASLibrary {
  private static let once: Void = openblas_set_num_threads(1)

  /// Sets OpenBLAS to one thread, the first time it is called: this library's own blocks use the
  /// cores, and OpenBLAS cuts a product differently for each number of threads.
  static func prepare() { once }

  /// The kernels that OpenBLAS picked for this processor, for run manifests.
  public static let coreName = String(cString: openblas_get_corename())
  /// The build of OpenBLAS, for run manifests.
  ///
  /// Asked for once: OpenBLAS writes its answer into one buffer for all threads.
  public static let configuration = String(cString: openblas_get_config())

  /// What the library computes wrongly, found at first use by ``BLASCheck``; nil where all is right.
  public static let fault: String? = BLASCheck<Float>().fault ?? BLASCheck<Double>().fault

  /// Throws where the library computes wrongly.
  ///
  /// - Throws: ``NumericError/wrongLibrary(name:kernels:what:)``.
  public static func requireRightness() throws(NumericError) {
    guard let fault else { return }
    throw .wrongLibrary(name: configuration, kernels: coreName, what: fault)
  }
}
