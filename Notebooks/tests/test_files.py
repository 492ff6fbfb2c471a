"""The line that the command gives for a pickle converts every common form of one."""

import pickle
import re
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn


def state() -> dict:
    return nn.Linear(4, 3).state_dict()


def torch_forms() -> dict:
    """What people save, and the arrays that are meant."""
    one, module, shared = state(), nn.Linear(4, 3), nn.Parameter(torch.rand(3, 4))
    x, y = torch.rand(6, 4), torch.arange(6)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.rand(2, 4)).sum().backward()
    optimizer.step()
    step = {"step": torch.tensor(3.0), "loss": torch.tensor(0.5)}
    data = {"x": x, "y": y}
    return {
        "state.pt": (one, one),
        "wrapped.pt": ({"model": one, "epoch": 3, "optimizer": optimizer.state_dict()} | step, one),
        "lightning.ckpt": (
            {"state_dict": one, "hyper_parameters": types.SimpleNamespace(lr=0.1), "epoch": 3}, one),
        "module.pth": (module, module.state_dict()),
        "module-inside.pt": ({"model": module, "optimizer": optimizer}, module.state_dict()),
        "turned.pt": ({"w": torch.rand(3, 4).T}, None),
        "tied.pt": ({"a.weight": shared, "b.weight": shared}, None),
        "slices.pt": ({"a": x[:3], "b": x[3:]}, None),
        "tensor.pt": (x, {"x": x}),
        "pair.pt": ((x, y), data),
        "data.pt": (data, data),
        "set.pt": (torch.utils.data.TensorDataset(x, y), data),
        "numpy.pt": ({"w": x.numpy(), "names": ["a", "b"]}, {"w": x}),
    }


def advice(command: str, path) -> str:
    outcome = subprocess.run([command, "inspect", path.name], cwd=path.parent, capture_output=True)
    errors = outcome.stderr.decode()
    assert outcome.returncode == 65 and errors.count("\n") == 1
    return re.search(r'python -c "(.*)"', errors)[1], "if you trust who made it" in errors


def follow(command: str, path) -> bool:
    line, warns = advice(command, path)
    outcome = subprocess.run([sys.executable, "-c", line], cwd=path.parent, capture_output=True)
    assert outcome.returncode == 0, outcome.stderr.decode()
    return warns


@pytest.mark.parametrize("name", torch_forms())
@pytest.mark.parametrize("is_archive", [True, False])
def test_torch_files(command, tmp_path, name, is_archive):
    saved, meant = torch_forms()[name]
    path = tmp_path / name
    torch.save(saved, path, _use_new_zipfile_serialization=is_archive)
    warns = follow(command, path)
    found = load_file(f"{path}.safetensors")
    original = torch.load(path, weights_only=False)
    if meant is None:
        meant = {key: value.detach() for key, value in original.items()}
    assert found.keys() == meant.keys()
    for key, value in meant.items():
        assert found[key].shape == value.shape
    if isinstance(original, dict) and original.keys() == found.keys():
        assert all(torch.equal(found[key], torch.as_tensor(value)) for key, value in original.items())
    # The warning stands where `weights_only=True` would refuse.
    try:
        torch.load(path, weights_only=True)
    except pickle.UnpicklingError:
        assert warns
    inspected = subprocess.run([command, "inspect", f"{path}.safetensors"], capture_output=True)
    assert inspected.returncode == 0


def array_forms() -> dict:
    x, y = np.random.default_rng(0).random((6, 4)), np.arange(6)
    both = {"x": x, "y": y}
    return {
        "array.pkl": (x, {"x": x}),
        "pair.pickle": ((x, y), both),
        "data.pkl": (both, both),
        "cifar.pkl": ({"data": x, "labels": list(y), "filenames": ["a"] * 6}, {"data": x, "labels": y}),
        "lists.pkl": ({"x": x.tolist(), "y": y.tolist()}, both),
    }


@pytest.mark.parametrize("name", array_forms())
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickled_arrays(command, tmp_path, name, protocol):
    saved, meant = array_forms()[name]
    path = tmp_path / name
    path.write_bytes(pickle.dumps(saved, protocol=protocol))
    assert not follow(command, path)
    with np.load(f"{path}.npz") as found:
        assert all(np.array_equal(found[key], value) for key, value in meant.items())


def test_pickled_torch(command, tmp_path):
    """A state that `pickle.dump` wrote is PyTorch's as well."""
    for name, saved in [("state.pkl", state()), ("module.pkl", nn.Linear(4, 3))]:
        path = tmp_path / name
        path.write_bytes(pickle.dumps(saved, protocol=4))
        follow(command, path)
        assert load_file(f"{path}.safetensors").keys() == state().keys()


def test_what_a_pickle_would_run_is_not_called_harmless(command, tmp_path):
    class Call:
        def __reduce__(self):
            return print, ("ran",)

    for protocol in (2, 3, 4, 5):
        path = tmp_path / "call.pkl"
        path.write_bytes(pickle.dumps(Call(), protocol=protocol))
        assert advice(command, path)[1]
