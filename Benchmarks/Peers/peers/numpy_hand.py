"""numpy: the matrix product of its OpenBLAS, and small training steps by hand."""

import numpy as np

import reference
from arrays import LEARNING_RATE, SGEMM_SIZE


class NumpyHand:
    version = np.__version__

    def __init__(self, arrays, threads):
        self.arrays = arrays

    def sgemm(self, _):
        random = np.random.default_rng(0)
        a, b = (random.random((SGEMM_SIZE, SGEMM_SIZE), dtype=np.float32) for _ in range(2))
        out = np.empty_like(a)

        def run():
            np.matmul(a, b.T, out=out)

        return run

    def train_steps(self, _):
        arrays = self.arrays
        x, y, batches = arrays.digits_x, arrays.digits_y, arrays.digits_batches
        initial = arrays.layers("digits_initial")

        def run():
            layers = [(weight.copy(), bias.copy()) for weight, bias in initial]
            reference.sgd(layers, x, y, batches, LEARNING_RATE, "tanh")
            return reference.flat(layers)

        return run
