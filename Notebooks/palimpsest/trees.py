"""Parameter trees of Flax under the names and in the layout of the built-in models.

    parameters = from_flax("mlp:64-32-10:tanh", variables["params"])

A Flax kernel is `[I, O]` or `[K, K, C, O]`, a weight here `[O, I]` or `[O, C, K, K]`. Flax puts
channels last, so the linear layer after the convolutions has its inputs in another order too; give
the images to the command by `channels_first`. What a tree does not tell has to agree: the
activation, the padding (`"VALID"` where the SPEC has none), and for the transformer the exact GELU
(`nn.gelu(x, approximate=False)`) and an epsilon of 1e-5 in `nn.LayerNorm`.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from palimpsest.errors import PalimpsestError
from palimpsest.specifications import Layer, layers, parameter_shapes

Tree = Mapping[str, "Tree | np.ndarray"]


def from_flax(
    specification: str, tree: Tree, order: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The parameters of a built-in model from a tree of Flax.

    Args:
        specification: `mlp:…`, `cnn:…` or `transformer:…`.
        tree: nested mappings of arrays; a `params` at the top is taken off.
        order: for `mlp:` and `cnn:`, the paths of the layers (`"Dense_0"`, `"head/Dense_0"`), first
            layer first. Without it convolutions come before linear layers, and each kind in the
            order of its names, which Flax counts as the layers are made: in
            `Dense(5)(Dense(5)(x))` the last one is `Dense_0`, and `order` has to say so.
        names: for `transformer:`, the module here by the path in the tree
            (`{"Embed_0": "wte", "Block_0/Dense_2": "blocks.0.fc1"}`). A path without an entry is
            its own name, with `blocks_0` for `blocks.0`.

    Raises:
        PalimpsestError: naming the parameter that is missing, too many, or of another shape.
    """
    modules = _modules(tree)
    if specification.startswith("transformer:"):
        parameters = _named(modules, names or {})
    else:
        parameters = _sequential(modules, layers(specification), order)
    expected = parameter_shapes(specification)
    for name in {**expected, **parameters}:
        shape = parameters[name].shape if name in parameters else None
        if shape != expected.get(name):
            raise PalimpsestError(
                f"{name}: found {shape or 'nothing'}, expected "
                f"{expected.get(name, 'no such parameter')} for {specification}"
            )
    return {name: parameters[name] for name in expected}


def channels_first(images: object) -> np.ndarray:
    """Images `[N, H, W, C]` as `[N, C, H, W]`."""
    return np.ascontiguousarray(np.moveaxis(np.asarray(images), -1, 1))


def _modules(tree: Tree) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each module, by its path with slashes."""
    if set(tree) == {"params"}:
        tree = tree["params"]  # type: ignore[assignment]
    found: dict[str, dict[str, np.ndarray]] = {}

    def walk(path: str, branch: Tree) -> None:
        for key, value in branch.items():
            if isinstance(value, Mapping):
                walk(f"{path}/{key}" if path else str(key), value)
            else:
                found.setdefault(path, {})[str(key)] = np.asarray(value)

    walk("", tree)
    return found


def _natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts Dense_2 before Dense_10."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _kernel(modules: dict[str, dict[str, np.ndarray]], path: str) -> np.ndarray:
    try:
        return modules[path]["kernel"]
    except KeyError:
        raise PalimpsestError(f"{path}: expected a layer with a kernel in the tree; there are "
                              f"{', '.join(sorted(modules))}") from None  # fmt: skip


def _sequential(
    modules: dict[str, dict[str, np.ndarray]], expected: list[Layer], order: Sequence[str] | None
) -> dict[str, np.ndarray]:
    paths = order
    if paths is None:
        paths = sorted(modules, key=lambda path: (-_kernel(modules, path).ndim, _natural(path)))
    if len(paths) != len(expected):
        raise PalimpsestError(f"found {len(paths)} layers ({', '.join(paths)}), expected "
                              f"{len(expected)}")  # fmt: skip
    parameters = {}
    for layer, path in zip(expected, paths):
        kernel = _kernel(modules, path)
        if layer.image is not None and kernel.size == np.prod(layer.weight):
            channels, height, width = layer.image
            outputs = kernel.shape[-1]
            kernel = kernel.reshape(height, width, channels, outputs)
            kernel = kernel.transpose(2, 0, 1, 3).reshape(-1, outputs)
        parameters[f"{layer.name}.weight"] = _weight(kernel)
        if "bias" not in modules[path]:
            raise PalimpsestError(f"{path}: expected a bias; the built-in models have one")
        parameters[f"{layer.name}.bias"] = modules[path]["bias"]
    return parameters


def _weight(kernel: np.ndarray) -> np.ndarray:
    """Outputs first, then channels, then the window."""
    return np.ascontiguousarray(np.moveaxis(kernel, (-1, -2), (0, 1)))


def _named(
    modules: dict[str, dict[str, np.ndarray]], names: Mapping[str, str]
) -> dict[str, np.ndarray]:
    parameters = {}
    for path, arrays in modules.items():
        own = re.sub(r"_(\d+)(?=\.|$)", r".\1", path.replace("/", "."))
        name = names.get(path, own)
        for key, array in arrays.items():
            if key == "bias":
                parameters[f"{name}.bias"] = array
            elif key in ("kernel", "scale", "embedding"):
                parameters[f"{name}.weight"] = _weight(array) if key == "kernel" else array
            else:
                raise PalimpsestError(f"{path}/{key}: expected kernel, bias, scale or embedding")
    return parameters
