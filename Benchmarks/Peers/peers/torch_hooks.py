"""Gradients of each item by hand: one backward pass, hooks that keep inputs and cotangents, bmm."""

import torch
import torch.nn.functional as F
from torch import nn

from peers.networks import item_losses


class ItemGradients:
    """The flat gradients of a module's items, written into a buffer that is kept."""

    def __init__(self, module, rows):
        self.module = module
        count = sum(parameter.numel() for parameter in module.parameters())
        self.buffer = torch.empty(rows, count)
        self.views, offset = {}, 0
        for parameter in module.parameters():
            end = offset + parameter.numel()
            self.views[parameter] = self.buffer[:, offset:end].unflatten(1, parameter.shape)
            offset = end
        for layer in module.modules():
            if type(layer) in RULES:
                layer.register_forward_hook(self.watch)

    def watch(self, layer, inputs, output):
        rule = RULES[type(layer)]
        if output.requires_grad:
            output.register_hook(lambda slope: rule(self.part, layer, inputs[0], slope))

    def part(self, parameter, rows):
        return self.views[parameter][:rows]

    def __call__(self, x, y):
        if len(x) > len(self.buffer):
            raise ValueError(f"{len(x)} items for a buffer of {len(self.buffer)}")
        with torch.enable_grad():
            loss = item_losses(self.module(x), y).sum()
        # Asked for all parameters, so that the pass reaches the first layer and fills the buffer.
        torch.autograd.grad(loss, list(self.module.parameters()))
        return self.buffer[: len(x)]


def linear(part, layer, x, slope):
    rows = len(x)
    x, slope = x.detach().reshape(rows, -1, x.shape[-1]), slope.reshape(rows, -1, slope.shape[-1])
    torch.bmm(slope.transpose(1, 2), x, out=part(layer.weight, rows))
    if layer.bias is not None:
        torch.sum(slope, 1, out=part(layer.bias, rows))


def convolution(part, layer, x, slope):
    rows = len(x)
    windows, slope = F.unfold(x.detach(), layer.kernel_size), slope.flatten(2)
    torch.bmm(slope, windows.transpose(1, 2), out=part(layer.weight, rows).flatten(2))
    torch.sum(slope, 2, out=part(layer.bias, rows))


def normalisation(part, layer, x, slope):
    rows = len(x)
    scaled = F.layer_norm(x.detach(), layer.normalized_shape, eps=layer.eps)
    torch.sum(slope * scaled, 1, out=part(layer.weight, rows))
    torch.sum(slope, 1, out=part(layer.bias, rows))


def embedding(part, layer, tokens, slope):
    target = part(layer.weight, len(tokens)).zero_()
    target.scatter_add_(1, tokens[:, :, None].expand_as(slope), slope)


RULES = {
    nn.Linear: linear,
    nn.Conv2d: convolution,
    nn.LayerNorm: normalisation,
    nn.Embedding: embedding,
}
