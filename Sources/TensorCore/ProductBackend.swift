internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// What multiplies matrices behind ``MatrixProduct``.
public enum ProductBackend: String, CaseIterable, Sendable {
  /// The kernels of this package.
  case own
  /// The BLAS that the process is linked with.
  case blas

  /// One line for people.
  public var summary: String {
    switch self {
    case .own: "kernels of this package, compiled for \(Kernels.level)"
    case .blas: "OpenBLAS with its kernels for \(BLASLibrary.coreName), on one thread"
    }
  }

  /// The environment variable that names the backend of a process.
  public static let variable = "PALIMPSEST_PRODUCTS"

  /// What every product goes through; nil for the measured choice where bits may depend on
  /// extents, and for the package's own kernels elsewhere.
  ///
  /// From the environment variable at first, where it names one; then from whoever sets it. The
  /// results of one process have the same bits for any number of threads only where this stays the
  /// same throughout. Whoever forces BLAS checks it by ``BLASLibrary/requireRightness()`` first, as
  /// the command does.
  public static var forced: ProductBackend? {
    get { Self(number: setting.load(ordering: .relaxed)) }
    set { setting.store(newValue?.number ?? 0, ordering: .relaxed) }
  }

  private static let setting = Atomic<Int>(
    getenv(variable).flatMap { Self(rawValue: String(cString: $0))?.number } ?? 0)

  private var number: Int { self == .own ? 1 : 2 }
  private init?(number: Int) {
    guard number > 0 else { return nil }
    self = number == 1 ? .own : .blas
  }
}

extension ProductBackend {
  /// From how many multiply-adds on a BLAS was measured to be faster than the package's kernels.
  private struct Measured {
    /// The level of the package's kernels.
    let level: String
    /// The kernels of OpenBLAS that use the processor's whole width at that level.
    let cores: Set<String>
    /// Multiply-adds of the smallest product that it multiplies faster.
    let from: Double
  }

  /// Single precision, one core; decision 0002 has the figures.
  ///
  /// OpenBLAS 0.3.21 picks Haswell on processors that it does not know: half a Zen 5's width.
  private static let measured = [
    Measured(
      level: "x86-64-v4", cores: ["skylakex", "cooperlake", "sapphirerapids"], from: 8e9),
    Measured(level: "x86-64-v3", cores: ["haswell", "zen"], from: 1e9),
  ]

  /// The faster one for a product of so many multiply-adds, with the package's kernels for a level and
  /// those of OpenBLAS for a core.
  package static func fastest(_ multiplyAdds: Double, level: String, core: String) -> ProductBackend
  {
    let core = core.lowercased()
    let row = measured.first { $0.level == level && $0.cores.contains(core) }
    return multiplyAdds < row?.from ?? .infinity ? .own : .blas
  }

  /// The same for this process; a BLAS that computes wrongly is none.
  static func fastest(_ multiplyAdds: Double) -> ProductBackend {
    let measured = fastest(multiplyAdds, level: Kernels.level, core: BLASLibrary.coreName)
    return measured == .blas && BLASLibrary.fault == nil ? .blas : .own
  }
}

/// What the order in which an element of a product is summed may depend on.
public enum SummationOrder: Sendable {
  /// On the inner extent alone: an element has the same bits among whatever rows and columns it is
  /// computed, on every processor with fused multiply-adds.
  case fixed
  /// On anything: whatever is fastest.
  case any

  /// What multiplies in this order; with BLAS forced the promise of ``fixed`` is given up.
  @usableFromInline
  package func backend(_ m: Int, _ n: Int, _ k: Int) -> ProductBackend {
    if let forced = ProductBackend.forced { return forced }
    return self == .fixed ? .own : .fastest(Double(m) * Double(n) * Double(k))
  }
}
