"""What the command prints, read back."""

import json

import numpy as np
import pytest

from palimpsest import CommandError, PalimpsestError, read_accounts, read_report, read_scores, run


@pytest.fixture
def digits(tmp_path, command):
    run("train", "--out", tmp_path / "run", "--data", "digits", "--model", "mlp:64-8-10:tanh",
        "--epochs", 1, executable=command)  # fmt: skip
    return tmp_path / "run"


def test_scores_reports_and_accounts(digits, tmp_path, command):
    text = run("score", digits, "--query", "test:0-1", "--top", 3, "--json", "--scores",
               tmp_path / "s.npy", "--out", tmp_path / "r.jsonl", executable=command)  # fmt: skip
    scores = read_scores(tmp_path / "s.npy")
    assert scores.shape == (2, 1500)
    for report in (read_report(text), read_report(tmp_path / "r.jsonl")):
        assert [query["id"] for query in report.queries] == ["test:0", "test:1"]
        np.testing.assert_array_equal(report.top(), np.argsort(-scores, axis=1)[:, :3])
    text = run("ledger", digits, "--query", "test:0", "--columns", "credit", "--json",
               executable=command)  # fmt: skip
    (account,) = read_accounts(text)
    assert account["id"] == "test:0" and "marginal" not in account


def test_supporters_are_those_whose_scores_are_above_zero(tmp_path):
    lines = [{"kind": "header", "format": "palimpsest-scores"}] + [
        {"kind": "query", "supporters": [{"item": item} for item in items]}
        for items in ([4, 7], [3], [])
    ]
    report = read_report("\n".join(map(json.dumps, lines)))
    top = report.top()
    assert top.tolist() == [[4, 7], [3, None], [None, None]]
    assert np.ma.count_masked(top) == 3


def test_an_error_of_the_command_is_its_own_line(tmp_path, command):
    with pytest.raises(CommandError, match="nowhere") as caught:
        run("score", tmp_path / "nowhere", "--query", "test:0", executable=command)
    assert caught.value.status == 66


def test_separators_of_lines_inside_a_text_cut_nothing(tmp_path):
    text = '{"kind": "ledger", "id": "one\u2028two\u2029three\x85four"}\n{"kind": "ledger"}\n'
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    for source in (text, text.replace("\n", "\r\n"), tmp_path / "a.jsonl"):
        first, _ = read_accounts(source)
        assert first["id"] == "one\u2028two\u2029three\x85four"


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros(3))
    with pytest.raises(PalimpsestError, match=r"expected \[Q, N\]"):
        read_scores(tmp_path / "v.npy")
    with pytest.raises(PalimpsestError, match="expected the lines of a score report"):
        read_report('{"kind": "ledger"}')
    with pytest.raises(PalimpsestError, match="not JSON"):
        read_accounts("{")
    with pytest.raises(PalimpsestError, match="no such command"):
        run("list", executable=str(tmp_path / "none"))
