"""A run record from a loop of PyTorch, and from any other."""

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from palimpsest import Dataset, Optimizer, PalimpsestError, RunWriter, read_accounts, run
from palimpsest.pytorch import Recorder, batch_loss

SPECIFICATION = "mlp:6-5-3:tanh"


def make_module():
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def make_data(count):
    x = torch.randn(count, 6)
    return x, x[:, :3].argmax(1)


def train(folder, make_optimizer, steps=7, model=SPECIFICATION, schedule=None, **options):
    """A short run with a short batch in it."""
    module, (x, y) = make_module(), make_data(20)
    optimizer = make_optimizer(module.parameters())
    scheduler = schedule and schedule(optimizer)
    with Recorder(
        folder, module, optimizer, (x, y), make_data(4), model=model, **options
    ) as record:
        for step in range(steps):
            rows = torch.randperm(20)[: 3 if step == 2 else 5]
            loss = batch_loss(module(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
            record.step(rows, loss)
    return module


def manifest(folder):
    return json.loads((folder / "run.json").read_text())


def test_what_a_record_holds(tmp_path):
    folder = tmp_path / "run"
    module = train(
        folder, lambda p: torch.optim.SGD(p, 0.2, momentum=0.9, weight_decay=0.01),
        schedule=lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5), checkpoint_every=3, seed=4,
        ids=[f"item {k}" for k in range(20)],
    )  # fmt: skip
    run_json = manifest(folder)
    assert run_json["format"] == "palimpsest-run" and run_json["version"] == 1
    assert run_json["model"] == SPECIFICATION and run_json["precision"] == "float32"
    assert run_json["optimizer"] == {
        "name": "momentum",
        "momentum": 0.9,
        "weightDecay": {"rate": 0.01, "kind": "coupled"},
    }
    # The rate of each step is the one that it was made with, not the one set after it.
    assert run_json["steps"] == [0.2] * 3 + [0.1] * 3 + [0.05]
    assert run_json["checkpoints"] == [0, 3, 6, 7] and run_json["seed"] == 4
    batches = np.load(folder / "batches.npy")
    assert batches.shape == (7, 5) and (batches[2, 3:] == -1).all() and (batches >= 0).sum() == 33

    last = load_file(folder / "checkpoints" / "00000007.safetensors")
    assert last["optimizer/momentum"].shape == (6 * 5 + 5 + 5 * 3 + 3,)
    for name, value in module.state_dict().items():
        np.testing.assert_array_equal(last[name], value.numpy())
    for part in ("train", "test"):
        for key in ("x", "y"):
            entry = run_json["datasets"][part][key]
            content = (folder / entry["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
            assert list(np.load(folder / entry["path"]).shape) == entry["shape"]
    assert run_json["datasets"]["train"]["ids"][19] == "item 19"
    batches_file = (folder / "batches.npy").read_bytes()
    assert run_json["batchesSHA256"] == hashlib.sha256(batches_file).hexdigest()
    lines = (folder / "checkpoints" / "SHA256SUMS").read_text().splitlines()
    names = [line.split("  ")[1] for line in lines]
    assert names[:2] == ["../run.json", "../log.jsonl"] and len(names) == 6
    for line in lines:
        digest, name = line.split("  ")
        content = (folder / "checkpoints" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(7)) and log[0]["loss"] > 0
    assert not list(folder.rglob(".*")), "a temporary file was left"


class Backwards(nn.Module):
    """The model of the SPEC, with its last layer made first."""

    def __init__(self):
        super().__init__()
        self.add_module("2", nn.Linear(5, 3))
        self.add_module("0", nn.Linear(6, 5))

    def forward(self, x):
        first, last = self.get_submodule("0"), self.get_submodule("2")
        return last(torch.tanh(first(x)))


def test_the_optimizers_state_is_in_the_order_of_the_model(tmp_path):
    module, (x, y) = Backwards(), make_data(8)
    optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    with Recorder(tmp_path / "run", module, optimizer, (x, y), model=SPECIFICATION) as record:
        loss = batch_loss(module(x), y)
        loss.backward()
        optimizer.step()
        record.step(range(8), loss)
    last = load_file(tmp_path / "run" / "checkpoints" / "00000001.safetensors")
    # After one step the momentum is the gradient.
    order = ["0.weight", "0.bias", "2.weight", "2.bias"]
    slopes = [module.get_parameter(name).grad.flatten() for name in order]
    np.testing.assert_array_equal(last["optimizer/momentum"], torch.cat(slopes).numpy())


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.2),
    "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, 0.1, momentum=0.8, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, 0.02, eps=1e-4, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, 0.02, betas=(0.8, 0.95), eps=1e-4),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_command_takes_the_record_and_accounts_for_it(name, tmp_path, command):
    """The steps replayed from the record end where PyTorch ended, and the account adds up."""
    folder = tmp_path / "run"
    train(folder, OPTIMIZERS[name], checkpoint_every=2)
    assert manifest(folder)["optimizer"]["name"] == name
    text = run("ledger", folder, "--query", "test:0-3", "--columns", "credit", "--json",
               executable=command)  # fmt: skip
    for account in read_accounts(text):
        assert account["credit"]["balances"]
        rows = sum(account["credit"][key] for key in ("itemsSum", "decay", "residual"))
        assert abs(rows - account["total"]) < 1e-5


def test_the_account_of_an_exported_module_adds_up(tmp_path, command):
    train(tmp_path / "run", OPTIMIZERS["momentum"], model=None, checkpoint_every=2)
    text = run("ledger", tmp_path / "run", "--query", "test:0-3", "--columns", "credit", "--json",
               executable=command)  # fmt: skip
    assert all(account["credit"]["balances"] for account in read_accounts(text))


def test_a_module_that_is_not_built_in_is_exported(tmp_path):
    train(tmp_path / "run", OPTIMIZERS["sgd"], model=None)
    assert manifest(tmp_path / "run")["model"] == "model.onnx"
    content = (tmp_path / "run" / "model.onnx").read_bytes()
    assert manifest(tmp_path / "run")["modelSHA256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: torch.optim.Adam(p, amsgrad=True), "amsgrad=True: a record cannot say that"),
        (lambda p: torch.optim.RMSprop(p), "RMSprop: no rule of the records"),
        (lambda p: torch.optim.SGD([
            {"params": (p := list(p))[:2], "momentum": 0.5}, {"params": p[2:]}], 0.1),
         "groups differ in momentum"),
        (lambda p: torch.optim.SGD([nn.Parameter(torch.ones(3)), *p], 0.1),
         "the optimizer steps parameters that the module does not have"),
    ],
)  # fmt: skip
def test_what_a_record_cannot_say_is_refused(make, words, tmp_path):
    with pytest.raises(PalimpsestError) as caught:
        train(tmp_path / "run", make)
    assert words in str(caught.value)


def test_a_step_that_is_not_recorded_is_noticed(tmp_path):
    module, (x, y) = make_module(), make_data(20)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.raises(PalimpsestError, match="has made 2 steps"):
        with Recorder(tmp_path / "run", module, optimizer, (x, y)) as record:
            for _ in range(2):
                batch_loss(module(x), y).backward()
                optimizer.step()
            record.step(range(20))
    assert not (tmp_path / "run" / "run.json").exists(), "half a run is no run"


def test_constants_that_change_are_noticed(tmp_path):
    module, (x, y) = make_module(), make_data(20)
    optimizer = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    with pytest.raises(PalimpsestError, match="constants have changed"):
        with Recorder(tmp_path / "run", module, optimizer, (x, y)) as record:
            batch_loss(module(x), y).backward()
            optimizer.step()
            optimizer.param_groups[0]["momentum"] = 0.5
            record.step(range(20))


def test_training_mode_is_noticed_in_the_loop(tmp_path):
    module = nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5)).eval()
    x, y = make_data(20)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.raises(PalimpsestError, match="drops at random"):
        with Recorder(tmp_path / "run", module, optimizer, (x, y)) as record:
            module.train()
            batch_loss(module(x), y).backward()
            optimizer.step()
            record.step(range(20))


