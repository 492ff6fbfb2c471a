internal import CKernels

/// The bulk loops of this library.
public enum Kernels {
  /// The level of the processor that the loops at work are compiled for, for run manifests:
  /// `x86-64-v4`, `x86-64-v3`, `arm64`, or `baseline`.
  public static var level: String { String(cString: kernel_level()) }

  /// What multiplies where bits must not depend on extents, for run manifests: `own`, or the kernels of
  /// OpenBLAS where that is forced.
  public static var products: String {
    ProductBackend.forced == .blas ? BLASLibrary.coreName : ProductBackend.own.rawValue
  }
}
