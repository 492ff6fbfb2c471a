"""The files of a score command."""

import foreign_models as models
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from palimpsest import PalimpsestError, read_report, read_scores
from palimpsest.pytorch import item_losses, write_score_files


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def write(folder, module, x, y, **options):
    return write_score_files(folder, module, [(state_of(module), 0.1)], (x, y), (x[:2], y[:2]),
                             **options)  # fmt: skip


def test_files_and_command_line(tmp_path):
    module = models.ResidualNetwork().eval()
    first = state_of(module)
    with torch.no_grad():
        module.stem.bias += 1
        module.bn.running_mean += 0.5
    x, y = torch.randn(6, 3, 6, 6), torch.randint(0, 4, (6,))
    files = write_score_files(
        tmp_path / "files", module, [(first, 0.1), state_of(module)], (x, y), (x[:2], y[:2])
    )
    one, two = (load_file(files.folder / f"checkpoint-{k}.safetensors") for k in (1, 2))
    assert list(one) == list(two) and "bn.running_mean" in one
    assert not any("num_batches_tracked" in name for name in one)
    np.testing.assert_array_equal(two["stem.bias"], one["stem.bias"] + 1)
    np.testing.assert_array_equal(np.load(files.folder / "train-x.npy"), x.numpy())
    assert np.load(files.folder / "query-y.npy").dtype == np.int64
    line = files.command_line("--method", "tracin", "--top", 3)
    assert line.startswith("palimpsest score --model ")
    assert "checkpoint-1.safetensors:0.1 --checkpoint" in line
    assert line.endswith("--loss cross-entropy --method tracin --top 3")


def test_tied_parameters_are_written_once_and_must_agree(tmp_path):
    module = models.Transformer(tied=True)
    x, y = torch.randint(0, 11, (4, 6)), torch.randint(0, 11, (4, 6))
    files = write(tmp_path / "files", module, x, y)
    arrays = load_file(files.folder / "checkpoint-1.safetensors")
    assert set(arrays) == {name for name, _ in module.named_parameters()}
    state = state_of(module)
    state["head.weight"] += 1
    with pytest.raises(PalimpsestError, match=r"head.weight differs from wte.weight"):
        write_score_files(tmp_path / "other", module, [state], (x, y), (x, y))


def test_several_inputs_stand_one_after_the_other(tmp_path):
    image, vector = torch.randn(4, 2, 3), torch.randn(4, 3)
    y = torch.tensor([0, 1, 2, 0])
    data = ((image, vector), y)
    module = models.TwoInputs()
    files = write_score_files(tmp_path / "files", module, [state_of(module)], data, data)
    expected = np.concatenate([image.reshape(4, 6).numpy(), vector.numpy()], 1)
    np.testing.assert_array_equal(np.load(files.folder / "train-x.npy"), expected)


def test_bytes_are_tokens_and_not_pixels(tmp_path):
    module = models.Transformer()
    x = torch.randint(0, 11, (4, 6), dtype=torch.uint8).to(torch.int32)
    files = write(tmp_path / "files", module, x, torch.randint(0, 11, (4, 6)))
    assert np.load(files.folder / "train-x.npy").dtype == np.int64


def test_a_constant_buffer_must_not_change_between_checkpoints(tmp_path):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)
            self.register_buffer("scale", torch.ones(3))

        def forward(self, x):
            return self.linear(x * self.scale)

    module = Scaled()
    state = state_of(module)
    state["scale"] *= 2
    x, y = torch.randn(4, 3), torch.tensor([0, 1, 1, 0])
    with pytest.raises(PalimpsestError, match="scale: this buffer is a constant"):
        write_score_files(tmp_path / "files", module, [state], (x, y), (x, y))


