"""The convolutional network and the transformer as PyTorch modules, and scores from gradients."""

import math

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from network_arrays import BLOCKS, HEADS, POSITIONS, VOCABULARY, WIDTH, NetworkArrays


class Attention(nn.Module):
    def __init__(self, positions, width, heads, fused):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.register_buffer(
            "past", torch.ones(positions, positions, dtype=torch.bool).tril(), persistent=False
        )

    def forward(self, x):
        width = x.shape[2]
        shape = (*x.shape[:2], self.heads, width // self.heads)
        q, k, v = (part.view(shape).transpose(1, 2) for part in self.qkv(x).split(width, 2))
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(2, 3) / math.sqrt(shape[3])
            mixed = scores.masked_fill(~self.past, -math.inf).softmax(3) @ v
        return self.proj(mixed.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, positions, width, heads, fused):
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attn = Attention(positions, width, heads, fused)
        self.ln2 = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x))))


class Transformer(nn.Module):
    """The built-in transformer; with `fused` attention where no gradient of each item is asked for."""

    def __init__(
        self, vocabulary=VOCABULARY, positions=POSITIONS, width=WIDTH, heads=HEADS, blocks=BLOCKS,
        fused=False,
    ):  # fmt: skip
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(positions, width)
        self.blocks = nn.ModuleList(Block(positions, width, heads, fused) for _ in range(blocks))
        self.lnf = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        # Each item has its own copy of the positions: some peers count gradients by batch rows.
        places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        x = self.wte(tokens) + self.wpe(places)
        for block in self.blocks:
            x = block(x)
        return self.head(self.lnf(x))


def make_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 10),
    )  # fmt: skip


MODULES = {"cnn": make_cnn, "transformer": Transformer}
CHUNKS = {"cnn": 256, "transformer": 32}  # Items whose gradients are formed at once.


def item_losses(logits, y):
    """Cross-entropy of each item, the mean over its positions `[B]`."""
    losses = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1), reduction="none")
    return losses.view(len(y), -1).mean(1)


class Problem:
    """A network with its data as tensors."""

    def __init__(self, arrays, name, items=None):
        self.name = name
        self.arrays = NetworkArrays(arrays.folder, name)
        self.module = MODULES[name]()
        self.module.load_state_dict(load_file(self.arrays.checkpoint))
        self.x = torch.from_numpy(self.arrays.x[:items])
        self.y = torch.from_numpy(self.arrays.y[:items])
        self.query = torch.from_numpy(self.arrays.x_query), torch.from_numpy(self.arrays.y_query)
        self.parameter_count = sum(p.numel() for p in self.module.parameters())

    def scores(self, gradients, chunk):
        """A run: gradients of the queries, then of a chunk of items at a time, and products.

        `gradients(x, y)` gives the flat gradient of each item's loss `[B, P]`.
        """
        out = torch.empty(len(self.x), len(self.query[0]))

        def run():
            query_gradients = gradients(*self.query).t().contiguous()
            for start in range(0, len(self.x), chunk):
                rows = slice(start, start + chunk)
                with torch.no_grad():
                    torch.mm(gradients(self.x[rows], self.y[rows]), query_gradients, out=out[rows])
            return out.t()

        return run

    def batch_gradients(self):
        """A run: the flat gradient of the mean loss of each batch `[K, P]`."""
        batches, parameters = self.arrays.batches(), list(self.module.parameters())
        out = torch.empty(len(batches), self.parameter_count)

        def run():
            for row, rows in zip(out, batches):
                with torch.enable_grad():
                    loss = item_losses(self.module(self.x[rows]), self.y[rows]).mean()
                    slopes = torch.autograd.grad(loss, parameters)
                torch.cat([slope.flatten() for slope in slopes], out=row)
            return out

        return run
