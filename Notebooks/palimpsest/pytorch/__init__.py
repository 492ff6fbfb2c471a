"""Models, checkpoints and training runs of PyTorch."""

from palimpsest.pytorch.export import export_onnx, onnx_bytes
from palimpsest.pytorch.losses import batch_loss, item_losses
from palimpsest.pytorch.recorder import Recorder
from palimpsest.pytorch.scoring import ScoreFiles, write_score_files

__all__ = [
    "Recorder",
    "ScoreFiles",
    "batch_loss",
    "export_onnx",
    "item_losses",
    "onnx_bytes",
    "write_score_files",
]
