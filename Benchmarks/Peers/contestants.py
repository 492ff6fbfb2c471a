"""Contestants as processes: each waits on its standard input, so only one works at a time."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Failure(Exception):
    """A contestant that cannot start, reports an error, ends, or does not answer in time."""


def environment(threads):
    count = str(threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return os.environ | {name: count for name in names} | {
        "PYTHONPATH": str(HERE), "TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip


def processors(threads):
    """The processors a contestant may use: the last `threads` of ours, where this can be set."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return sorted(os.sched_getaffinity(0))[-threads:]


class Contestant:
    """A running process that answers one JSON line to each request line."""

    def __init__(self, command, threads, log, timeout):
        self.threads, self.log, self.timeout = threads, log, timeout
        allowed = processors(threads)
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, bufsize=1, env=environment(threads),
                preexec_fn=allowed and (lambda: os.sched_setaffinity(0, allowed)),
            )  # fmt: skip
        self.title = self._reply()["name"]

    @staticmethod
    def peer(name, folder, threads, timeout):
        command = [sys.executable, str(HERE / "serve.py"), name]
        command += ["--data", str(folder), "--threads", str(threads)]
        return Contestant(command, threads, folder / f"{name}-{threads}.log", timeout)

    @staticmethod
    def palimpsest(executable, folder, threads, timeout):
        command = [str(executable), "--serve", "--data", str(folder), "--threads", str(threads)]
        return Contestant(command, threads, folder / f"palimpsest-{threads}.log", timeout)

    def run(self, workload, items=None, result=None):
        """One run: its seconds and the reply. The result is written after the clock stops."""
        request = workload
        if items is not None:
            request += f" items={items}"
        if result is not None:
            request += f" result={result}"
        try:
            print(request, file=self.process.stdin)
        except BrokenPipeError:
            raise Failure(self._last_words()) from None
        reply = self._reply()
        return reply["seconds"][0], reply

    def _reply(self):
        ready, _, _ = select.select([self.process.stdout], [], [], self.timeout)
        if not ready:
            self.process.kill()
            self.process.wait()
            raise Failure(f"no answer within {self.timeout:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failure(self._last_words())
        try:
            reply = json.loads(line)
        except json.JSONDecodeError:
            raise Failure(f"not a JSON line: {line.strip()[:80]}") from None
        if "error" in reply:
            raise Failure(reply["error"])
        return reply

    def _last_words(self):
        status = self.process.wait()
        words = Path(self.log).read_text().strip().splitlines()
        return f"ended with status {status}: {words[-1] if words else 'no message'}"

    @property
    def alive(self):
        return self.process.poll() is None

    def reset_peak(self):
        try:
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        except OSError:
            pass

    def peak_megabytes(self):
        """Peak resident memory since `reset_peak`, where the system tells."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(lines[0].split()[1]) / 1024 if lines else None

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
