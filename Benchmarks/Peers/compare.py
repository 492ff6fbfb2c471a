#!/usr/bin/env python3
"""Runs Palimpsest and its peers on the same arrays, in turns, and prints times and ratios.

    python compare.py --data MNIST-FOLDER          everything (about ten minutes)
    python compare.py --quick                      small sizes: a smoke test, not a measurement
    python compare.py --only-peers --workloads full-matrix,self-influence

See README.md for the workloads, the peers and the protocol of the executable. The exit status is
1 where a result is wrong or Palimpsest fails, whatever the speed.
"""

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from arrays import CHECKPOINTS, Arrays, prepare
from checks import Checks, same_top
from contestants import HERE, Contestant, Failure
from network_arrays import NetworkArrays
from peers import PEERS
from workloads import BEFORE, NETWORK_WORKLOADS, PALIMPSEST, WORKLOADS, flops, product_flops

SGEMM = "sgemm"


class Row:
    """What one contestant did in one workload."""

    def __init__(self, entry, title, threads):
        self.entry, self.title, self.threads = entry, title, threads
        self.seconds, self.details = [], {}
        self.measured_items = self.note = self.error = self.deviation = self.peak = None
        self.wrong = False

    @property
    def median(self):
        return statistics.median(self.seconds) if self.seconds else None

    @property
    def best(self):
        return min(self.seconds, default=None)

    def record(self):
        return {
            "contestant": self.entry.name, "title": self.title, "threads": self.threads,
            "seconds": self.seconds, "median": self.median, "best": self.best,
            "measuredItems": self.measured_items, "note": self.note, "error": self.error,
            "deviation": self.deviation, "peakMegabytes": self.peak, "details": self.details,
        }  # fmt: skip


