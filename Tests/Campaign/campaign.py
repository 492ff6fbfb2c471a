"""Breaks the command on purpose, and counts what comes of it.

    python3 Tests/Campaign/campaign.py                          # all parts, an hour or two
    python3 Tests/Campaign/campaign.py --quick                  # some of each, minutes
    python3 Tests/Campaign/campaign.py --part kill --count 60
    python3 Tests/Campaign/campaign.py --command .build/debug/palimpsest --part bits --part streams

Parts: kill (kill -9 in the middle, then the same command again: the same bytes, nothing left over),
signals (SIGINT, SIGTERM, SIGHUP likewise), calls (system calls that fail, by `strace -e inject=`), bits
(single bits of every file of a record), hostile (records made to do harm), streams (standard streams
that are closed or full), limits (stack, address space, processes, open files, file sizes), small (file
systems without room; needs root).

Exit status 0 where no part found a fault, 1 where one did. Needs Python alone; `strace`, `setpriv` and
root are used where they are there.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hostile import hostile_changes, unseal

# What the command may end with; 70 is a defect of its own.
DOCUMENTED = {0, 1, 64, 65, 66, 73, 74, 75, 130}
MODEL = "mlp:64-16-10:tanh"
TEXT_MODEL = "transformer:context=32,width=16,heads=2,layers=1"

# Commands that are gone on with, or begun again, after an interruption: the record that they need, and
# their arguments.
WORKLOADS: dict[str, tuple[str | None, list[str]]] = {
    "train": (None, [
        "train", "--out", "run", "--data", "digits", "--model", "mlp:64-64-10:tanh",
        "--epochs", "10", "--checkpoint-every", "3", "--threads", "1"]),
    "train text": ("text", [
        "train", "--out", "more", "--text", "books/books", "--held-out", "0",
        "--model", TEXT_MODEL, "--optimizer", "adamw", "--lr", "0.003",
        "--batch-size", "16", "--epochs", "3", "--checkpoint-every", "4", "--threads", "1"]),
    "score": ("digits", [
        "score", "run", "--query", "train:0..<1000", "--scores", "scores.npy",
        "--out", "report.csv", "--threads", "1"]),
    "ledger": ("digits", [
        "ledger", "run", "--query", "test:0..<20", "--columns", "credit,marginal",
        "--scores", "numbers", "--out", "report.jsonl", "--threads", "1"]),
    "memorization": ("digits", [
        "memorization", "run", "--models", "60", "--no-ledger", "--scores", "numbers",
        "--out", "report.csv", "--threads", "1"]),
    "dilution": (None, [
        "dilution", "--out", "out", "--items", "25,50", "--copies", "1,2",
        "--epochs", "5,10", "--widths", "8,16", "--at", "items=50,copies=1,epochs=10,width=16",
        "--seeds", "2", "--inputs", "1,2", "--inversion-width", "32", "--threads", "1"]),
    "exposure": ("text", [
        "exposure", "--text", "books/books", "--run", "canaries", "--model", TEXT_MODEL,
        "--epochs", "1", "--repetitions", "0,2", "--canary", "Key ####.",
        "--references", "100", "--out", "report.jsonl", "--threads", "1"]),
    "trace": ("text", [
        "trace", "run", "--prompt", "The ", "--length", "12", "--out", "report.jsonl",
        "--threads", "1"]),
}


class Outcome:
    def __init__(self, status: int, output: bytes, errors: bytes, seconds: float, peak: int):
        self.status, self.output, self.errors = status, output, errors
        self.seconds, self.peak = seconds, peak

    @property
    def crashed(self) -> bool:
        return self.status < 0 or self.status > 130

    def __str__(self) -> str:
        return f"status {self.status}: {self.errors.decode('utf-8', 'replace').strip()[-300:]}"


class Campaign:
    """Runs the command in folders of its own and counts what it did."""

    def __init__(
        self, command: str, folder: Path, count: int, seed: int, only: list[str] | None = None
    ):
        self.command, self.folder, self.count, self.only = command, folder, count, only
        self.random = random.Random(seed)
        self.counts: dict[str, collections.Counter[str]] = {}
        self.faults: list[str] = []
        self.origin: dict[str, Path] = {}

    # MARK: Running

    def run(
        self, arguments: list[str], where: Path, *, before: list[str] | None = None,
        timeout: float = 120, setup: Callable[[], None] | None = None, **streams: object,
    ) -> Outcome:
        """Runs the command and waits; what takes longer is killed and has status -9."""
        start = time.monotonic()
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            streams = {"stdout": output, "stderr": errors, "stdin": subprocess.DEVNULL} | streams
            process = subprocess.Popen(
                [*(before or []), self.command, *arguments], cwd=where, preexec_fn=setup,
                start_new_session=True, **streams,
            )
            deadline = start + timeout
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() > deadline:
                    os.killpg(process.pid, signal.SIGKILL)
                    _, status, usage = os.wait4(process.pid, 0)
                    break
                time.sleep(0.002)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            return Outcome(
                process.returncode, output.read(), errors.read(), time.monotonic() - start,
                usage.ru_maxrss >> 10,
            )

    def must(self, arguments: list[str], where: Path) -> Outcome:
        outcome = self.run(arguments, where)
        if outcome.status != 0:
            sys.exit(f"{' '.join(arguments)}: {outcome}")
        return outcome

    def interrupted(self, arguments: list[str], where: Path, after: float, number: int) -> int | None:
        """The status after a signal; nil where the command had ended before."""
        process = subprocess.Popen(
            [self.command, *arguments], cwd=where, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(after)
            return None
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            try:
                return process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                return -9

    # MARK: Counting

    def note(self, line: str, what: str, fault: str | None = None) -> None:
        self.counts.setdefault(line, collections.Counter())[what] += 1
        if fault is not None:
            self.counts[line]["FAULTS"] += 1
            self.faults.append(f"{line}: {fault}")

    # MARK: Material

    def record(self, kind: str = "digits") -> Path:
        """A finished run, made once: digits, or text."""
        if kind not in self.origin:
            where = self.folder / f"origin-{kind}"
            where.mkdir()
            if kind == "text":
                self.must(["books", "--out", "books"], where)
                self.must(
                    ["train", "--out", "run", "--text", "books/books", "--held-out", "0",
                     "--model", TEXT_MODEL, "--optimizer", "adamw", "--lr", "0.003",
                     "--batch-size", "16", "--epochs", "2"], where)
            else:
                # Momentum and clipping: a state of the optimizer, and a log that numbers rest on.
                self.must(
                    ["train", "--out", "run", "--data", "digits", "--model", MODEL,
                     "--epochs", "3", "--checkpoint-every", "30", "--optimizer", "momentum",
                     "--clip-norm", "1"], where)
            self.origin[kind] = where
        return self.origin[kind]

    def fresh(self, name: str, kind: str | None) -> Path:
        where = self.folder / name
        shutil.rmtree(where, ignore_errors=True)
        if kind is None:
            where.mkdir()
        else:
            shutil.copytree(self.record(kind), where, symlinks=True)
        return where

    def chosen(self, *names: str) -> list[str]:
        """Those workloads of these, or of all, that are asked for."""
        return [name for name in names or WORKLOADS if self.only is None or name in self.only]

    def reference(self, name: str) -> tuple[dict[str, str], Outcome]:
        kind, arguments = WORKLOADS[name]
        where = self.fresh("reference", kind)
        outcome = self.run(arguments, where)
        return tree(where), outcome

    def repeated(
        self, line: str, what: str, where: Path, arguments: list[str],
        expected: tuple[dict[str, str], Outcome],
    ) -> None:
        """Gives the command again after an accident: the same bytes, and nothing besides."""
        outcome = self.run(arguments, where)
        found, (files, first) = tree(where), expected
        leftovers = [name for name in found if name.endswith(".part")]
        others = sorted(
            name for name in set(found) | set(files)
            if found.get(name) != files.get(name) and name not in leftovers)
        if outcome.status != first.status:
            self.note(line, what, f"{what}; repeated: {outcome}")
        elif others:
            self.note(line, what, f"{what}; other bytes in {others[:4]}")
        elif leftovers:
            self.note(line, what, f"{what}; left over: {leftovers[:4]}")
        else:
            self.note(line, what)
            self.counts[line]["same bytes"] += 1

    # MARK: Parts

    def kill(self) -> None:
        self.interrupt("kill -9", [signal.SIGKILL])

    def signals(self) -> None:
        self.interrupt("signals", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])

    def interrupt(self, part: str, numbers: list[int]) -> None:
        for name in self.chosen():
            kind, arguments = WORKLOADS[name]
            expected = self.reference(name)
            for trial in range(self.count):
                where = self.fresh("trial", kind)
                for _ in range(3 if trial % 3 == 0 else 1):
                    number = self.random.choice(numbers)
                    after = self.random.uniform(0.005, expected[1].seconds)
                    status = self.interrupted(arguments, where, after, number)
                    line = f"{part}: {name}"
                    if number == signal.SIGKILL or status in (None, 130, expected[1].status):
                        self.counts.setdefault(line, collections.Counter())[
                            "ended before" if status is None else "interrupted"] += 1
                    else:
                        self.note(line, "signals", f"ended with {status} after {number}")
                self.repeated(f"{part}: {name}", "trials", where, arguments, expected)

    CALLS = {
        "openat": ("EMFILE", "EIO", "EINTR"),
        "pread64": ("EIO", "EINTR"),
        "pwrite64": ("ENOSPC", "EIO", "EINTR"),
        "write": ("ENOSPC", "EIO", "EINTR"),
        "fsync": ("EIO", "ENOSPC", "EINTR"),
        "rename": ("EIO", "ENOSPC", "EINTR"),
        "ftruncate": ("ENOSPC", "EIO", "EINTR"),
        "flock": ("EIO", "EINTR"),
        "mmap": ("ENOMEM",),
    }

    def calls(self) -> None:
        if shutil.which("strace") is None:
            return self.note("calls", "left out: no strace")
        for name in self.chosen("train", "score", "ledger", "memorization"):
            kind, arguments = WORKLOADS[name]
            expected = self.reference(name)
            for call, errors in self.CALLS.items():
                trace = self.folder / "trace"
                self.run(
                    arguments, self.fresh("trial", kind),
                    before=["strace", "-f", "-o", str(trace), "-e", f"trace={call}"])
                total = sum(f" {call}(" in line for line in trace.read_text("latin1").splitlines())
                line = f"calls: {name}, {call}"
                if total == 0:
                    continue
                for error in errors:
                    for _ in range(max(self.count // 12, 2)):
                        place = self.random.randint(1, total)
                        where = self.fresh("trial", kind)
                        outcome = self.run(
                            arguments, where, before=[
                                "strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                f"inject={call}:error={error}:when={place}"])
                        what = f"{error} at {place} of {total}"
                        if call == "mmap" and outcome.crashed:
                            # The loader's or the runtime's own memory: no program survives that.
                            self.counts.setdefault(line, collections.Counter())["no memory"] += 1
                        elif loading(outcome):
                            self.counts.setdefault(line, collections.Counter())["while loading"] += 1
                        elif outcome.status not in DOCUMENTED:
                            self.note(line, "trials", f"{what}: {outcome}")
                            continue
                        elif outcome.status == 0 and tree(where) != expected[0]:
                            self.note(line, "trials", f"{what}: status 0 with other files")
                            continue
                        self.repeated(line, "trials", where, arguments, expected)

    def bits(self) -> None:
        where = self.fresh("bits", "digits")
        self.must(["memorization", "run", "--models", "10", "--no-ledger"], where)
        commands = {
            "score": ["score", "run", "--query", "test:0..<3", "--json"],
            "ledger": ["ledger", "run", "--query", "test:0", "--columns", "credit,marginal", "--json"],
            "inspect": ["inspect", "run", "--json"],
            "retrain": ["retrain", "run", "--check", "--json"],
            "memorization": ["memorization", "run", "--models", "10", "--no-ledger", "--json"],
        }
        expected = {name: self.run(arguments, where) for name, arguments in commands.items()}
        files = sorted(path for path in (where / "run").rglob("*") if path.is_file())
        for path in files:
            name = str(path.relative_to(where / "run"))
            if path.name == "lock":
                continue
            whole = path.read_bytes()
            for trial in range(self.count):
                changed = bytearray(whole)
                place = self.random.randrange(len(whole))
                changed[place] ^= 1 << self.random.randrange(8)
                path.write_bytes(changed)
                chosen = ["score", list(commands)[1 + trial % (len(commands) - 1)]]
                if name.startswith("memorization"):
                    chosen = ["memorization"]
                for command in chosen:
                    outcome = self.run(commands[command], where)
                    line = f"bits: {name}"
                    if outcome.status not in DOCUMENTED:
                        self.note(line, command, f"byte {place}, {command}: {outcome}")
                    elif outcome.status != expected[command].status:
                        self.note(line, "refused")
                    elif outcome.output == expected[command].output:
                        self.note(line, "same numbers")
                    else:
                        self.note(line, command, f"byte {place}, {command}: silently other numbers")
                path.write_bytes(whole)

    def hostile(self) -> None:
        commands = {
            "inspect": ["inspect", "run", "--json"],
            "score": ["score", "run", "--query", "test:0", "--json"],
            "ledger": ["ledger", "run", "--query", "test:0", "--columns", "credit", "--json"],
            "memorization": ["memorization", "run", "--models", "2", "--no-ledger", "--json"],
        }
        sound = self.fresh("trial", "digits")
        expected = {name: self.run(arguments, sound) for name, arguments in commands.items()}
        for label, change in hostile_changes(self.folder / "outside"):
            for sealed in (True, False):
                for command, arguments in commands.items():
                    where = self.fresh("trial", "digits")
                    shutil.rmtree(self.folder / "outside", ignore_errors=True)
                    shutil.copytree(where / "run", self.folder / "outside")
                    before = tree(self.folder / "outside")
                    change(where / "run")
                    if not sealed:
                        unseal(where / "run")
                    outcome = self.run(arguments, where, timeout=30)
                    line = f"hostile: {label}"
                    found = f"{command}{'' if sealed else ', without digests'}: {outcome}"
                    if outcome.status not in DOCUMENTED:
                        self.note(line, "commands", found)
                    elif outcome.peak > 600 or outcome.seconds > 20:
                        self.note(
                            line, "commands",
                            f"{found}: {outcome.peak} MiB, {outcome.seconds:.0f} s")
                    elif tree(self.folder / "outside") != before:
                        self.note(line, "commands", f"{found}: changed what is outside")
                    elif sealed and outcome.status == 0 and (
                        outcome.output != expected[command].output):
                        self.note(line, "commands", f"{found}: silently other numbers")
                    elif outcome.status > 1 and outcome.errors.count(b"\n") != 1:
                        self.note(line, "commands", f"{found}: not one line")
                    else:
                        self.note(line, "commands")

    def streams(self) -> None:
        for name in self.chosen("train", "score", "ledger", "memorization", "dilution"):
            kind, arguments = WORKLOADS[name]
            files, first = self.reference(name)
            for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
                where = self.fresh("trial", kind)
                outcome = self.run(arguments, where, setup=lambda: [os.close(n) for n in closed])
                line, found = f"streams: {name}", tree(where)
                what = f"closed {closed}: {outcome}"
                if outcome.status != first.status or found != files:
                    self.note(line, "closed", what)
                else:
                    self.note(line, "closed")
            with open("/dev/full", "wb") as full:
                outcome = self.run(arguments, self.fresh("trial", kind), stdout=full)
            self.note(
                f"streams: {name}", "full", None if outcome.status == 74 else f"/dev/full: {outcome}")
        for arguments in (["--help"], ["--version"], ["score", "--help"], ["list", "methods"]):
            with open("/dev/full", "wb") as full:
                outcome = self.run(arguments, self.folder, stdout=full)
            self.note(
                "streams: help", "full",
                None if outcome.status == 74 else f"{arguments} to /dev/full: {outcome}")

    def limits(self) -> None:
        where = self.fresh("limits", "digits")
        arguments = ["score", "run", "--query", "test:0", "--json"]
        expected = self.run(arguments, where)

        def judge(line: str, what: str, outcome: Outcome) -> None:
            fine = outcome.status == 0 and outcome.output == expected.output
            said = outcome.status in (64, 66, 70, 73, 74) and outcome.errors.count(b"palimpsest: ") == 1
            self.note(
                f"limits: {line}", "the same" if fine else "said",
                None if fine or said else f"{what}: {outcome}")

        def limited(kind: int, size: int) -> Callable[[], None]:
            return lambda: resource.setrlimit(kind, (size, size))

        for kib in (128, 192, 256, 512, 1024, 8192):
            judge("stack", f"{kib} KiB", self.run(
                arguments, where, setup=limited(resource.RLIMIT_STACK, kib << 10), timeout=30))
        for mib in (150, 200, 250, 300, 350, 400, 500, 700, 1000, 2000, 4000):
            outcome = self.run(
                arguments, where, setup=limited(resource.RLIMIT_AS, mib << 20), timeout=30)
            if loading(outcome):
                self.note("limits: address space", "while loading")
            else:
                judge("address space", f"{mib} MiB", outcome)
        for files in (3, 4, 5, 6, 8, 10, 16):
            outcome = self.run(
                arguments, where, setup=limited(resource.RLIMIT_NOFILE, files), timeout=30)
            if loading(outcome):
                self.note("limits: open files", "while loading")
            else:
                judge("open files", f"{files}", outcome)
        if os.geteuid() == 0 and shutil.which("setpriv"):
            for path in [where, *where.rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)
            for folder in [self.folder, *self.folder.parents][:-1]:
                folder.chmod(folder.stat().st_mode | 0o055)
            for processes in (1, 2, 4):
                judge("processes", f"{processes}", self.run(
                    arguments, where, setup=limited(resource.RLIMIT_NPROC, processes), timeout=30,
                    before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]))
        else:
            self.note("limits: processes", "left out: needs root and setpriv")
        for size in (0, 100, 1000, 10_000, 100_000):
            for name in self.chosen("train", "score", "ledger"):
                kind, work = WORKLOADS[name]
                trial = self.fresh("trial", kind)
                outcome = self.run(work, trial, setup=limited(resource.RLIMIT_FSIZE, size))
                fault = None
                if outcome.status not in (0, 73, 74):
                    fault = f"{name}, {size} bytes: {outcome}"
                self.note("limits: file size", "trials", fault)

    def small(self) -> None:
        if os.geteuid() != 0:
            return self.note("small", "left out: needs root")
        for name in self.chosen("train", "score", "ledger", "memorization"):
            kind, arguments = WORKLOADS[name]
            expected = self.reference(name)
            needed = sum(
                path.stat().st_size for path in (self.folder / "reference").rglob("*")
                if path.is_file())
            origin = self.record(kind) if kind else None
            for trial in range(max(self.count // 4, 3)):
                held = sum(
                    path.stat().st_size for path in origin.rglob("*") if path.is_file()
                ) if origin else 0
                size = held + (256 << 10) + self.random.randrange(max(needed - held, 1 << 18))
                where = self.folder / "small"
                where.mkdir(exist_ok=True)
                mounted = subprocess.run(
                    ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)],
                    capture_output=True)
                if mounted.returncode != 0:
                    return self.note("small", "left out: nothing can be mounted")
                line = f"small: {name}"
                try:
                    if origin:
                        try:
                            shutil.copytree(origin, where, dirs_exist_ok=True)
                        except (OSError, shutil.Error):
                            self.note(line, "no room for the record")
                            continue
                    outcome = self.run(arguments, where)
                    if outcome.status not in (0, 73, 74):
                        self.note(line, "trials", f"{size} bytes: {outcome}")
                        continue
                    subprocess.run(
                        ["mount", "-o", f"remount,size={needed * 4 + (16 << 20)}", str(where)],
                        check=True)
                    self.repeated(line, "trials", where, arguments, expected)
                finally:
                    subprocess.run(["umount", str(where)], check=True)


def tree(folder: Path) -> dict[str, str]:
    """The digests of all files but locks, by their path in a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.name != "lock" and path.is_file() and not path.is_symlink()
    }


