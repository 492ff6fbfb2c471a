@_exported public import Autodiff
@_exported public import Formats
@_exported public import Influence
@_exported public import Reporting
@_exported public import TensorCore
@_exported public import Training