class Comparison:
    def __init__(self, options):
        self.options = options
        self.folder = options.scratch.resolve()
        small = options.quick
        items, queries = (2000, 100) if small else (60_000, 1000)
        self.digits_steps, self.ledger_steps = (500, 60) if small else (5000, 300)
        self.source = prepare(
            self.folder, options.data, items, queries, self.digits_steps, self.ledger_steps,
            retrainings=10 if small else 100, quick=small)
        self.arrays = Arrays(self.folder)
        self.items, self.queries = len(self.arrays.x_train), len(self.arrays.x_query)
        self.checks = Checks(self.arrays)
        self.running = {}
        self.reasons = {}  # Why a contestant is out, once known.
        self.results = {}  # Workload -> rows.
        self.rates = {}  # Workload -> the machine's SGEMM GFLOP/s while it ran.
        self.fastest_sgemm = None

    # Contestants

    def contestant(self, name, threads):
        """The running process; starts it where needed."""
        key = (name, threads)
        if key in self.reasons:
            raise Failure(self.reasons[key])
        found = self.running.get(key)
        if found is None or not found.alive:
            timeout = self.options.timeout
            try:
                if name in (PALIMPSEST, BEFORE):
                    executable = (
                        self.options.before if name == BEFORE else self.options.executable)
                    found = Contestant.palimpsest(executable, self.folder, threads, timeout)
                    if name == BEFORE:
                        found.title += ", before"
                else:
                    found = Contestant.peer(name, self.folder, threads, timeout)
            except Failure as failure:
                self.reasons[key] = str(failure)
                raise
            self.running[key] = found
        return found

    def close_all(self, names=None):
        for key in [key for key in self.running if names is None or key[0] in names]:
            self.running.pop(key).close()

    def entries(self, workload):
        chosen = self.options.peers
        for entry in WORKLOADS[workload]:
            if entry.name == PALIMPSEST:
                if self.options.executable:
                    yield entry
                if self.options.before:
                    yield dataclasses.replace(entry, name=BEFORE)
            elif chosen is None or entry.name in chosen:
                yield entry

    # Measuring

    def measure(self, workload):
        rows = []
        for entry in self.entries(workload):
            threads = entry.threads or self.options.threads
            if any(r.entry.name == entry.name and r.threads == threads for r in rows):
                continue  # One thread was asked for, so this entry is there already.
            title = PEERS[entry.name][2] if entry.name in PEERS else "Palimpsest"
            rows.append(Row(entry, title, threads))
        self.results[workload] = rows
        self.interleave(workload, [row for row in rows if row.entry.items is None])
        for row in rows:
            if row.entry.items is not None:
                self.extrapolate(workload, row)
                self.close_all([row.entry.name])

    def attempt(self, row, workload, **request):
        """One run, or None and the row's error."""
        if row.error:
            return None
        try:
            contestant = self.contestant(row.entry.name, row.threads)
            row.title = contestant.title
            if row.peak is None:
                contestant.reset_peak()
            time.sleep(0.2)  # The threads of the last one may spin a while.
            seconds, reply = contestant.run(workload, **request)
            row.peak = contestant.peak_megabytes()
            row.details |= reply.get("details", {})
            return seconds
        except Failure as failure:
            row.error = str(failure)
            row.wrong |= row.entry.name == PALIMPSEST
            return None

    def interleave(self, workload, rows):
        """A warm-up of each contestant with its check, then rounds A B C, A B C."""
        for row in rows:
            path = None if workload == SGEMM else self.result_path(row, workload)
            if self.attempt(row, workload, result=path) is not None and path:
                self.check(row, workload, path)
        rates = []
        for _ in range(self.options.runs if rows else 0):
            if workload != SGEMM:
                rates += self.sgemm_rate(max(row.threads for row in rows))
            for row in rows:
                seconds = self.attempt(row, workload)
                if seconds is not None:
                    row.seconds.append(seconds)
        if rates:
            self.rates[workload] = statistics.median(rates)
        if workload == SGEMM:
            self.choose_sgemm(rows)

    def extrapolate(self, workload, row):
        """A slow peer: on a quarter of its items, then on all of them, then a straight line.

        The line takes out what does not grow with the items, such as the queries' gradients.
        """
        all_items, _ = self.sizes(workload)
        items = min(row.entry.items, all_items)
        if self.options.quick:
            items = min(items, 400 if all_items > 400 else all_items)
        few = items // 4
        path = self.result_path(row, workload)
        self.attempt(row, workload, items=few)  # Warm-up.
        first = self.attempt(row, workload, items=few)
        second = self.attempt(row, workload, items=items, result=path)
        if first is None or second is None:
            return
        self.check(row, workload, path)
        slope = (second - first) / (items - few)
        if slope <= 0:
            slope = second / items
        row.seconds = [second + (all_items - items) * slope]
        row.measured_items = items
        row.note = f"scaled: {second:.2f} s for {items:,}, {first:.2f} s for {few:,}"

    def choose_sgemm(self, rows):
        measured = [row for row in rows if row.seconds]
        if measured:
            fastest = min(measured, key=lambda row: row.median)
            self.fastest_sgemm = fastest.entry.name
            self.rates[SGEMM] = self.flops(SGEMM) / fastest.median / 1e9

    def sgemm_rate(self, threads):
        """The machine's rate now, by whoever was fastest at it; nothing where that is not known."""
        if self.fastest_sgemm is None:  # No product was asked for, or none before this workload.
            return []
        try:
            seconds, _ = self.contestant(self.fastest_sgemm, threads).run(SGEMM)
        except Failure:
            return []
        return [self.flops(SGEMM) / seconds / 1e9]

    def sizes(self, workload):
        """How many items and queries a workload has."""
        if workload in NETWORK_WORKLOADS:
            arrays = NetworkArrays(self.folder, NETWORK_WORKLOADS[workload])
            return len(arrays.x), len(arrays.x_query)
        return self.items, self.queries

    def flops(self, workload):
        steps, batch = self.arrays.batches.shape
        return flops(
            workload, *self.sizes(workload), steps, batch, self.digits_steps, self.ledger_steps)

    # Checking

    def result_path(self, row, workload):
        return self.folder / f"result-{row.entry.name}-{row.threads}-{workload}.npy"

    def check(self, row, workload, path):
        """Deviation of the result. Full matrices stay until the top-k has been compared."""
        if not path.exists() and row.entry.name != PALIMPSEST:
            row.note = "not checked: the scores leave parameters out"
            return
        try:
            row.deviation, tolerance, remark = self.checks.check(workload, path)
            row.wrong = not row.deviation <= tolerance
            if remark:
                row.details["check"] = remark
            matrix = self.result_path(row, "full-matrix")
            if workload == "top-k" and matrix.exists():
                same = same_top(np.load(path), np.load(matrix, mmap_mode="r"))
                row.details["same as its sorted matrix"] = f"{same} of {self.queries} queries"
                row.wrong |= row.entry.name == PALIMPSEST and same < self.queries
        except (OSError, ValueError) as error:
            row.wrong, row.note = True, f"result unreadable: {error}"
        keep = workload == "full-matrix" and row.entry.items is None
        if not keep:
            path.unlink(missing_ok=True)

    # Printing

    def print_header(self):
        print(f"Arrays: {self.source}; N = {self.items:,}, Q = {self.queries:,}, "
              f"{self.options.threads} threads, median of {self.options.runs} runs in turns")
        load = os.getloadavg()[0]
        print(f"Machine: {platform.machine()}, {os.cpu_count()} processors, load {load:.2f}"
              + (" - busy: do not trust small differences" if load > 0.5 else ""))
        if self.options.quick:
            print("Quick: the sizes are too small to say anything about speed")

    def print_table(self, workload):
        rows, flop_count = self.results[workload], self.flops(workload)
        base = next((row for row in rows if row.seconds), None)
        rate = self.rates.get(workload)
        remark = f"   (SGEMM in the same rounds: {rate:.0f} GFLOP/s)" if rate else ""
        print(f"\n{workload}{remark}")
        print(f"  {'contestant':28} {'thr':>3} {'median s':>10} {'best s':>10} {'ratio':>8} "
              f"{'by best':>8} {'GFLOP/s':>8} {'SGEMM':>6} {'peak MB':>8} {'deviation':>9}")
        for row in rows:
            name = f"  {row.title:28} {row.threads:3}"
            if not row.seconds:
                print(f"{name}   left out: {row.error}")
                continue
            cells = [f"{row.median:10.4f}", f"{row.best:10.4f}"]
            cells.append(f"{row.median / base.median:8.2f}")
            cells.append(f"{row.best / base.best:8.2f}")
            speed = flop_count / row.median / 1e9 if flop_count else None
            cells.append(f"{speed:8.1f}" if speed else f"{'-':>8}")
            cells.append(f"{speed / rate:6.0%}" if speed and rate else f"{'-':>6}")
            cells.append(f"{row.peak:8.0f}" if row.peak else f"{'-':>8}")
            cells.append(f"{row.deviation:9.1e}" if row.deviation is not None else f"{'-':>9}")
            print(name, *cells, "WRONG" if row.wrong else "", row.error or row.note or "")
            for key, value in row.details.items():
                print(f"      {key}: {value}")
        if base:
            print(f"  ratio: time over that of {base.title}, by medians and by best runs")
        sys.stdout.flush()

    def _of(self, workload, name, value):
        rows = self.results.get(workload, [])
        return min((value(r) for r in rows if r.entry.name == name and r.seconds), default=None)

    def median(self, workload, name):
        return self._of(workload, name, lambda row: row.median)

    def best(self, workload, name):
        return self._of(workload, name, lambda row: row.best)

    def best_peer(self, workload):
        """The least median of the peers whose result is right and complete."""
        rows = self.results.get(workload, [])
        return min((row.median for row in rows if row.entry.name in PEERS and row.seconds
                    and row.deviation is not None and not row.wrong), default=None)

    def claims(self):
        """(claim, value, whether it holds) for what can be said from the runs made."""

        def ratio(label, over, under, holds, form="{:.2f}"):
            if over is not None and under is not None:
                value = over / under
                yield label, form.format(value), holds(value)

        ours = {workload: self.median(workload, PALIMPSEST) for workload in WORKLOADS}
        matrix, rate = ours["full-matrix"], self.rates.get("full-matrix")
        if matrix and rate:
            for label, work in (
                ("with forward and backward", self.flops("full-matrix")),
                ("products alone", product_flops(self.items, self.queries)),
            ):
                yield from ratio(f"full matrix over SGEMM rate, {label} (0.80 or more)",
                                 work / matrix / 1e9, rate, lambda v: v >= 0.8)
        yield from ratio("full matrix over torch by hand (0.80 or less)",
                         matrix, self.median("full-matrix", "torch-hand"), lambda v: v <= 0.8)
        for name in ("captum", "dattri", "kronfluence", "torch-autograd"):
            yield from ratio(f"{PEERS[name][2]} over full matrix (more than 150)",
                             self.median("full-matrix", name), matrix, lambda v: v > 150, "{:.0f}")
        # By best runs: the two were not measured in the same rounds.
        yield from ratio(f"{CHECKPOINTS} checkpoints over one, best runs (less than {CHECKPOINTS})",
                         self.best("checkpoints", PALIMPSEST), self.best("full-matrix", PALIMPSEST),
                         lambda v: v < CHECKPOINTS)
        norms, rate = ours["self-influence"], self.rates.get("self-influence")
        if norms and rate:
            yield from ratio("self-influence over SGEMM rate (0.70 or more)",
                             self.flops("self-influence") / norms / 1e9, rate, lambda v: v >= 0.7)
        for name in ("jax-hand", "torch-hand"):
            yield from ratio(f"self-influence over {PEERS[name][2]} (less than 1)",
                             norms, self.median("self-influence", name), lambda v: v < 1)
        for name in ("jax-hand", "torch-hand"):
            yield from ratio(f"training epoch over {PEERS[name][2]} (1 or less)",
                             ours["train-epoch"], self.median("train-epoch", name),
                             lambda v: v <= 1)
        yield from ratio("digits steps per second on one thread (20,000 or more)",
                         self.digits_steps, ours["train-steps"], lambda v: v >= 20_000, "{:,.0f}")
        training = ours["ledger-training"]
        for column, most in (("credit", 15), ("marginal", 60)):
            yield from ratio(f"{column} of 50 queries over the training ({most} or less)",
                             ours[f"{column}-sweep"], training, lambda v, most=most: v <= most)
        yield from ratio("marginal over jax autodiff (less than 1)", ours["marginal-sweep"],
                         self.median("marginal-sweep", "jax-autodiff"), lambda v: v < 1)
        yield from ratio("seconds for 100 retrainings (less than 2)",
                         ours["bulk-retraining"], 1, lambda v: v < 2)
        for name, least in (("cnn", 2.5), ("transformer", 2)):
            yield from ratio(f"best complete peer over {name} scores ({least} or more)",
                             self.best_peer(f"{name}-scores"), ours[f"{name}-scores"],
                             lambda v, least=least: v >= least)
        scores, rate = ours["transformer-scores"], self.rates.get("transformer-scores")
        if scores and rate:
            yield from ratio("transformer scores over SGEMM rate (0.60 or more)",
                             self.flops("transformer-scores") / scores / 1e9, rate,
                             lambda v: v >= 0.6)
        yield from ratio("peak MB of transformer scores (1000 or less)",
                         self._of("transformer-scores", PALIMPSEST, lambda row: row.peak), 1,
                         lambda v: v <= 1000, "{:.0f}")
        for name in ("cnn", "transformer"):
            yield from ratio(f"{name} gradient over torch autograd (1 or less)",
                             ours[f"{name}-gradient"],
                             self.median(f"{name}-gradient", "torch-autograd"), lambda v: v <= 1)

    def print_claims(self):
        claims = list(self.claims())
        if claims:
            print("\nclaims" + (", at sizes too small to judge" if self.options.quick else ""))
        for label, value, holds in claims:
            print(f"  {'yes' if holds else 'NO ':3} {value:>9}  {label}")

    def run(self):
        self.print_header()
        try:
            for workload in self.options.workloads:
                self.measure(workload)
                self.print_table(workload)
        finally:
            self.close_all()
            for path in self.folder.glob("result-*.npy"):
                path.unlink()
        self.print_claims()
        if self.options.json:
            self.options.json.write_text(json.dumps(self.record(), indent=1) + "\n")
        return any(row.wrong for rows in self.results.values() for row in rows)

    def record(self):
        return {
            "arrays": self.source, "items": self.items, "queries": self.queries,
            "threads": self.options.threads, "sgemmGFlops": self.rates,
            "workloads": {
                name: [row.record() for row in rows] for name, rows in self.results.items()
            },
            "claims": [
                {"claim": label, "value": value, "holds": holds}
                for label, value, holds in self.claims()
            ],
        }  # fmt: skip


