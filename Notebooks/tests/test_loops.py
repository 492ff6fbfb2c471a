"""Loops as people write them: recorded with the defaults, accounted for, and trained again.

Each loop is recorded, `ledger` accounts for it, and `retrain --without` is set against the same loop
run by PyTorch without the items.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from palimpsest import PalimpsestError, read_accounts, run
from palimpsest.pytorch import Recorder, batch_loss

ITEMS, QUERIES, BATCH = 48, 3, 12
REMOVED = [3, 17, 30]


def pictures(count):
    x = torch.randn(count, 1, 8, 8)
    return x, (x[:, 0, :4].mean((1, 2)) > 0).long() + (x[:, 0, 4:].mean((1, 2)) > 0).long()


def vectors(count):
    x = torch.randn(count, 6)
    return x, x[:, :3].argmax(1)


def texts(count):
    x = torch.randint(1, 12, (count, 8))
    return x, torch.roll(x, -1, 1)


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(24, 3),
    )  # fmt: skip


class Residual(nn.Module):
    """Two blocks with batch normalisation in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
            for _ in range(2)
        )
        self.head = nn.Linear(4, 3)
        for block in self.blocks:
            block[1].running_mean.normal_(0, 0.1)
            block[1].running_var.uniform_(0.8, 1.2)

    def forward(self, x):
        h = self.stem(x)
        for block in self.blocks:
            h = h + block(h)
        return self.head(h.mean((2, 3)))


