"""Gradients of the convolutional network and the transformer in Float64, one backward pass each.

By PyTorch, which is imported where it is needed: all peers of these workloads need it too.
"""

import numpy as np


def _module(arrays):
    import torch
    from peers.networks import MODULES

    module = MODULES[arrays.name]()
    module.load_state_dict({n: torch.from_numpy(v) for n, v in arrays.parameters().items()})
    return module.double()


def _gradient(module, x, y):
    """The flat gradient `[P]` of the mean loss of some items."""
    import torch
    from peers.networks import item_losses

    x, y = torch.from_numpy(x), torch.from_numpy(y)
    loss = item_losses(module(x.double() if x.is_floating_point() else x), y).mean()
    slopes = torch.autograd.grad(loss, list(module.parameters()))
    return torch.cat([slope.flatten() for slope in slopes]).numpy()


def item_gradients(arrays, x, y):
    """The gradient of each item's loss `[N, P]`."""
    module = _module(arrays)
    return np.stack([_gradient(module, x[i : i + 1], y[i : i + 1]) for i in range(len(x))])


def batch_gradients(arrays):
    """The gradient of the mean loss of each batch of a gradient workload `[K, P]`."""
    module = _module(arrays)
    return np.stack([_gradient(module, arrays.x[b], arrays.y[b]) for b in arrays.batches()])
