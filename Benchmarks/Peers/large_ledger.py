#!/usr/bin/env python3
"""A ledger of the size of MNIST: time and peak memory of training and of the columns.

    python large_ledger.py --data MNIST-FOLDER [--memory 1G] [--columns credit,marginal]

The network 784-256-128-10 with ReLU learns 10,000 items in 2,000 steps of 64; the losses of 20
other items are accounted for. Each command is a process of its own; the memory is its peak
resident size as the system reports it when the process ends.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from arrays import enlarged, read_digits, read_mnist, shuffled_batches
from contestants import HERE

ITEMS, QUERIES, STEPS, BATCH_SIZE = 10_000, 20, 2_000, 64


def measured(command):
    """Runs a command; its exit status, seconds, and peak memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, time.perf_counter() - start, usage.ru_maxrss * unit / 2**20


def write_arrays(folder, data, steps):
    random = np.random.default_rng(0)
    images = read_mnist(data) if data else None
    if images:
        x, y, x_test, y_test = images
    else:
        digits_x, digits_y, _ = read_digits(random)
        x, y = enlarged(digits_x, digits_y, ITEMS, random)
        x_test, y_test = enlarged(digits_x, digits_y, 1_000, random)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "x.npy", x[:ITEMS])
    np.save(folder / "y.npy", y[:ITEMS])
    np.save(folder / "test-x.npy", x_test[:1_000])
    np.save(folder / "test-y.npy", y_test[:1_000])
    batches = shuffled_batches(ITEMS, BATCH_SIZE, steps, random)
    np.save(folder / "batches.npy", batches)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of MNIST's IDX files")
    parser.add_argument("--columns", default="credit,marginal")
    parser.add_argument("--memory", default="1G", help="what a ledger may take")
    parser.add_argument("--tolerance", default="1e-4", help="of credit's residual")
    parser.add_argument("--steps", type=int, default=STEPS, help="fewer for a trial")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--checkpoint-every", type=int, default=157)
    parser.add_argument("--scratch", type=Path, default=HERE.parent / ".build" / "large-ledger")
    parser.add_argument(
        "--palimpsest", type=Path, default=HERE.parent.parent / ".build" / "release" / "palimpsest"
    )
    options = parser.parse_args()

    folder = options.scratch
    # In a process of its own: a child's peak memory counts from that of its parent.
    writer = multiprocessing.get_context("spawn").Process(
        target=write_arrays, args=(folder, options.data, options.steps)
    )
    writer.start()
    writer.join()
    if writer.exitcode:
        return writer.exitcode
    run = folder / f"run-{time.time_ns()}"
    common = ["--threads", options.threads]
    commands = {
        "train": [
            "train", "--out", run, "--model", "mlp:784-256-128-10:relu",
            "--train-x", folder / "x.npy", "--train-y", folder / "y.npy",
            "--test-x", folder / "test-x.npy", "--test-y", folder / "test-y.npy",
            "--batches", folder / "batches.npy", "--lr", "0.1",
            "--checkpoint-every", options.checkpoint_every,
        ],
    }  # fmt: skip
    for column in options.columns.split(","):
        commands[column] = [
            "ledger", run, "--query", f"test:0..<{QUERIES}", "--columns", column,
            "--memory", options.memory, "--tolerance", options.tolerance, "--top", "1",
        ]  # fmt: skip
        if column == "credit":  # The ledger alone, without the comparison with strangers.
            commands[column] += ["--twins", "0"]
    rows = []
    for name, command in commands.items():
        print("palimpsest", *command, file=sys.stderr)
        status, seconds, megabytes = measured([options.palimpsest, *command, *common])
        rows.append((name, status, seconds, megabytes))
        if status not in (0, 1):
            break
    training = rows[0][2]
    print(f"\n{'command':12}{'status':>8}{'seconds':>10}{'training':>10}{'peak MiB':>10}")
    for name, status, seconds, megabytes in rows:
        print(f"{name:12}{status:8}{seconds:10.2f}{seconds / training:9.1f}x{megabytes:10.0f}")
    return max(status for _, status, _, _ in rows)


if __name__ == "__main__":
    sys.exit(main())
