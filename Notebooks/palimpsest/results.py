"""Reads what the command writes."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from palimpsest.errors import PalimpsestError


def read_scores(path: str | os.PathLike[str]) -> np.ndarray:
    """The matrix `[Q, N]` that `--scores` has written; positive is support."""
    scores = np.load(path, allow_pickle=False)
    if scores.ndim != 2:
        raise PalimpsestError(f"{path}: found an array of shape {scores.shape}, expected [Q, N]")
    return scores


@dataclass(frozen=True)
class ScoreReport:
    """A report of `palimpsest score`.

    Attributes:
        header: method, unit, model, items, provenance.
        queries: for each query its `id`, what was `measured`, and `supporters` and `opponents`,
            each with `id`, `item` (the row) and `score`: above zero for supporters, below for
            opponents, so that there may be fewer than were asked for. `zeroReason` says why all
            scores of a query are zero. `shown` has what `--show` asked for.
    """

    header: dict[str, Any]
    queries: list[dict[str, Any]]

    def top(self) -> np.ma.MaskedArray:
        """The rows of each query's supporters `[Q, K]`, the strongest first.

        Masked where a query has fewer than K items whose scores are above zero.
        """
        rows = [[s["item"] for s in query["supporters"]] for query in self.queries]
        width = max(map(len, rows), default=0)
        found = np.ma.masked_all((len(rows), width), dtype=np.int64)
        for own, row in zip(found, rows):
            own[: len(row)] = row
        return found


def read_report(source: str | os.PathLike[str]) -> ScoreReport:
    """Reads a report: a `.jsonl` file, or the text that `--json` prints."""
    lines = _lines(source)
    if not lines or lines[0].get("format") != "palimpsest-scores":
        raise PalimpsestError("expected the lines of a score report: --out FILE.jsonl, or --json")
    return ScoreReport(lines[0], [line for line in lines[1:] if line.get("kind") == "query"])


def read_accounts(source: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Reads what `palimpsest ledger --json` prints, from a text or a file: one dict for each query.

    The keys `credit`, `marginal` and `integrated` are there where the column was asked for.
    """
    accounts = [line for line in _lines(source) if line.get("kind") == "ledger"]
    if not accounts:
        raise PalimpsestError("expected the lines that `palimpsest ledger --json` prints")
    return accounts


def _lines(source: str | os.PathLike[str]) -> list[dict[str, Any]]:
    is_text = isinstance(source, str) and source.lstrip().startswith("{")
    text = source if is_text else Path(source).read_text(encoding="utf-8")
    try:
        # Not splitlines: it also cuts at separators that a text in JSON may hold, such as U+2028.
        lines = [json.loads(line) for line in str(text).split("\n") if line.strip()]
    except json.JSONDecodeError as error:
        raise PalimpsestError(f"found a line that is not JSON: {error}") from None
    if not all(isinstance(line, dict) for line in lines):
        raise PalimpsestError("found a line that is not a JSON object")
    return lines
