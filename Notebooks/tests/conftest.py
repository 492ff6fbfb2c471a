"""What several tests need: small modules, and the command where it has been built."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Oracles"))  # For its `foreign_models`.


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(7)


@pytest.fixture
def command() -> str:
    """The command, built in this repository or found on the path."""
    for configuration in ("release", "debug"):
        path = ROOT / ".build" / configuration / "palimpsest"
        if path.exists():
            return str(path)
    found = shutil.which("palimpsest")
    if found is None:
        pytest.skip("the command palimpsest has not been built")
    return found
