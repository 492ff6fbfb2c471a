"""PyTorch tensors without autograd: the factored ("ghost") forms and SGD written by hand."""

import torch

from arrays import CHECKPOINTS, LEARNING_RATE, SGEMM_SIZE, TOP
from peers.networks import Problem
from peers.torch_hooks import ItemGradients

CHUNK = 1024  # Rows per pass: the fastest of 512 ... 4096 for the full matrix.
NETWORK_CHUNKS = {"cnn": 128, "transformer": 16}  # Likewise, of gradients formed at once.


def relu_slope(value):
    return value > 0


def tanh_slope(value):
    return 1 - value * value


def forward(layers, x, activation):
    """Inputs of each layer, and the logits."""
    inputs = [x]
    for weight, bias in layers[:-1]:
        inputs.append(activation(torch.addmm(bias, inputs[-1], weight.t())))
    weight, bias = layers[-1]
    return inputs, torch.addmm(bias, inputs[-1], weight.t())


def factors(layers, x, y, activation=torch.relu_, slope=relu_slope):
    """Inputs and output cotangents of each linear layer, one row per item."""
    inputs, logits = forward(layers, x, activation)
    cotangent = logits.softmax(1)
    cotangent[torch.arange(len(y)), y] -= 1
    cotangents = [cotangent]
    for layer in range(len(layers) - 1, 0, -1):
        cotangent = (cotangent @ layers[layer][0]) * slope(inputs[layer])
        cotangents.insert(0, cotangent)
    return inputs, cotangents


def square_sums(rows):
    return torch.linalg.vecdot(rows, rows)