def test_labels_that_are_not_whole_and_folders_that_are_not_empty(tmp_path):
    module, x = models.SharedLayer(), torch.randn(4, 5)
    with pytest.raises(PalimpsestError, match="expected whole numbers"):
        write(tmp_path / "a", module, x, torch.zeros(4))
    write(tmp_path / "a", module, x, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(PalimpsestError, match="the folder is not empty"):
        write(tmp_path / "a", module, x, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(PalimpsestError, match='"hinge": no such loss'):
        write(tmp_path / "b", module, x, torch.zeros(4), loss="hinge")


def test_a_rate_is_a_number_of_python_whatever_it_came_as(tmp_path):
    module, x, y = models.SharedLayer(), torch.randn(4, 5), torch.tensor([0, 1, 2, 3])
    rates = [np.float64(0.1), np.float32(0.5), torch.tensor(0.25), 0]
    states = [(state_of(module), rate) for rate in rates]
    files = write_score_files(tmp_path / "files", module, states, (x, y), (x, y))
    given = [text.rpartition(":")[2] for text in files.arguments if ".safetensors:" in text]
    assert given == ["0.1", "0.5", "0.25", "0.0"]


def test_what_will_not_do_leaves_nothing_behind(tmp_path):
    module, x, y = models.SharedLayer(), torch.randn(4, 5), torch.tensor([0, 1, 2, 3])
    state = state_of(module)
    name, value = next(iter(state.items()))
    good, folder = ([(state, 0.1)], (x, y), (x, y)), tmp_path / "files"
    for place, bad, words in [
        (0, [(state, 0.1), (state, -0.1)], "checkpoint 2: found the learning rate -0.1"),
        (0, [(state, float("nan"))], "checkpoint 1: found the learning rate nan"),
        (0, [(state, None)], "checkpoint 1: found the learning rate None"),
        (0, [state | {name: value[:1]}], f"{name}: found"),
        (2, (x, y[:3]), "queries: 4 inputs and 3 targets"),
        (2, (x[:0], y[:0]), "without items"),
        (1, (x.where(x < 0, torch.inf), y), "not finite"),
    ]:
        arguments = list(good)
        arguments[place] = bad
        with pytest.raises(PalimpsestError) as caught:
            write_score_files(folder, module, *arguments)
        assert words in str(caught.value)
        assert not folder.exists()
    write_score_files(folder, module, *good)


def gradient_products(module, states, x, y, queries):
    """TracIn by one backward pass for each item."""
    total = 0
    for state, rate in states:
        module.load_state_dict(state)
        rows = []
        for i in range(len(x)):
            value = item_losses(module(x[i : i + 1]), y[i : i + 1]).sum()
            slopes = torch.autograd.grad(value, list(module.parameters()))
            rows.append(torch.cat([slope.flatten() for slope in slopes]))
        gradients = torch.stack(rows)
        total = total + rate * gradients[:queries] @ gradients.T
    return total.numpy()


@pytest.mark.parametrize("name", ["shared", "convolutional", "residual", "transformer-tied"])
def test_the_command_scores_the_module_as_pytorch_does(name, tmp_path, command):
    module, x, y = {
        "shared": lambda: (models.SharedLayer(), torch.randn(6, 5), torch.randint(0, 4, (6,))),
        "convolutional": lambda: (
            models.convolutional(), torch.randn(6, 1, 14, 14), torch.randint(0, 5, (6,))),
        "residual": lambda: (
            models.ResidualNetwork().eval(), torch.randn(6, 3, 6, 6), torch.randint(0, 4, (6,))),
        "transformer-tied": lambda: (
            models.Transformer(tied=True), torch.randint(0, 11, (6, 6)),
            torch.randint(0, 11, (6, 6))),
    }[name]()  # fmt: skip
    states = [(state_of(module), 0.5)]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.05 * torch.randn(parameter.shape)
    states.append((state_of(module), 0.25))
    files = write_score_files(tmp_path / "files", module, states, (x, y), (x[:2], y[:2]))
    text = files.score(
        "--method", "tracin", "--scores", tmp_path / "s.npy", "--json", executable=command
    )
    expected = gradient_products(module, states, x, y, queries=2)
    found = read_scores(tmp_path / "s.npy")
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    report = read_report(text)
    assert report.header["method"] == "tracin"
    np.testing.assert_array_equal(report.top()[:, 0], expected.argmax(1))


def by_gradients(module, x, y, losses, names):
    """The inner products of the items' gradients by some parameters."""
    chosen = [p for n, p in module.named_parameters() if n in names]
    rows = [
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(losses(module(x[i : i + 1]), y[i : i + 1]).sum(), chosen)])
        for i in range(len(x))
    ]  # fmt: skip
    g = torch.stack(rows)
    return (0.1 * g[:2] @ g.T).numpy()


@pytest.mark.parametrize("options, names", [
    ({"constants": ["0.*"]}, ["2.weight", "2.bias"]),
    ({"parameters": ["0.weight"]}, ["0.weight"]),
])  # fmt: skip
def test_frozen_parameters(tmp_path, command, options, names):
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    files = write(tmp_path / "files", module, x, y, **options)
    files.score("--scores", tmp_path / "s.npy", executable=command)
    expected = by_gradients(module, x, y, item_losses, names)
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(PalimpsestError, match="no parameter"):
        write(tmp_path / "other", module, x, y, constants=["head.*"])


def test_one_logit(tmp_path, command):
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
    x, y = torch.randn(6, 4), torch.randint(0, 2, (6, 1))
    files = write(tmp_path / "files", module, x, y, loss="binary-cross-entropy")
    files.score("--scores", tmp_path / "s.npy", executable=command)
    names = [name for name, _ in module.named_parameters()]
    expected = by_gradients(
        module, x, y, lambda o, t: item_losses(o, t, "binary-cross-entropy"), names
    )
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), expected, rtol=1e-4, atol=1e-6)


