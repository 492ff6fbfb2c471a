"""Files that are there as a whole or not at all."""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save as safetensors_bytes

from palimpsest.errors import PalimpsestError


def write_bytes(path: Path, content: bytes) -> None:
    """Writes under a temporary name, syncs, and renames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_npy(path: Path, array: np.ndarray) -> bytes:
    """Writes an array, row-major. Returns the bytes of the file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    write_bytes(path, buffer.getvalue())
    return buffer.getvalue()


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> bytes:
    """Writes named arrays. Returns the bytes of the file."""
    content = safetensors_bytes({n: np.ascontiguousarray(array) for n, array in arrays.items()})
    write_bytes(path, content)
    return content


def json_bytes(value: object) -> bytes:
    """A document as a file holds it."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def new_folder(path: str | os.PathLike[str]) -> Path:
    """Makes a folder, or takes an empty one."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise PalimpsestError(f"{folder}: the folder is not empty; name a new one")
    return folder


def floats(array: object, name: str) -> np.ndarray:
    """Numbers of 32 or 64 bits; narrower ones are widened.

    Raises:
        PalimpsestError: where they are no numbers, or not finite.
    """
    values = np.asarray(array)
    if not np.issubdtype(values.dtype, np.floating):
        raise PalimpsestError(f"{name}: found {values.dtype}, expected floating-point numbers")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise PalimpsestError(f"{name}: holds numbers that are not finite; the run has diverged")
    return values


def inputs_array(array: object) -> np.ndarray:
    """Inputs as a file holds them: integers and bytes are tokens of 64 bits, not pixels.

    The command divides inputs of type uint8 by 255, which no other program does.
    """
    values = np.asarray(array)
    if values.dtype == bool or np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int64)
    return floats(values, "the inputs")
