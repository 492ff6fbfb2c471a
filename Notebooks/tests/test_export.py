"""A module becomes a graph that keeps its parameters, or is refused in plain words."""

import json
import sys

import foreign_models as models
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from palimpsest import PalimpsestError, run
from palimpsest.pytorch import export_onnx, onnx_bytes, write_score_files


def tokens(vocabulary, positions):
    return torch.randint(1, vocabulary, (5, positions))


MODULES = {
    "convolutional": (models.convolutional, lambda: torch.randn(5, 1, 14, 14)),
    "residual": (models.ResidualNetwork, lambda: torch.randn(5, 3, 6, 6)),
    "transformer": (models.Transformer, lambda: tokens(11, 6)),
    "encoder": (models.Encoder, lambda: tokens(9, 7)),
    "gated": (models.GatedNetwork, lambda: tokens(10, 5)),
    "shared": (models.SharedLayer, lambda: torch.randn(5, 5)),
}


def initializers(content):
    return {
        array.name: numpy_helper.to_array(array)
        for array in onnx.load_from_string(content).graph.initializer
    }


@pytest.mark.parametrize("name", MODULES)
def test_every_parameter_keeps_its_name_its_value_and_its_place(name):
    make, inputs = MODULES[name]
    module = make().eval()
    arrays = initializers(onnx_bytes(module, inputs()))
    parameters = dict(module.named_parameters())
    assert [n for n in arrays if n in parameters] == list(parameters)
    for key, value in parameters.items():
        np.testing.assert_array_equal(arrays[key], value.detach().numpy())
    statistics = {n for n, _ in module.named_buffers() if "running" in n}
    others = {n for n, array in arrays.items() if array.dtype == np.float32} - parameters.keys()
    assert others == statistics


def test_a_tied_matrix_is_there_once_under_its_first_name():
    arrays = initializers(onnx_bytes(models.Transformer(tied=True), tokens(11, 6)))
    assert "wte.weight" in arrays and "head.weight" not in arrays


def test_constants_of_the_code_are_no_parameters():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)
            self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0]))

        def forward(self, x):
            return self.linear(x * self.scale + torch.tensor([0.5, 0.25, 0.0]))

    arrays = initializers(onnx_bytes(Scaled(), torch.randn(4, 3)))
    assert set(arrays) == {"linear.weight", "linear.bias"}


def test_several_inputs_keep_their_order(tmp_path):
    export_onnx(models.TwoInputs(), (torch.randn(5, 2, 3), torch.randn(5, 3)), tmp_path / "m.onnx")
    inputs = onnx.load(tmp_path / "m.onnx").graph.input
    shapes = [[d.dim_value for d in value.type.tensor_type.shape.dim] for value in inputs]
    assert shapes == [[1, 2, 3], [1, 3]]


def test_a_file_tells_nothing_of_the_machine():
    content = onnx_bytes(models.convolutional(), torch.randn(5, 1, 14, 14))
    assert b".py" not in content and b"site-packages" not in content


def test_the_module_is_left_as_it_was():
    module = models.SharedLayer().double()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    onnx_bytes(module, torch.randn(5, 5).double())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.ResidualNetwork().train(), "bn (BatchNorm2d) is in training mode"),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.2)).train(), "1 (Dropout) drops"),
        (lambda: nn.BatchNorm1d(3, track_running_stats=False).eval(), "normalises by the batch"),
        (lambda: nn.Sequential(nn.Linear(3, 3)).requires_grad_(False), "every parameter is frozen"),
        (lambda: nn.Embedding(4, 3, max_norm=1.0), "shortens its rows"),
        (lambda: nn.Embedding(4, 3, scale_grad_by_freq=True), "divides gradients by how often"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_plain_words(make, words):
    with pytest.raises(PalimpsestError) as caught:
        onnx_bytes(make(), torch.randn(5, 3, 6, 6))
    assert words in str(caught.value)


def test_a_module_that_gives_no_tensor_is_refused():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x):
            return {"logits": self.linear(x)}

    with pytest.raises(PalimpsestError, match="gives dict, expected one tensor"):
        onnx_bytes(Named(), torch.randn(4, 3))


class Applies(nn.Module):
    """A linear layer and something after it."""

    def __init__(self, after):
        super().__init__()
        self.linear, self.after = nn.Linear(3, 2), after

    def forward(self, x):
        return self.after(self.linear(x))


@pytest.mark.parametrize(
    ("make", "count", "words"),
    [
        (lambda: nn.Linear(3, 2), 0, "found inputs without items"),
        (nn.Tanh, 4, "the module has no parameters"),
        (lambda: Applies(lambda z: z.argmax(-1)), 4, "gives numbers of type torch.int64"),
        (lambda: Applies(torch.Tensor.detach), 4, "no gradient by any parameter"),
        (lambda: nn.Linear(4, 2), 4, "the module fails on the first item: RuntimeError"),
    ],
)
def test_what_has_no_scores_is_refused_in_one_line(make, count, words):
    with pytest.raises(PalimpsestError) as caught:
        onnx_bytes(make(), torch.randn(count, 3))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_graph_that_computes_something_else_is_refused():
    class Remembers(nn.Module):
        """Its output depends on how often it was called."""

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return self.linear(x) + self.calls

    with pytest.raises(PalimpsestError, match="other outputs than the module"):
        onnx_bytes(Remembers(), torch.randn(4, 3))


def test_a_path_that_depends_on_the_data_is_refused():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x):
            return self.linear(x) if x.sum() > 0 else self.linear(-x)

    with pytest.raises(PalimpsestError, match="PyTorch cannot export the module"):
        onnx_bytes(Branches(), torch.randn(4, 3))


