"""Parameter trees of Flax compute the same under the names of the built-in models."""

import foreign_models as models
import numpy as np
import pytest
import torch
from torch import nn as torch_nn

from palimpsest import Dataset, Optimizer, PalimpsestError, RunWriter, read_accounts, run
from palimpsest.specifications import parameter_shapes
from palimpsest.trees import channels_first, from_flax

flax = pytest.importorskip("flax.linen")
jax = pytest.importorskip("jax")
jnp = jax.numpy


class MLP(flax.Module):
    @flax.compact
    def __call__(self, x):
        x = jnp.tanh(flax.Dense(5)(x))
        return flax.Dense(3)(x)


class CNN(flax.Module):
    @flax.compact
    def __call__(self, x):
        for width in (4, 6):
            x = flax.relu(flax.Conv(width, (3, 3), padding="VALID")(x))
            x = flax.max_pool(x, (2, 2), (2, 2))
        return flax.Dense(5)(x.reshape(len(x), -1))


class Attention(flax.Module):
    @flax.compact
    def __call__(self, x):
        batch, positions, width = x.shape
        parts = jnp.split(flax.Dense(3 * width, name="qkv")(x), 3, -1)
        q, k, v = (p.reshape(batch, positions, 2, -1).transpose(0, 2, 1, 3) for p in parts)
        scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(width // 2)
        scores = jnp.where(jnp.tril(jnp.ones((positions, positions))) > 0, scores, -jnp.inf)
        mixed = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        return flax.Dense(width, name="proj")(mixed)


class Block(flax.Module):
    @flax.compact
    def __call__(self, x):
        x = x + Attention(name="attn")(flax.LayerNorm(epsilon=1e-5, name="ln1")(x))
        h = flax.Dense(4 * x.shape[-1], name="fc1")(flax.LayerNorm(epsilon=1e-5, name="ln2")(x))
        return x + flax.Dense(x.shape[-1], name="fc2")(flax.gelu(h, approximate=False))


class Transformer(flax.Module):
    tied: bool = False

    @flax.compact
    def __call__(self, tokens):
        wte = flax.Embed(11, 8, name="wte")
        x = wte(tokens) + flax.Embed(6, 8, name="wpe")(jnp.arange(tokens.shape[1]))
        for block in range(2):
            x = Block(name=f"blocks_{block}")(x)
        x = flax.LayerNorm(epsilon=1e-5, name="lnf")(x)
        return wte.attend(x) if self.tied else flax.Dense(11, use_bias=False, name="head")(x)


TRANSFORMER = "transformer:vocabulary=11,context=6,width=8,heads=2,layers=2"
PAIRS = {
    "mlp:6-5-3:tanh": (
        MLP, lambda: torch_nn.Sequential(torch_nn.Linear(6, 5), torch_nn.Tanh(),
                                         torch_nn.Linear(5, 3)), (4, 6)),
    "cnn:1x14x14:4c3-p2-6c3-p2-5:relu": (CNN, models.convolutional, (4, 14, 14, 1)),
    TRANSFORMER: (Transformer, models.Transformer, None),
    TRANSFORMER + ",tied": (
        lambda: Transformer(tied=True), lambda: models.Transformer(tied=True), None),
}  # fmt: skip


@pytest.mark.parametrize("specification", PAIRS)
def test_a_tree_computes_the_same_as_the_module_of_its_names(specification):
    make_flax, make_torch, shape = PAIRS[specification]
    generator = np.random.default_rng(3)
    if shape is None:
        x = generator.integers(0, 11, (4, 6))
    else:
        x = generator.normal(size=shape).astype(np.float32)
    model = make_flax()
    variables = model.init(jax.random.key(1), x)
    # Biases start as zeros, which would hide a mistake.
    variables = jax.tree.map(lambda v: v + 0.1 * generator.normal(size=v.shape), variables)
    parameters = from_flax(specification, variables)
    module = make_torch()
    assert list(parameters) == [name for name, _ in module.named_parameters()]
    state = {name: torch.tensor(np.array(value)) for name, value in parameters.items()}
    module.load_state_dict(state, strict=not specification.endswith("tied"))
    images = channels_first(x) if x.ndim == 4 else x
    with torch.no_grad():
        found = module(torch.tensor(images)).numpy()
    np.testing.assert_allclose(found, model.apply(variables, x), atol=2e-5)


def test_layers_in_another_order_and_names_of_their_own():
    generator = np.random.default_rng(4)
    tree = {"out": {"kernel": generator.normal(size=(5, 3)), "bias": np.zeros(3)},
            "hidden": {"kernel": generator.normal(size=(6, 5)), "bias": np.zeros(5)}}  # fmt: skip
    parameters = from_flax("mlp:6-5-3:tanh", tree, order=["hidden", "out"])
    np.testing.assert_array_equal(parameters["0.weight"], tree["hidden"]["kernel"].T)
    with pytest.raises(PalimpsestError, match=r"0.weight: found \(3, 5\), expected \(5, 6\)"):
        from_flax("mlp:6-5-3:tanh", tree, order=["out", "hidden"])
    with pytest.raises(PalimpsestError, match="found 2 layers"):
        from_flax("mlp:6-5-4-3:tanh", tree)


def test_specifications_name_what_pytorch_names():
    for specification, (_, make, _) in PAIRS.items():
        expected = {name: tuple(value.shape) for name, value in make().named_parameters()}
        assert parameter_shapes(specification) == expected
    shapes = parameter_shapes("cnn:3x9x9:4c3s2p1-a2-7-2")
    assert shapes["0.weight"] == (4, 3, 3, 3)  # To 5x5, and by the pool to 2x2.
    assert shapes["4.weight"] == (7, 4 * 2 * 2) and shapes["6.weight"] == (2, 7)


@pytest.mark.parametrize(
    "text",
    [
        "mlp:6",
        "mlp:6-0-3",
        "mlp:6-²-3:tanh",
        "cnn:1x4x4:2c5-3",
        "cnn:1x4x4:2c3",
        "transformer:width=3",
        "transformer:vocabulary=11,context=6,width=8,heads=2,layers=-1",
        "transformer:vocabulary=11,context=6,width=8,heads=3,layers=2",
        "rnn:1",
    ],
)
def test_a_text_that_is_no_specification(text):
    with pytest.raises(PalimpsestError, match="expected"):
        parameter_shapes(text)


def test_a_run_of_jax_is_taken_and_accounted_for(tmp_path, command):
    generator = np.random.default_rng(5)
    x = generator.normal(size=(20, 6)).astype(np.float32)
    y = x[:, :3].argmax(1)
    model, specification = MLP(), "mlp:6-5-3:tanh"
    parameters = model.init(jax.random.key(1), x)

    def loss(parameters, rows):
        logits = jax.nn.log_softmax(model.apply(parameters, x[rows]))
        return -logits[jnp.arange(len(rows)), y[rows]].mean()

    with RunWriter(
        tmp_path / "run", specification, Optimizer("sgd"), Dataset(x, y), Dataset(x[:4], y[:4])
    ) as writer:
        writer.checkpoint(from_flax(specification, parameters))
        for _ in range(6):
            rows = generator.permutation(20)[:5]
            value, slopes = jax.value_and_grad(loss)(parameters, rows)
            parameters = jax.tree.map(lambda p, g: p - 0.2 * g, parameters, slopes)
            writer.step(rows, 0.2, value)
        writer.finish(from_flax(specification, parameters))
    text = run("ledger", tmp_path / "run", "--query", "test:0-3", "--columns", "credit", "--json",
               executable=command)  # fmt: skip
    assert all(account["credit"]["balances"] for account in read_accounts(text))