class Stopped(nn.Module):
    """A row of padding and a stop of the gradient."""

    def __init__(self):
        super().__init__()
        self.embed, self.a = nn.Embedding(7, 4, padding_idx=0), nn.Linear(4, 3)
        nn.init.normal_(self.embed.weight)

    def forward(self, x):
        h = self.embed(x).mean(1)
        return self.a(h * torch.sigmoid(h).detach())


def test_where_the_gradient_stops(tmp_path, command):
    module = Stopped().eval()
    x, y = torch.randint(0, 3, (6, 5)), torch.randint(0, 3, (6,))
    files = write(tmp_path / "files", module, x, y)
    files.score("--scores", tmp_path / "s.npy", executable=command)
    names = [name for name, _ in module.named_parameters()]
    expected = by_gradients(module, x, y, item_losses, names)
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), expected, rtol=1e-4, atol=1e-6)


LOSSES_OF_PYTORCH = [
    (nn.CrossEntropyLoss(), "cross-entropy"),
    (nn.functional.cross_entropy, "cross-entropy"),
    (nn.BCEWithLogitsLoss(), "binary-cross-entropy"),
    (nn.functional.mse_loss, "squared-error"),
]


@pytest.mark.parametrize(("loss", "name"), LOSSES_OF_PYTORCH)
def test_pytorchs_own_losses_are_known_by_what_they_are(loss, name, tmp_path):
    module, x = models.SharedLayer(), torch.randn(4, 5)
    y = torch.tensor([0, 1, 2, 3]) if name == "cross-entropy" else torch.rand(module(x).shape)
    assert write(tmp_path / "files", module, x, y, loss=loss).arguments[-1] == name


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (nn.CrossEntropyLoss(weight=torch.ones(5)), "CrossEntropyLoss with weight"),
        (nn.CrossEntropyLoss(label_smoothing=0.1), "CrossEntropyLoss with label_smoothing"),
        (nn.CrossEntropyLoss(ignore_index=0), "CrossEntropyLoss with ignore_index"),
        (nn.BCEWithLogitsLoss(pos_weight=torch.ones(5)), "BCEWithLogitsLoss with pos_weight"),
        (nn.functional.smooth_l1_loss, "smooth_l1_loss: a loss of this kind is not known"),
        (nn.HuberLoss(), "HuberLoss: a loss of this kind is not known"),
        (lambda z, y: z.sum(), "there are cross-entropy, binary-cross-entropy, squared-error"),
        ("bce", '"bce": no such loss'),
    ],
)
def test_another_loss_is_refused_with_what_to_do(loss, words, tmp_path):
    module, x, y = models.SharedLayer(), torch.randn(4, 5), torch.tensor([0, 1, 2, 3])
    with pytest.raises(PalimpsestError) as caught:
        write(tmp_path / "files", module, x, y, loss=loss)
    assert words in str(caught.value) and "0x" not in str(caught.value)
    assert not (tmp_path / "files").exists()


def test_what_people_give_is_answered_with_what_to_give(tmp_path):
    module, x, y = models.SharedLayer(), torch.randn(4, 5), torch.tensor([0, 1, 2, 3])
    state, data = state_of(module), torch.utils.data.TensorDataset(x, y)
    own = module.state_dict()
    for checkpoints, train, words in [
        (["e1.pt"], (x, y), "checkpoint 1: found str, expected a state dict: torch.load"),
        ([(own, 0.1), (own, 0.1)], (x, y), "checkpoint 2 is the same memory as one before it"),
        ([state], data, "train: found TensorDataset, expected inputs and targets (x, y)"),
        ([state], ({"input_ids": x}, y), "train: found dict and Tensor, expected tensors"),
    ]:
        with pytest.raises(PalimpsestError) as caught:
            write_score_files(tmp_path / "files", module, checkpoints, train, (x, y))
        assert words in str(caught.value)
    with pytest.raises(PalimpsestError, match="head.*: no parameter has such a name"):
        write_score_files(tmp_path / "files", module, [state], (x, y), (x, y), constants=["head.*"])
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod."])
def test_what_wrappers_put_before_names_is_taken_off(prefix, tmp_path):
    module, x, y = models.SharedLayer(), torch.randn(4, 5), torch.tensor([0, 1, 2, 3])
    state = {prefix + name: value for name, value in state_of(module).items()}
    files = write_score_files(tmp_path / "files", module, [state], (x, y), (x, y))
    assert set(load_file(files.folder / "checkpoint-1.safetensors")) == set(state_of(module))