class TorchHand:
    version = torch.__version__

    def __init__(self, arrays, threads):
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.arrays = arrays

    def layers(self, name):
        return [tuple(map(torch.from_numpy, layer)) for layer in self.arrays.layers(name)]

    def train_data(self):
        return torch.from_numpy(self.arrays.x_train), torch.from_numpy(self.arrays.y_train)

    def query_data(self):
        return torch.from_numpy(self.arrays.x_query), torch.from_numpy(self.arrays.y_query)

    def sgemm(self, _):
        a, b, out = (torch.rand(SGEMM_SIZE, SGEMM_SIZE) for _ in range(3))

        def run():
            torch.mm(a, b.t(), out=out)

        return run

    def full_matrix(self, _):
        layers = self.layers(f"checkpoint-{CHECKPOINTS}")
        (x, y), (x_query, y_query) = self.train_data(), self.query_data()
        out = torch.empty(len(x), len(x_query))
        gram, product = (torch.empty(CHUNK, len(x_query)) for _ in range(2))

        def run():
            query = factors(layers, x_query, y_query)
            query = [tuple(f.t().contiguous() for f in pair) for pair in zip(*query)]
            for start in range(0, len(x), CHUNK):
                rows = slice(start, start + CHUNK)
                target = out[rows]
                u, v = gram[: len(target)], product[: len(target)]
                train = zip(*factors(layers, x[rows], y[rows]))
                for layer, ((a, d), (aq, dq)) in enumerate(zip(train, query)):
                    torch.mm(a, aq, out=u)
                    torch.mm(d, dq, out=v)
                    u += 1
                    if layer == 0:
                        torch.mul(u, v, out=target)
                    else:
                        target.addcmul_(u, v)
            return out.t()

        return run

    def checkpoints(self, _):
        """As `full_matrix`, with the first layer's input Gram computed once for all."""
        networks = [self.layers(f"checkpoint-{k}") for k in range(1, CHECKPOINTS + 1)]
        rates = self.arrays.learning_rates.tolist()
        (x, y), (x_query, y_query) = self.train_data(), self.query_data()
        out = torch.empty(len(x), len(x_query))
        buffers = [torch.empty(CHUNK, len(x_query)) for _ in range(3)]

        def run():
            queries = []
            for layers, rate in zip(networks, rates):
                inputs, cotangents = factors(layers, x_query, y_query)
                transposed = [a.t().contiguous() for a in inputs]
                queries.append((transposed, [rate * d.t() for d in cotangents]))
            x_transposed = queries[0][0][0]
            for start in range(0, len(x), CHUNK):
                rows = slice(start, start + CHUNK)
                target = out[rows]
                first, u, v = (buffer[: len(target)] for buffer in buffers)
                torch.mm(x[rows], x_transposed, out=first)
                first += 1
                target.zero_()
                for layers, (aq, dq) in zip(networks, queries):
                    inputs, cotangents = factors(layers, x[rows], y[rows])
                    for layer, (a, d) in enumerate(zip(inputs, cotangents)):
                        torch.mm(d, dq[layer], out=v)
                        if layer == 0:
                            target.addcmul_(first, v)
                        else:
                            torch.mm(a, aq[layer], out=u)
                            u += 1
                            target.addcmul_(u, v)
            return out.t()

        return run

    def top_k(self, _):
        """The full product, keeping the best of each query after every chunk."""
        layers = self.layers(f"checkpoint-{CHECKPOINTS}")
        (x, y), (x_query, y_query) = self.train_data(), self.query_data()
        count, chunk = min(TOP, len(x)), 4 * CHUNK

        def run():
            query = list(zip(*factors(layers, x_query, y_query)))
            best = torch.empty(len(x_query), 0)
            items = torch.empty(len(x_query), 0, dtype=torch.int64)
            for start in range(0, len(x), chunk):
                rows = slice(start, start + chunk)
                pairs = zip(query, zip(*factors(layers, x[rows], y[rows])))
                scores = sum((aq @ a.t() + 1) * (dq @ d.t()) for (aq, dq), (a, d) in pairs)
                names = torch.arange(start, start + scores.shape[1]).expand(len(x_query), -1)
                scores, names = torch.cat([best, scores], 1), torch.cat([items, names], 1)
                best, order = scores.topk(min(count, scores.shape[1]), dim=1)
                items = names.gather(1, order)
            return items

        return run

    def self_influence(self, _):
        layers = self.layers(f"checkpoint-{CHECKPOINTS}")
        x, y = self.train_data()
        out = torch.empty(len(x))

        def run():
            for start in range(0, len(x), CHUNK):
                rows = slice(start, start + CHUNK)
                pairs = zip(*factors(layers, x[rows], y[rows]))
                out[rows] = sum((square_sums(a) + 1) * square_sums(d) for a, d in pairs)
            return out

        return run

    def train(self, initial, x, y, batches, activation, slope):
        layers = [(weight.clone(), bias.clone()) for weight, bias in initial]
        for rows in batches:
            inputs, cotangents = factors(layers, x[rows], y[rows], activation, slope)
            rate = -LEARNING_RATE / len(rows)
            for (weight, bias), a, d in zip(layers, inputs, cotangents):
                weight.addmm_(d.t(), a, alpha=rate)
                bias.add_(d.sum(0), alpha=rate)
        return torch.cat([part.flatten() for layer in layers for part in layer])

    def train_epoch(self, _):
        initial = self.layers("initial")
        x, y = self.train_data()
        batches = torch.from_numpy(self.arrays.batches)
        return lambda: self.train(initial, x, y, batches, torch.relu_, relu_slope)

    def train_steps(self, _):
        initial = self.layers("digits_initial")
        x, y = torch.from_numpy(self.arrays.digits_x), torch.from_numpy(self.arrays.digits_y)
        batches = torch.from_numpy(self.arrays.digits_batches)
        return lambda: self.train(initial, x, y, batches, torch.tanh_, tanh_slope)

    def network_scores(self, name, items):
        problem, chunk = Problem(self.arrays, name, items), NETWORK_CHUNKS[name]
        each = ItemGradients(problem.module, max(chunk, len(problem.query[0])))
        return problem.scores(each, chunk)

    def cnn_scores(self, items):
        return self.network_scores("cnn", items)

    def transformer_scores(self, items):
        return self.network_scores("transformer", items)
