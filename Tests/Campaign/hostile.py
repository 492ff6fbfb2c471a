"""Changes that make a record do harm, or lie."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path


def unseal(run: Path) -> None:
    """Takes the digests away that cover run.json, the batches and the checkpoints."""
    (run / "checkpoints" / "SHA256SUMS").unlink(missing_ok=True)
    manifest = run / "run.json"
    if manifest.is_file() and not manifest.is_symlink() and manifest.stat().st_size < 1 << 20:
        lines = manifest.read_bytes().splitlines(keepends=True)
        manifest.write_bytes(b"".join(line for line in lines if b'"batchesSHA256"' not in line))


def hostile_changes(outside: Path) -> Iterable[tuple[str, Callable[[Path], None]]]:
    """Names of changes to a record, and what makes them."""

    def edited(change: Callable[[dict], None]) -> Callable[[Path], None]:
        def apply(run: Path) -> None:
            document = json.loads((run / "run.json").read_text())
            change(document)
            (run / "run.json").write_text(json.dumps(document))
        return apply

    def replaced(old: str, new: str) -> Callable[[Path], None]:
        def apply(run: Path) -> None:
            text = (run / "run.json").read_text()
            (run / "run.json").write_text(text.replace(old, new, 1))
        return apply

    def linked(name: str, target: str) -> Callable[[Path], None]:
        def apply(run: Path) -> None:
            path = run / name
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
            path.symlink_to(target)
        return apply

    def pipe(name: str) -> Callable[[Path], None]:
        def apply(run: Path) -> None:
            (run / name).unlink()
            os.mkfifo(run / name)
        return apply

    last = "checkpoints/00000090.safetensors"
    files = ["run.json", "batches.npy", "log.jsonl", "checkpoints/SHA256SUMS", last, "data/train-x.npy"]
    for name in files:
        yield f"no {name}", lambda run, name=name: (run / name).unlink()
        yield f"empty {name}", lambda run, name=name: (run / name).write_bytes(b"")
        yield f"half of {name}", lambda run, name=name: os.truncate(
            run / name, (run / name).stat().st_size // 2)
        yield f"more behind {name}", lambda run, name=name: (run / name).open("ab").write(b"xxxx")
        yield f"a link out for {name}", linked(name, str(outside / name))
        yield f"a link to itself for {name}", linked(name, Path(name).name)
        yield f"a pipe for {name}", pipe(name)
    for name in ("data", "checkpoints", "memorization", "ledger", "lock"):
        yield f"a link out for {name}", linked(name, str(outside / name))
    yield "a link out that leads nowhere", linked("memorization", str(outside / "nowhere"))
    for step in (15, 85, 100, 99999999):
        yield f"a checkpoint {step} besides", lambda run, step=step: shutil.copy(
            run / last, run / f"checkpoints/{step:08}.safetensors")

    def swap(run: Path) -> None:
        first, other = run / "checkpoints/00000030.safetensors", run / "checkpoints/00000060.safetensors"
        first.rename(run / "swap")
        other.rename(first)
        (run / "swap").rename(other)

    yield "swapped checkpoints", swap
    for path in ("../../etc/passwd", "/etc/passwd", "", ".", "data", "data/train-x.npy\0.npy"):
        yield f"a path {path!r}", edited(
            lambda document, path=path: document["datasets"]["train"]["x"].update(path=path))
    for key, values in {
        "version": (2, 1.5, "1", 10**400), "count": (), "seed": (-1, 2**64, "0"),
        "checkpoints": ([0, 30], [90], [], [0, 10**18], [30, 0], list(range(91))),
        "steps": ([], [0.1] * 91, ["x"] * 90, [None] * 90, [1e308] * 90, [-0.1] * 90),
        "model": ("../x.onnx", "/etc/passwd.onnx", "mlp:64-1000000000-10", "mlp:" + "64-" * 10000 + "10"),
        "environment": ({}, [], {"kernels": {"a": [1] * 1000}}),
    }.items():
        for value in values:
            yield f"{key} {str(value)[:20]}", edited(
                lambda document, key=key, value=value: document.update({key: value}))
    for count in (10**18, -1, 0, 1.5, 2**31 - 1):
        yield f"count {count}", edited(
            lambda document, count=count: document["datasets"]["train"].update(count=count))
    yield "NaN", replaced('"steps": [', '"steps": [NaN, ')
    yield "1e999", replaced('"steps": [', '"steps": [1e999, ')
    yield "a name twice", replaced('"seed":', '"seed": 0, "seed":')
    yield "deep arrays", lambda run: (run / "run.json").write_text('{"a":' + "[" * 10**6)
    yield "deep unknown arrays", replaced('"seed":', '"x": ' + "[" * 10**4 + "]" * 10**4 + ', "seed":')
    yield "60 MiB of steps", replaced('"steps": [', '"steps": [' + "0," * (28 << 20))
    yield "60 MiB of numbers", replaced('"seed":', '"x": [' + "1," * (30 << 20) + '1], "seed":')
    yield "60 MiB of text", replaced('"seed":', '"x": "' + "x" * (60 << 20) + '", "seed":')
    yield "65 MiB", replaced('"seed":', '"x": "' + "x" * (65 << 20) + '", "seed":')
    yield "many members", replaced(
        '"seed":', ", ".join(f'"x{n}": 1' for n in range(100_000)) + ', "seed":')
    yield "not UTF-8", lambda run: (run / "run.json").write_bytes(b"\xff\xfe" + (run / "run.json").read_bytes())
