"""Opacus: gradients of each item as its private training has them, then one product."""

from importlib.metadata import version

import torch
from opacus import GradSampleModule

from peers.networks import CHUNKS, Problem, item_losses


class OpacusSamples:
    version = version("opacus")

    def __init__(self, arrays, threads):
        torch.set_num_threads(threads)
        self.arrays = arrays

    def scores(self, name, items):
        problem = Problem(self.arrays, name, items)
        module = GradSampleModule(problem.module, loss_reduction="sum", strict=False)

        def gradients(x, y):
            module.zero_grad(set_to_none=True)
            with torch.enable_grad():
                item_losses(module(x), y).sum().backward()
            return torch.cat([p.grad_sample.flatten(1) for p in module.parameters()], 1)

        return problem.scores(gradients, CHUNKS[name])

    def cnn_scores(self, items):
        return self.scores("cnn", items)

    def transformer_scores(self, items):
        return self.scores("transformer", items)