def read_options():
    parser = argparse.ArgumentParser(description="Compare Palimpsest with its peers.")
    names = ",".join(WORKLOADS)
    benchmarks = HERE.parent
    executable = benchmarks / ".build" / "release" / "peer-workloads"
    add = parser.add_argument
    add("--data", type=Path, help="folder with MNIST's IDX files; enlarged digits without it")
    add("--executable", type=Path, default=executable, help="the Palimpsest side")
    add("--before", type=Path, help="another build of it, to measure a change")
    add("--scratch", type=Path, default=benchmarks / ".build" / "peers",
        help="where the arrays are kept (some 200 MB, and 240 MB for each result)")
    add("--threads", type=int, default=os.cpu_count())
    add("--runs", type=int, help="timed runs of each contestant (default 5, quick 2)")
    add("--timeout", type=float, default=600, help="seconds to wait for one run of a peer")
    add("--workloads", type=lambda text: text.split(","), help=f"some of {names}")
    add("--peers", type=lambda text: text.split(","), help=f"some of {','.join(PEERS)}")
    add("--only-peers", action="store_true", help="leave Palimpsest out")
    add("--quick", action="store_true", help="small sizes, to see that everything runs")
    add("--json", type=Path, help="write all numbers to this file")
    options = parser.parse_args()

    options.workloads = options.workloads or list(WORKLOADS)
    for given, known in ((options.workloads, WORKLOADS), (options.peers or [], PEERS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    if SGEMM not in options.workloads:
        options.workloads.insert(0, SGEMM)
    options.runs = options.runs or (2 if options.quick else 5)
    if options.only_peers:
        options.executable = None
    elif not options.executable.exists():
        print(f"{options.executable}: no such file, so peers only (build it with "
              "`swift build -c release --package-path Benchmarks`)", file=sys.stderr)
        options.executable = None
    if options.data and not options.data.is_dir():
        parser.error(f"{options.data}: no such folder")
    return options


def main():
    sys.exit(1 if Comparison(read_options()).run() else 0)


if __name__ == "__main__":
    main()