class Language(nn.Module):
    """A transformer of one block whose head is its embedding."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(12, 8), nn.Embedding(8, 8)
        self.first, self.last = nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.head = nn.Linear(8, 12, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, t):
        h = self.tokens(t) + self.places(torch.arange(t.shape[1]))
        q, k, v = self.qkv(self.first(h)).unsqueeze(1).chunk(3, -1)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + self.out(mixed.squeeze(1))
        return self.head(self.last(h))


def dense():
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def by_decay(module, rate):
    """The usual recipe: no decay of vectors."""
    matrices = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], rate
    )


def by_rates(module, _):
    """A slower body and a faster head, under cosines that end above 0."""
    return torch.optim.SGD(
        [{"params": module[0].parameters(), "lr": 0.02}, {"params": module[2].parameters()}],
        0.1, momentum=0.9, weight_decay=0.01,
    )  # fmt: skip


class Adapted(nn.Module):
    """A frozen network with trained narrow matrices beside its first layer."""

    def __init__(self):
        super().__init__()
        self.base = dense().requires_grad_(False)
        self.down = nn.Parameter(0.3 * torch.randn(2, 6))
        self.up = nn.Parameter(0.3 * torch.randn(8, 2))

    def forward(self, x):
        h = self.base[0](x) + x @ self.down.T @ self.up.T
        return self.base[2](torch.tanh(h))


@dataclass(frozen=True)
class Loop:
    """What a person wrote.

    Attributes:
        agreement: how closely a removal comes out, of the largest change: Float32 carries a bit of
            rounding on from step to step, and a kink makes more of it.
    """

    module: Callable[[], nn.Module]
    data: Callable[[int], tuple[torch.Tensor, torch.Tensor]]
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer]
    rate: float = 0.1
    steps: int = 40
    parts: int = 1
    clip: float | None = None
    schedule: Callable[[torch.optim.Optimizer], object] | None = None
    double: bool = False
    agreement: float = 2e-3
    columns: str = "credit"
    options: dict = field(default_factory=dict)


def sgd(module, rate):
    return torch.optim.SGD(module.parameters(), rate)


def adam(module, rate):
    return torch.optim.Adam(module.parameters(), rate)


def cosine(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40, eta_min=0.01)


LOOPS = {
    "convolutional network, SGD": Loop(convolutional, pictures, sgd),
    "convolutional network, Adam": Loop(convolutional, pictures, adam, 3e-3, agreement=2e-2),
    "residual network, momentum and a cosine": Loop(
        Residual, pictures, lambda m, r: torch.optim.SGD(m.parameters(), r, momentum=0.9), 0.02,
        schedule=cosine, agreement=5e-3),
    "transformer with a tied head, AdamW with groups": Loop(Language, texts, by_decay, 3e-3,
        agreement=5e-3),
    "accumulated in three parts": Loop(dense, vectors, sgd, parts=3),
    "clipped": Loop(dense, vectors, adam, 0.02, clip=0.2, agreement=5e-3),
    "rates and cosines of groups": Loop(dense, vectors, by_rates, schedule=cosine),
    "adapters": Loop(Adapted, vectors, lambda m, r: torch.optim.AdamW(
        [p for p in m.parameters() if p.requires_grad], r), 0.01, agreement=5e-3),
    "float64": Loop(dense, vectors, adam, 0.02, double=True, agreement=1e-9),
    "five hundred steps": Loop(dense, vectors, adam, 5e-3, steps=500, agreement=2e-2),
}  # fmt: skip


def loop_of(loop, folder, without=()):
    """The loop as it is written; without some items their losses count as 0. Query losses at the
    start and at the end."""
    torch.manual_seed(11)
    module = loop.module().eval()
    x, y = loop.data(ITEMS)
    qx, qy = loop.data(QUERIES)
    if loop.double:
        module, x, qx = module.double(), x.double(), qx.double()
    weights = torch.ones(ITEMS, dtype=torch.float64 if loop.double else torch.float32)
    weights[list(without)] = 0
    optimizer = loop.optimizer(module, loop.rate)
    schedule = loop.schedule and loop.schedule(optimizer)
    recorder = folder and Recorder(
        folder, module, optimizer, (x, y), (qx, qy), clip_norm=loop.clip, **loop.options
    )
    generator = torch.Generator().manual_seed(5)
    for _ in range(loop.steps):
        rows = torch.randperm(ITEMS, generator=generator)[:BATCH]
        optimizer.zero_grad()
        total = 0.0
        for part in rows.chunk(loop.parts):
            loss = item_loss(module(x[part]), y[part]) @ weights[part] / BATCH
            loss.backward()
            total += loss.item()
        if loop.clip is not None:
            nn.utils.clip_grad_norm_(module.parameters(), loop.clip)
        optimizer.step()
        if schedule:
            schedule.step()
        if recorder:
            recorder.step(rows, total)
    if recorder:
        recorder.finish()
    return item_loss(module(qx), qy).detach().numpy()


def item_loss(outputs, y):
    if outputs.ndim == 3:
        losses = cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none")
        return losses.reshape(y.shape).mean(1)
    return cross_entropy(outputs, y, reduction="none")


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_accounted_for_and_its_removals_are_those_of_pytorch(name, tmp_path, command):
    loop = LOOPS[name]
    end = loop_of(loop, tmp_path / "run")
    text = run("ledger", tmp_path / "run", "--query", f"test:0..<{QUERIES}", "--columns",
               loop.columns, "--json", executable=command)  # fmt: skip
    for account, loss in zip(read_accounts(text), end):
        assert account["credit"]["balances"]
        assert abs(account["measureFinal"] - loss) < 1e-5 * max(1, loss)
    run("score", tmp_path / "run", "--query", "test:0", "--method", "tracin", executable=command)
    text = run("retrain", tmp_path / "run", "--without", ",".join(map(str, REMOVED)), "--query",
               f"test:0..<{QUERIES}", "--columns", "credit", "--json",
               executable=command)  # fmt: skip
    replay, *others = lines(text)
    assert replay["kind"] == "replay" and not replay["isExact"], "two programs round otherwise"
    actual = np.array([line["actual"] for line in others if line["kind"] == "receipt"])
    expected = loop_of(loop, None, without=REMOVED) - end
    assert np.abs(expected).max() > 1e-4, "the removal has to do something"
    np.testing.assert_allclose(
        actual, expected, rtol=0, atol=loop.agreement * np.abs(expected).max()
    )


# What a record cannot say is refused while it can still be mended


def recorded(folder, change, *, steps=3, module=None, **options):
    """A short loop whose loss, inputs or steps are other than the record says."""
    torch.manual_seed(1)
    module, (x, y) = (module or dense)(), vectors(ITEMS)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with Recorder(folder, module, optimizer, (x, y), **options) as recorder:
        for step in range(steps):
            rows = torch.arange(BATCH) + step
            optimizer.zero_grad()
            change(module, x[rows], y[rows]).backward()
            optimizer.step()
            recorder.step(rows)


CHANGES = {
    "class weights": (lambda m, x, y: cross_entropy(m(x), y, torch.tensor([1.0, 2, 3])),
                      "class weights"),
    "label smoothing": (lambda m, x, y: cross_entropy(m(x), y, label_smoothing=0.1),
                        "label smoothing"),
    "augmentation": (lambda m, x, y: batch_loss(m(x + 0.1 * torch.randn_like(x)), y), "augmented"),
    "a sum": (lambda m, x, y: cross_entropy(m(x), y, reduction="sum"), "a sum over the items"),
    "half of it": (lambda m, x, y: 0.5 * batch_loss(m(x), y), "0.5 times that of batch_loss"),
    "mixed precision": (lambda m, x, y: batch_loss(
        torch.autocast("cpu", torch.bfloat16)(m)(x).float(), y), "mixed precision"),
    "a penalty": (lambda m, x, y: batch_loss(m(x), y) + 0.1 * m[0].weight.square().sum(),
                  "another loss"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_another_loss_is_noticed_at_its_first_step(name, tmp_path):
    change, words = CHANGES[name]
    with pytest.raises(PalimpsestError, match=f"step 0: .*{words}"):
        recorded(tmp_path / "run", change)
    assert not (tmp_path / "run" / "run.json").exists()


def test_the_plain_loss_is_taken(tmp_path):
    recorded(tmp_path / "run", lambda m, x, y: cross_entropy(m(x), y), steps=20)
    assert (tmp_path / "run" / "run.json").exists()


def test_clipping_that_is_not_told_is_noticed(tmp_path):
    torch.manual_seed(1)
    module, (x, y) = dense(), vectors(ITEMS)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.raises(PalimpsestError, match="give clip_norm to the recorder"):
        with Recorder(tmp_path / "run", module, optimizer, (x, y)) as recorder:
            batch_loss(module(x), y).backward()
            nn.utils.clip_grad_norm_(module.parameters(), 0.1)
            optimizer.step()
            recorder.step(range(ITEMS))


def test_a_closure_a_divergence_and_a_second_recorder(tmp_path):
    module, (x, y) = dense(), vectors(ITEMS)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(PalimpsestError):
        Recorder(tmp_path / "full", module, optimizer, (x, y))
    module.load_state_dict(dense().state_dict())
    recorder = Recorder(tmp_path / "run", module, optimizer, (x, y))
    batch_loss(module(x[:BATCH]), y[:BATCH]).backward()
    optimizer.step()  # Nothing of the recorder that failed is in the way.
    recorder.step(range(BATCH))
    with pytest.raises(PalimpsestError, match="call backward before"):
        optimizer.step(lambda: batch_loss(module(x[:BATCH]), y[:BATCH]))
    with torch.no_grad():
        next(module.parameters()).fill_(float("nan"))
    with pytest.raises(PalimpsestError, match="diverged"):
        optimizer.step()
    recorder.close()


def test_buffers_that_the_file_would_round_are_refused(tmp_path):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = dense()
            self.register_buffer("mean", torch.tensor(0.1307))

        def forward(self, x):
            return self.layer(x - self.mean)

    module, (x, y) = Scaled().double(), vectors(ITEMS)
    Recorder(tmp_path / "a", module, torch.optim.SGD(module.parameters(), 0.1), (x.double(), y)).close()
    module.mean.fill_(0.1307)
    with pytest.raises(PalimpsestError, match="mean: a buffer of float64"):
        Recorder(tmp_path / "b", module, torch.optim.SGD(module.parameters(), 0.1), (x.double(), y))


def test_averaged_weights_are_noticed(tmp_path):
    torch.manual_seed(1)
    module, (x, y) = dense(), vectors(ITEMS)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.raises(PalimpsestError, match=r"have changed since the step before.*\(EMA\)"):
        with Recorder(tmp_path / "run", module, optimizer, (x, y)) as recorder:
            for _ in range(2):
                optimizer.zero_grad()
                batch_loss(module(x), y).backward()
                optimizer.step()
                recorder.step(range(ITEMS))
                for parameter in module.parameters():
                    parameter.data.mul_(0.99)


def test_a_frozen_parameter_that_moves_is_noticed(tmp_path):
    torch.manual_seed(1)
    module, (x, y) = dense(), vectors(ITEMS)
    first = torch.optim.SGD(module[0].parameters(), 0.1)
    second = torch.optim.SGD(module[2].parameters(), 0.1)
    with pytest.raises(PalimpsestError, match="2.weight has changed"):
        with Recorder(tmp_path / "run", module, first, (x, y)) as recorder:
            batch_loss(module(x), y).backward()
            first.step()
            second.step()
            recorder.step(range(ITEMS))


def test_a_batch_of_items_is_answered_with_what_to_do(tmp_path):
    torch.manual_seed(1)
    module, (x, y) = dense(), vectors(ITEMS)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.raises(PalimpsestError, match=r"DataLoader\(range\(len\(x\)\)"):
        with Recorder(tmp_path / "run", module, optimizer, (x, y)) as recorder:
            batch_loss(module(x), y).backward()
            optimizer.step()
            recorder.step((x, y))


def test_checkpoints_come_every_ten_steps_and_are_thinned_where_they_are_many(
    tmp_path, monkeypatch
):
    def steps_of(folder):
        recorded(folder, lambda m, x, y: batch_loss(m(x), y), steps=36)
        return json.loads((folder / "run.json").read_text())["checkpoints"]

    assert steps_of(tmp_path / "all") == [0, 10, 20, 30, 36]
    monkeypatch.setattr("palimpsest.pytorch.recorder.MOST_BYTES", 1400)
    with pytest.warns(UserWarning, match="one every 20 steps"):
        found = steps_of(tmp_path / "few")
    assert found == [0, 20, 36]
    names = sorted(path.stem for path in (tmp_path / "few" / "checkpoints").glob("*.safetensors"))
    assert names == [f"{step:08}" for step in found]


def test_frozen_parameters_of_a_built_in_model_are_told(tmp_path, command):
    torch.manual_seed(1)
    module, (x, y) = dense(), vectors(ITEMS)
    module[0].requires_grad_(False)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    with Recorder(tmp_path / "run", module, optimizer, (x, y), (x, y), model="mlp:6-8-3:tanh"
                  ) as recorder:  # fmt: skip
        for _ in range(12):
            optimizer.zero_grad()
            loss = batch_loss(module(x), y)
            loss.backward()
            optimizer.step()
            recorder.step(range(ITEMS), loss)
    written = json.loads((tmp_path / "run" / "run.json").read_text())
    assert written["modelSettings"] == {"constants": ["0.weight", "0.bias"]}
    text = run("ledger", tmp_path / "run", "--query", "test:0", "--columns", "credit", "--json",
               executable=command)  # fmt: skip
    assert read_accounts(text)[0]["credit"]["balances"]


def test_patterns_say_what_a_record_does_not(tmp_path, command):
    """A record of another program, whose optimizer left the first layer alone."""
    torch.manual_seed(1)
    module, (x, y) = dense(), vectors(ITEMS)
    optimizer = torch.optim.SGD(module[2].parameters(), 0.2)
    with Recorder(tmp_path / "run", module, optimizer, (x, y), (x, y), model="mlp:6-8-3:tanh"
                  ) as recorder:  # fmt: skip
        for _ in range(12):
            optimizer.zero_grad()
            batch_loss(module(x), y).backward()
            optimizer.step()
            recorder.step(range(ITEMS))
    path = tmp_path / "run" / "run.json"
    written = json.loads(path.read_text())
    del written["modelSettings"]
    path.write_text(json.dumps(written))
    sums = tmp_path / "run" / "checkpoints" / "SHA256SUMS"
    sums.write_text("".join(line + "\n" for line in sums.read_text().splitlines()
                            if not line.endswith("../run.json")))  # fmt: skip
    account = ("ledger", tmp_path / "run", "--query", "test:0", "--columns", "credit", "--json")
    with pytest.raises(PalimpsestError, match="the run took other steps than the record tells"):
        run(*account, executable=command)
    text = run(*account, "--constant", "0.*", executable=command)
    assert read_accounts(text)[0]["credit"]["balances"]