# Any framework


def parameters_of(module):
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def writer_of(folder, **options):
    x, y = make_data(9)
    data = Dataset(x.numpy(), y.numpy())
    return RunWriter(folder, SPECIFICATION, Optimizer("sgd"), data, **options)


def test_two_writers_do_not_share_a_folder(tmp_path):
    with writer_of(tmp_path / "run"), pytest.raises(PalimpsestError, match="not empty"):
        writer_of(tmp_path / "run")


def test_parameters_have_to_be_those_of_the_model(tmp_path):
    parameters = parameters_of(make_module())
    with writer_of(tmp_path / "run") as writer:
        with pytest.raises(PalimpsestError, match="before the first step are missing"):
            writer.step([0], 0.1)
        with pytest.raises(PalimpsestError, match=r"0.weight: found \(6, 5\), expected \(5, 6\)"):
            writer.checkpoint(parameters | {"0.weight": parameters["0.weight"].T})
        with pytest.raises(PalimpsestError, match="not finite"):
            writer.checkpoint(parameters | {"0.bias": np.full(5, np.nan, np.float32)})
        writer.checkpoint(parameters)
        with pytest.raises(PalimpsestError, match="outside 0 to 8"):
            writer.step([9], 0.1)
        with pytest.raises(PalimpsestError, match="diverged"):
            writer.step([8], 0.1, np.nan)
        for rate in (float("nan"), -0.1, np.inf, None):
            with pytest.raises(PalimpsestError, match="step 0: found the learning rate"):
                writer.step([8], rate)
        for rows in ([0.5], [True, False], []):
            with pytest.raises(PalimpsestError, match="a batch is a list of rows"):
                writer.step(rows, 0.1)
        assert writer.steps == 0, "nothing of a refused step is kept"
        writer.step([8], 0.1, 1.0)
        with pytest.raises(PalimpsestError, match="after the last step are missing"):
            writer.finish()
        writer.finish(parameters)


def test_names_of_items_are_texts():
    x, y = np.zeros((2, 6), np.float32), np.zeros(2, np.int64)
    with pytest.raises(PalimpsestError, match="ids: found 7 at row 1, expected a text"):
        Dataset(x, y, ids=["a", 7])
    with pytest.raises(PalimpsestError, match="groups: found None at row 0, expected a text"):
        Dataset(x, y, groups=[None, "b"])
    with pytest.raises(PalimpsestError, match="ids: found one text"):
        Dataset(x, y, ids="ab")


def test_double_precision_is_kept(tmp_path):
    parameters = {name: value.astype(np.float64) for name, value in
                  parameters_of(make_module()).items()}  # fmt: skip
    writer_of(tmp_path / "run").finish(parameters)
    assert manifest(tmp_path / "run")["precision"] == "float64"
