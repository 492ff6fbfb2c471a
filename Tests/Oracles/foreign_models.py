"""Small PyTorch models of the kinds that people bring along. See generate_models.py."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def convolutional() -> nn.Sequential:
    """The built-in `cnn:1x14x14:4c3-p2-6c3-p2-5:relu`."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(24, 5),
    )  # fmt: skip


def grouped() -> nn.Sequential:
    """Convolutions with groups, strides, padding and dilation, one of them depthwise."""
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.Tanh(),
        nn.Conv2d(6, 6, 3, padding=2, dilation=2), nn.SiLU(),
        nn.Conv2d(6, 12, (3, 1), padding=(1, 0), groups=6, bias=False), nn.Sigmoid(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48, 4),
    )  # fmt: skip


class WaveNetwork(nn.Module):
    """Convolutions of one axis: a stride, a dilation, and a transposed one. Logits [B, O, T]."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv1d(2, 5, 4, stride=2, padding=1)
        self.wide = nn.Conv1d(5, 5, 3, padding=2, dilation=2)
        self.up = nn.ConvTranspose1d(5, 3, 4, stride=2, padding=1)

    def forward(self, x):
        h = F.elu(self.down(x))
        h = h + F.leaky_relu(self.wide(h), 0.1)
        return self.up(h).amax(2)


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x):
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + self.shortcut(x))


class ResidualNetwork(nn.Module):
    """Batch normalisation in evaluation mode, a shortcut, and the mean over the image."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.block = ResidualBlock(4, 6, stride=2)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        h = F.relu(self.bn(self.stem(x)))
        h = F.adaptive_avg_pool2d(self.block(h), 1)
        return self.head(h.flatten(1))


class CausalAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, positions, width = x.shape
        q, k, v = (
            part.view(batch, positions, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(width, dim=2)
        )
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        past = torch.ones(positions, positions, dtype=torch.bool, device=x.device).tril()
        mixed = scores.masked_fill(~past, -math.inf).softmax(3) @ v
        return self.proj(mixed.transpose(1, 2).reshape(batch, positions, width))


class TransformerBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attn = CausalAttention(width, heads)
        self.ln2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x))))


class Transformer(nn.Module):
    """The built-in `transformer:vocabulary=V,context=K,width=D,heads=H,layers=L[,tied]`."""

    def __init__(self, vocabulary=11, context=6, width=8, heads=2, layers=2, tied=False):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(layers))
        self.lnf = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.lnf(x))


class Encoder(nn.Module):
    """PyTorch's own encoder, positions first. Token 0 is padding: nobody looks at it."""

    def __init__(self, vocabulary=9, positions=7, width=8):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.zeros(positions, 1, width))
        layer = nn.TransformerEncoderLayer(width, 2, dim_feedforward=12, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    def forward(self, tokens):
        padding = tokens == 0
        x = self.embedding(tokens).transpose(0, 1) + self.position
        x = self.encoder(x, src_key_padding_mask=padding).transpose(0, 1)
        kept = (~padding).to(x.dtype)[:, :, None]
        return self.head((x * kept).sum(1) / kept.sum(1))


def normalised() -> nn.Sequential:
    """Layer normalisation between linear layers, once without its own parameters."""
    return nn.Sequential(
        nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(approximate="tanh"),
        nn.Linear(8, 8), nn.LayerNorm(8, elementwise_affine=False), nn.ReLU(),
        nn.Linear(8, 4),
    )  # fmt: skip


class GatedNetwork(nn.Module):
    """RMSNorm and SwiGLU on each position by itself. Logits [B, T, V]."""

    def __init__(self, vocabulary=10, width=8, hidden=12):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.last_norm = nn.RMSNorm(width, eps=1e-5)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.embedding(tokens)
        h = self.norm(x)
        x = x + self.down(F.silu(self.gate(h)) * self.up(h))
        return self.head(self.last_norm(x))


class SharedLayer(nn.Module):
    """One linear layer that is used twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, 6)
        self.shared = nn.Linear(6, 6)
        self.last = nn.Linear(6, 4)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        h = torch.tanh(self.shared(h))
        h = torch.tanh(self.shared(h))
        return self.last(h)


class TwoInputs(nn.Module):
    """An image and a vector for each item."""

    def __init__(self):
        super().__init__()
        self.image = nn.Linear(6, 4)
        self.vector = nn.Linear(3, 4, bias=False)
        self.last = nn.Linear(4, 3)

    def forward(self, image, vector):
        return self.last(torch.tanh(self.image(image.flatten(1)) * self.vector(vector)))
