"""dattri: TracIn with the random projection off, so that the scores are exact.

The projection cannot be switched off by an argument (its default of 512 dimensions fills in for
`None`); the attribute is cleared instead.
"""

from importlib.metadata import version

import torch
from dattri.algorithm.tracin import TracInAttributor
from dattri.task import AttributionTask
from torch.func import functional_call
from torch.utils.data import DataLoader, TensorDataset

from peers.modules import load_module, query_tensors, train_tensors
from peers.networks import Problem, item_losses


class DattriTracIn:
    version = version("dattri")

    def __init__(self, arrays, threads):
        torch.set_num_threads(threads)
        self.arrays = arrays

    def attributor(self, module=None):
        module = module or load_module(self.arrays)

        def loss(parameters, item):
            x, y = item
            return item_losses(functional_call(module, parameters, (x[None],)), y[None])[0]

        task = AttributionTask(loss_func=loss, model=module, checkpoints=module.state_dict())
        attributor = TracInAttributor(
            task=task, weight_list=torch.ones(1), normalized_grad=False
        )
        attributor.projector_kwargs = None
        return attributor

    def loader(self, tensors, batch):
        return DataLoader(TensorDataset(*tensors), batch_size=batch, shuffle=False)

    def full_matrix(self, items):
        attributor = self.attributor()
        train = self.loader(train_tensors(self.arrays, items), 1000)
        query = self.loader(query_tensors(self.arrays), 1000)
        return lambda: attributor.attribute(train, query).t()

    def self_influence(self, items):
        attributor = self.attributor()
        train = self.loader(train_tensors(self.arrays, items), 500)
        return lambda: attributor.self_attribute(train)

    def network_scores(self, name, items, batch):
        problem = Problem(self.arrays, name, items)
        attributor = self.attributor(problem.module)
        train = self.loader((problem.x, problem.y), batch)
        query = self.loader(problem.query, 200)
        return lambda: attributor.attribute(train, query).t()

    def cnn_scores(self, items):
        return self.network_scores("cnn", items, 500)

    def transformer_scores(self, items):
        return self.network_scores("transformer", items, 50)
