"""Writes the files that the command `palimpsest` takes, and reads those it gives back.

    palimpsest.pytorch         models, checkpoints and training runs of PyTorch
    palimpsest.trees           parameter trees of Flax
    palimpsest.record          the run record, from any framework
    palimpsest.results         scores, score reports and accounts
    palimpsest.specifications  the parameters of the built-in models

Only `palimpsest.pytorch` imports PyTorch, and ONNX with it.
"""

from palimpsest.command import CommandError, run
from palimpsest.errors import PalimpsestError
from palimpsest.record import Dataset, Optimizer, RunWriter
from palimpsest.results import ScoreReport, read_accounts, read_report, read_scores

__version__ = "0.1.0"

__all__ = [
    "CommandError",
    "Dataset",
    "Optimizer",
    "PalimpsestError",
    "RunWriter",
    "ScoreReport",
    "read_accounts",
    "read_report",
    "read_scores",
    "run",
]
