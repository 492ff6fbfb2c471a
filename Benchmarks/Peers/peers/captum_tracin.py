"""captum: TracInCP over all parameters, with its sample-wise gradient trick.

The trick needs a loss that sums over the batch; with a mean the gradients carry 1 / batch. It knows
linear layers and convolutions only, so the transformer goes without.
"""

import captum
import torch
from captum.influence import TracInCP
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import TensorDataset

from arrays import CHECKPOINTS
from peers.modules import make_module, query_tensors, train_tensors
from peers.networks import Problem, item_losses


def load_checkpoint(module, path):
    module.load_state_dict(load_file(path))
    return 1.0  # The weight of the checkpoint.


class CaptumTracIn:
    version = captum.__version__

    def __init__(self, arrays, threads):
        torch.set_num_threads(threads)
        self.arrays = arrays

    def tracin(self, items):
        return TracInCP(
            make_module(),
            TensorDataset(*train_tensors(self.arrays, items)),
            [str(self.arrays.folder / f"checkpoint-{CHECKPOINTS}.safetensors")],
            checkpoints_load_func=load_checkpoint,
            loss_fn=nn.CrossEntropyLoss(reduction="sum"),
            batch_size=512,
            sample_wise_grads_per_batch=True,
        )

    def full_matrix(self, items):
        tracin, query = self.tracin(items), query_tensors(self.arrays)
        return lambda: tracin.influence(query)

    def self_influence(self, items):
        return self.tracin(items).self_influence

    def network_scores(self, name, items, loss, **options):
        problem = Problem(self.arrays, name, items)
        tracin = TracInCP(
            problem.module, TensorDataset(problem.x, problem.y), [str(problem.arrays.checkpoint)],
            checkpoints_load_func=load_checkpoint, loss_fn=loss, **options)
        return lambda: tracin.influence(problem.query)

    def cnn_scores(self, items):
        loss = nn.CrossEntropyLoss(reduction="sum")
        return self.network_scores(
            "cnn", items, loss, batch_size=512, sample_wise_grads_per_batch=True)

    def transformer_scores(self, items):
        return self.network_scores("transformer", items, item_losses, batch_size=50)