def test_without_onnxruntime_the_reference_of_onnx_checks(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert initializers(onnx_bytes(models.SharedLayer(), torch.randn(5, 5)))


# What a module means: its gradients


class TwoLayers(nn.Module):
    """Two linear layers, and something between them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.b(self.between(x))

    def between(self, x):
        return torch.tanh(self.a(x))


class NoGrad(TwoLayers):
    def between(self, x):
        with torch.no_grad():
            return torch.tanh(self.a(x))


class PartlyNoGrad(TwoLayers):
    def between(self, x):
        with torch.no_grad():
            fixed = torch.tanh(self.a(x))
        return fixed + self.a(x)


class Detached(TwoLayers):
    def between(self, x):
        return torch.tanh(self.a(x)).detach() + self.a(x)


class StraightThrough(TwoLayers):
    def between(self, x):
        h = 3 * self.a(x)
        return h + (torch.round(h) - h).detach()


class Rounding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, slope):
        return slope


class OwnFunction(TwoLayers):
    def between(self, x):
        return Rounding.apply(3 * self.a(x))


class Hooked(TwoLayers):
    def between(self, x):
        h = torch.tanh(self.a(x))
        if h.requires_grad:
            h.register_hook(lambda slope: 2 * slope)
        return h


class Padded(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.h = nn.Embedding(9, 5, padding_idx=0), nn.Linear(5, 2)
        with torch.no_grad():
            self.e.weight[0] = 1.0

    def forward(self, t):
        return self.h(self.e(t).mean(1))


def frozen_first_layer():
    module = TwoLayers()
    module.a.requires_grad_(False)
    return module


def adapters():
    """A frozen layer with a trained product of two narrow matrices beside it."""

    class Adapted(TwoLayers):
        def __init__(self):
            super().__init__()
            self.requires_grad_(False)
            self.down = nn.Parameter(torch.randn(1, 3))
            self.up = nn.Parameter(torch.randn(4, 1))

        def between(self, x):
            return torch.tanh(self.a(x) + x @ self.down.T @ self.up.T)

    return Adapted()


MEANINGS = {
    "no_grad": NoGrad, "detach": Detached, "straight-through": StraightThrough, "padding": Padded,
    "frozen": frozen_first_layer, "adapters": adapters,
}  # fmt: skip


@pytest.mark.parametrize("name", MEANINGS)
def test_the_command_takes_the_gradients_that_autograd_gives(name, tmp_path, command):
    """Squared norms of per-item gradients, by what PyTorch trains."""
    module = MEANINGS[name]().eval()
    x = torch.randint(0, 9, (5, 6)) if name == "padding" else torch.randn(5, 3)
    y = torch.tensor([0, 1, 1, 0, 1])
    parameters = [p for p in module.parameters() if p.requires_grad]
    expected = []
    for item in range(5):
        loss = nn.functional.cross_entropy(module(x[item : item + 1]), y[item : item + 1])
        slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
        expected.append(sum(float(s.square().sum()) for s in slopes if s is not None))
    state = {key: value.clone() for key, value in module.state_dict().items()}
    files = write_score_files(tmp_path / "files", module, [state], (x, y), (x, y))
    text = run("self-influence", *arguments_of_items(files), "--json", executable=command)
    values = {row["item"]: row["value"] for row in map(json.loads, text.splitlines())}
    np.testing.assert_allclose([values[item] for item in range(5)], expected, rtol=2e-5)


def arguments_of_items(files):
    """The arguments without the queries."""
    arguments = list(files.arguments)
    for option in ("--query-x", "--query-y"):
        place = arguments.index(option)
        del arguments[place : place + 2]
    return arguments


@pytest.mark.parametrize("make", [PartlyNoGrad, OwnFunction, Hooked])
def test_a_gradient_that_the_export_loses_is_refused_before_anything_is_written(make, tmp_path):
    module = make().eval()
    x, y = torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
    with pytest.raises(PalimpsestError, match="a.weight: the exported graph gives another gradient"):
        write_score_files(tmp_path / "files", module, [module.state_dict()], (x, y), (x, y))
    assert not (tmp_path / "files").exists()


def test_a_buffer_may_be_called_like_an_operation():
    class Normalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
            self.add = nn.Parameter(torch.ones(4))
            self.c, self.f = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return self.f(torch.relu(self.c(x - self.mean)).mean((2, 3)) + self.add)

    arrays = initializers(onnx_bytes(Normalised().eval(), torch.rand(2, 3, 8, 8)))
    assert set(arrays) == {"add", "c.weight", "c.bias", "f.weight", "f.bias"}


def test_a_block_under_no_grad_in_a_file_of_the_exporter_has_to_be_named(tmp_path, command):
    """As the README exports: the file tells that there was a block, and not of which kind."""
    module = NoGrad().eval()
    x, y = torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
    path = tmp_path / "model.onnx"
    torch.onnx.export(module, (x[:1],), path, dynamo=True, optimize=False, external_data=False,
                      verbose=False)  # fmt: skip
    for name, array in {"x": x, "y": y}.items():
        np.save(tmp_path / f"{name}.npy", array.numpy())
    arguments = ("self-influence", "--model", path, "--train-x", tmp_path / "x.npy", "--train-y",
                 tmp_path / "y.npy", "--json")  # fmt: skip
    with pytest.raises(PalimpsestError, match="under no_grad or in another precision.*a.weight"):
        run(*arguments, executable=command)
    text = run(*arguments, "--constant", "a.*", executable=command)
    values = {row["item"]: row["value"] for row in map(json.loads, text.splitlines())}
    for item in range(5):
        loss = nn.functional.cross_entropy(module(x[item : item + 1]), y[item : item + 1])
        slopes = torch.autograd.grad(loss, list(module.b.parameters()))
        assert values[item] == pytest.approx(sum(float(s.square().sum()) for s in slopes), rel=2e-5)
