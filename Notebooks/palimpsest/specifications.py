"""The parameters of the built-in models: their names and shapes, read off a SPEC.

    mlp:64-32-10:tanh
    cnn:1x28x28:16c3-p2-32c3-p2-10:relu    (p: maximum, a: mean; 16c3s2p1: a stride and padding)
    transformer:vocabulary=96,context=128,width=128,heads=4,layers=2[,tied]

The names are those of `torch.nn.Sequential` for the first two, activations counted as layers.
"""

import re
from dataclasses import dataclass

from palimpsest.errors import PalimpsestError

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Layer:
    """A convolution or a linear layer of a `mlp:` or `cnn:` model.

    Attributes:
        name: its place in the sequence, `"3"`.
        weight: the shape of its weight, `[O, I]` or `[O, C, K, K]`.
        image: for the linear layer after the convolutions, the shape `(C, H, W)` that it flattens.
    """

    name: str
    weight: tuple[int, ...]
    image: tuple[int, int, int] | None = None


def parameter_shapes(specification: str) -> Shapes:
    """The shape of each parameter, in their order.

    Raises:
        PalimpsestError: where the text is no SPEC of a built-in model.
    """
    if specification.startswith("transformer:"):
        return _transformer(specification)
    shapes: Shapes = {}
    for layer in layers(specification):
        shapes[f"{layer.name}.weight"] = layer.weight
        shapes[f"{layer.name}.bias"] = (layer.weight[0],)
    return shapes


def layers(specification: str) -> list[Layer]:
    """The layers with parameters of an `mlp:` or `cnn:` model, in their order."""
    kind, *parts = specification.split(":")
    try:
        if kind == "mlp" and 1 <= len(parts) <= 2:
            widths = [_extent(text) for text in parts[0].split("-")]
            pairs = zip(widths, widths[1:])
            found = [Layer(str(2 * k), (outputs, inputs)) for k, (inputs, outputs) in
                     enumerate(pairs)]  # fmt: skip
        elif kind == "cnn" and 2 <= len(parts) <= 3:
            found = _convolutional(parts[0], parts[1])
        else:
            raise ValueError
    except ValueError:
        found = []
    if not found:
        raise PalimpsestError(
            f'"{specification}": expected a SPEC such as mlp:64-32-10:tanh, '
            "cnn:1x28x28:16c3-p2-32c3-p2-10:relu or "
            "transformer:vocabulary=96,context=128,width=128,heads=4,layers=2"
        )
    return found


def _extent(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise ValueError(text)
    return int(text)


def _convolutional(image: str, stages: str) -> list[Layer]:
    channels, height, width = map(_extent, image.split("x"))
    found: list[Layer] = []
    flat: int | None = None  # The width of what the last linear layer gave.
    place = 0
    texts = stages.split("-")
    for text in texts:
        convolution = re.fullmatch(r"(\d+)c(\d+)(?:s(\d+))?(?:p(\d+))?", text)
        pool = re.fullmatch(r"[pa](\d+)", text)
        if convolution and flat is None:
            outputs, size, stride = (_extent(part or "1") for part in convolution.groups()[:3])
            padding = int(convolution.group(4) or 0)
            found.append(Layer(str(place), (outputs, channels, size, size)))
            channels = outputs
            height, width = ((n + 2 * padding - size) // stride + 1 for n in (height, width))
            place += 2
        elif pool and flat is None:
            size = _extent(pool.group(1))
            height, width = height // size, width // size
            place += 1
        else:
            outputs = _extent(text)
            if flat is None:
                place += 1  # The flattening.
                found.append(
                    Layer(str(place), (outputs, channels * height * width),
                          (channels, height, width)))  # fmt: skip
            else:
                found.append(Layer(str(place), (outputs, flat)))
            flat = outputs
            place += 2
        if min(height, width) < 1:
            raise ValueError(stages)
    if flat is None:
        raise ValueError(stages)
    return found


def _transformer(specification: str) -> Shapes:
    names = ("vocabulary", "context", "width", "heads", "layers")
    _, _, text = specification.partition(":")
    options = text.split(",")
    tied = options[-1] == "tied"
    found = dict(option.split("=", 1) for option in options[: -1 if tied else None]
                 if "=" in option)  # fmt: skip
    try:
        if len(found) != len(options) - tied or set(found) != set(names):
            raise ValueError
        vocabulary, context, width, heads, depth = (_extent(found[name]) for name in names)
    except ValueError:
        raise PalimpsestError(
            f'"{specification}": expected transformer:'
            'vocabulary=96,context=128,width=128,heads=4,layers=2, with ",tied" where the head '
            "is the embedding"
        ) from None
    if width % heads:
        raise PalimpsestError(
            f'"{specification}": expected a width that is a multiple of the heads'
        )
    shapes: Shapes = {"wte.weight": (vocabulary, width), "wpe.weight": (context, width)}

    def normalisation(name: str) -> None:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (width,)

    def linear(name: str, outputs: int, inputs: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs), (outputs,)

    for block in range(depth):
        normalisation(f"blocks.{block}.ln1")
        linear(f"blocks.{block}.attn.qkv", 3 * width, width)
        linear(f"blocks.{block}.attn.proj", width, width)
        normalisation(f"blocks.{block}.ln2")
        linear(f"blocks.{block}.fc1", 4 * width, width)
        linear(f"blocks.{block}.fc2", width, 4 * width)
    normalisation("lnf")
    if not tied:
        shapes["head.weight"] = (vocabulary, width)
    return shapes