def loading(outcome: Outcome) -> bool:
    """Whether the system's loader gave up before the command began."""
    return outcome.status == 127 or b"error while loading shared libraries" in outcome.errors


def main() -> int:
    parts = ["kill", "signals", "calls", "bits", "hostile", "streams", "limits", "small"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default=".build/release/palimpsest", help="the built command")
    parser.add_argument("--part", action="append", choices=parts, help="repeatable; all where absent")
    parser.add_argument(
        "--workload", action="append", choices=list(WORKLOADS), help="repeatable; all where absent")
    parser.add_argument("--count", type=int, default=60, help="trials of each kind")
    parser.add_argument("--quick", action="store_true", help="four trials of each kind")
    parser.add_argument("--seed", type=int, default=7, help="of where things are broken")
    options = parser.parse_args()
    command = str(Path(options.command).resolve())
    with tempfile.TemporaryDirectory(prefix="palimpsest-campaign-") as folder:
        campaign = Campaign(
            command, Path(folder).resolve(), 4 if options.quick else options.count, options.seed,
            options.workload)
        for part in options.part or parts:
            start, known = time.monotonic(), set(campaign.counts)
            getattr(campaign, part)()
            print(f"{part}: {time.monotonic() - start:.0f} s", flush=True)
            for line, counts in campaign.counts.items():
                if line not in known:
                    print(f"  {line}: " + ", ".join(f"{n} {what}" for what, n in counts.items()), flush=True)
    for fault in campaign.faults:
        print(f"FAULT {fault}")
    print(f"{len(campaign.faults)} faults")
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
