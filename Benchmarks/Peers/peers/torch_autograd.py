"""PyTorch as its documentation has it: vmap(grad) for scores, autograd and SGD for training."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

from arrays import DIGITS_SIZES, LEARNING_RATE
from peers.modules import load_module, query_tensors, train_tensors
from peers.networks import CHUNKS, Problem, item_losses

CHUNK = 512


class TorchAutograd:
    version = torch.__version__

    def __init__(self, arrays, threads):
        torch.set_num_threads(threads)
        self.arrays = arrays

    def gradients(self, module=None):
        """A function from items to their flat gradients `[N, P]`."""
        module = module or load_module(self.arrays)
        parameters = {name: value.detach() for name, value in module.named_parameters()}

        def loss(parameters, x, y):
            return item_losses(functional_call(module, parameters, (x[None],)), y[None])[0]

        each = vmap(grad(loss), in_dims=(None, 0, 0))

        def flat(x, y):
            return torch.cat([g.flatten(1) for g in each(parameters, x, y).values()], 1)

        return flat

    def full_matrix(self, items):
        gradients = self.gradients()
        (x, y), query = train_tensors(self.arrays, items), query_tensors(self.arrays)
        out = torch.empty(len(x), len(query[0]))

        def run():
            query_gradients = gradients(*query).t().contiguous()
            for start in range(0, len(x), CHUNK):
                rows = slice(start, start + CHUNK)
                torch.mm(gradients(x[rows], y[rows]), query_gradients, out=out[rows])
            return out.t()

        return run

    def self_influence(self, items):
        gradients = self.gradients()
        x, y = train_tensors(self.arrays, items)

        def run():
            parts = [slice(start, start + CHUNK) for start in range(0, len(x), CHUNK)]
            return torch.cat([gradients(x[p], y[p]).square().sum(1) for p in parts])

        return run

    def train(self, name, x, y, batches, **options):
        module = load_module(self.arrays, name, **options)
        optimizer = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE)
        for rows in batches:
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(module(x[rows]), y[rows]).backward()
            optimizer.step()
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    def train_epoch(self, _):
        x, y = train_tensors(self.arrays, None)
        batches = torch.from_numpy(self.arrays.batches)
        return lambda: self.train("initial", x, y, batches)

    def train_steps(self, _):
        x, y = torch.from_numpy(self.arrays.digits_x), torch.from_numpy(self.arrays.digits_y)
        batches = torch.from_numpy(self.arrays.digits_batches)
        options = {"sizes": DIGITS_SIZES, "activation": nn.Tanh}
        return lambda: self.train("digits_initial", x, y, batches, **options)

    def network_scores(self, name, items):
        problem = Problem(self.arrays, name, items)
        return problem.scores(self.gradients(problem.module), CHUNKS[name])

    def cnn_scores(self, items):
        return self.network_scores("cnn", items)

    def transformer_scores(self, items):
        return self.network_scores("transformer", items)

    def cnn_gradient(self, _):
        return Problem(self.arrays, "cnn").batch_gradients()

    def transformer_gradient(self, _):
        return Problem(self.arrays, "transformer").batch_gradients()
