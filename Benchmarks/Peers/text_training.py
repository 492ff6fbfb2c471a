#!/usr/bin/env python3
"""A transformer of a million parameters learns a folder of text: Palimpsest's command and PyTorch.

    python text_training.py [--text /usr/share/common-licenses] [--epochs 18]

`palimpsest train --text` learns the folder and records the run. PyTorch starts from the recorded
parameters and takes the recorded batches, with its fused AdamW and its fused attention, so that both
do the same steps; the losses of both are compared. The time of Palimpsest is that of the whole
command, reading, evaluation and checkpoints included; the time of PyTorch is that of its steps alone.
With --trace TEXT, the text is traced in the run, and that is timed as well.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from contestants import HERE, environment, processors

LAYERS, WIDTH, HEADS, CONTEXT = 5, 128, 4, 128


def timed(command, threads):
    allowed = processors(threads)
    start = time.perf_counter()
    subprocess.run(
        [str(part) for part in command], check=True, env=environment(threads),
        preexec_fn=(lambda: os.sched_setaffinity(0, allowed)) if allowed else None,
    )  # fmt: skip
    return time.perf_counter() - start


def train_with_torch(run, threads):
    """Trains along the record's batches; the seconds and the loss of each step."""
    import torch
    import torch.nn.functional as F
    from peers.networks import Transformer
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    manifest = json.loads((run / "run.json").read_text())
    x = torch.from_numpy(np.load(run / "data" / "train-x.npy").astype(np.int64))
    y = torch.from_numpy(np.load(run / "data" / "train-y.npy").astype(np.int64))
    batches = np.load(run / "batches.npy")
    initial = load_file(run / "checkpoints" / "00000000.safetensors")
    module = Transformer(len(initial["wte.weight"]), CONTEXT, WIDTH, HEADS, LAYERS, fused=True)
    module.load_state_dict({name: initial[name] for name in module.state_dict()})
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=manifest["steps"][0], weight_decay=0, fused=True
    )
    losses = []
    start = time.perf_counter()
    for rows in batches:
        rows = rows[rows >= 0]
        optimizer.zero_grad(set_to_none=True)
        logits, labels = module(x[rows]), y[rows]
        # The mean over an item's labelled positions, then over the items.
        each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        each = each.view_as(labels)  # 0 where there is no label
        loss = (each.sum(1) / (labels >= 0).sum(1)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return time.perf_counter() - start, torch.stack(losses).double().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", default="/usr/share/common-licenses")
    parser.add_argument("--epochs", type=int, default=18, help="some 2,000 steps of the licences")
    parser.add_argument("--trace", metavar="TEXT", help="a text to trace in the run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", type=Path, default=HERE.parent / ".build" / "text-training")
    parser.add_argument(
        "--palimpsest", type=Path, default=HERE.parent.parent / ".build" / "release" / "palimpsest"
    )
    options = parser.parse_args()

    options.scratch.mkdir(parents=True, exist_ok=True)
    run = options.scratch / f"run-{time.time_ns()}"
    model = f"transformer:context={CONTEXT},width={WIDTH},heads={HEADS},layers={LAYERS}"
    palimpsest = timed(
        [
            options.palimpsest, "train", "--out", run, "--text", options.text, "--model", model,
            "--optimizer", "adamw", "--lr", "0.001", "--batch-size", "16",
            "--epochs", options.epochs, "--threads", options.threads,
        ],
        options.threads,
    )  # fmt: skip
    lines = (run / "log.jsonl").read_text().splitlines()
    own = np.array([json.loads(line)["loss"] for line in lines])
    torch_seconds, torch_losses = train_with_torch(run, options.threads)

    steps = len(own)
    print(f"\n{steps} steps of {model} in batches of 16, {options.threads} threads")
    print(f"{'':12}{'seconds':>10}{'steps/s':>10}   loss of the first, a tenth, and the last step")
    for name, seconds, losses in (
        ("Palimpsest", palimpsest, own), ("PyTorch", torch_seconds, torch_losses),
    ):  # fmt: skip
        some = ", ".join(f"{losses[step]:.6f}" for step in (0, steps // 10, steps - 1))
        print(f"{name:12}{seconds:10.1f}{steps / seconds:10.2f}   {some}")
    print(f"PyTorch takes {torch_seconds / palimpsest:.2f} times as long")
    if options.trace:
        report = run.with_suffix(".html")
        seconds = timed(
            [
                options.palimpsest, "trace", run, "--text", options.trace, "--out", report,
                "--threads", options.threads,
            ],
            options.threads,
        )  # fmt: skip
        print(f"the trace took {seconds:.0f} s, {seconds / palimpsest:.1f} times the training")
    # Rounding grows from step to step; in the first steps both must agree.
    return 0 if abs(own[:3] - torch_losses[:3]).max() < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
