"""kronfluence: the identity strategy, which is the plain gradient product.

Losses and measurements are sums over the batch; a mean would put 1 / batch into the scores.
"""

import logging
from importlib.metadata import version

import torch
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from torch.utils.data import TensorDataset

from peers.modules import load_module, query_tensors, train_tensors
from peers.networks import Problem, item_losses

logging.disable(logging.INFO)


class Classification(Task):
    def compute_train_loss(self, batch, model, sample=False):
        x, y = batch
        return item_losses(model(x), y).sum()

    def compute_measurement(self, batch, model):
        return self.compute_train_loss(batch, model)


class KronfluenceIdentity:
    version = version("kronfluence")

    def __init__(self, arrays, threads):
        torch.set_num_threads(threads)
        self.arrays = arrays

    def analyzer(self, train, module=None, batch=512):
        task = Classification()
        module = module or load_module(self.arrays)
        analyzer = Analyzer(
            "benchmark", prepare_model(module, task), task, cpu=True,
            output_dir=str(self.arrays.folder / "kronfluence"),
            disable_tqdm=True, disable_model_save=True,
        )  # fmt: skip
        analyzer.fit_all_factors(
            "identity", train, per_device_batch_size=batch, overwrite_output_dir=True,
            factor_args=FactorArguments(strategy="identity", use_empirical_fisher=True),
        )  # fmt: skip
        return analyzer

    def pairwise(self, analyzer, train, query, batch=512):
        def run():
            analyzer.compute_pairwise_scores(
                "pairwise", "identity", query_dataset=query, train_dataset=train,
                per_device_query_batch_size=len(query), per_device_train_batch_size=batch,
                score_args=ScoreArguments(damping_factor=0.0), overwrite_output_dir=True,
            )  # fmt: skip
            return analyzer.load_pairwise_scores("pairwise")["all_modules"]

        return run

    def full_matrix(self, items):
        train = TensorDataset(*train_tensors(self.arrays, items))
        query = TensorDataset(*query_tensors(self.arrays))
        return self.pairwise(self.analyzer(train), train, query)

    def network_scores(self, name, items, batch):
        problem = Problem(self.arrays, name, items)
        train, query = TensorDataset(problem.x, problem.y), TensorDataset(*problem.query)
        return self.pairwise(self.analyzer(train, problem.module, batch), train, query, batch)

    def cnn_scores(self, items):
        return self.network_scores("cnn", items, 512)

    def transformer_scores(self, items):
        run = self.network_scores("transformer", items, 64)

        def run_unchecked():
            run()  # Embeddings and normalisations are left out of these scores.

        return run_unchecked

    def self_influence(self, items):
        train = TensorDataset(*train_tensors(self.arrays, items))
        analyzer = self.analyzer(train)

        def run():
            analyzer.compute_self_scores(
                "self", "identity", train_dataset=train, per_device_train_batch_size=512,
                score_args=ScoreArguments(damping_factor=0.0), overwrite_output_dir=True,
            )  # fmt: skip
            return analyzer.load_self_scores("self")["all_modules"]

        return run
