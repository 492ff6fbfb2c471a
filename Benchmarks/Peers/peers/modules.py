"""The benchmark's network as a `torch.nn.Module`, for the peers that want one."""

import torch
from safetensors.torch import load_file
from torch import nn

from arrays import CHECKPOINTS, SIZES


def make_module(sizes=SIZES, activation=nn.ReLU):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def load_module(arrays, name=f"checkpoint-{CHECKPOINTS}", **options):
    module = make_module(**options)
    module.load_state_dict(load_file(arrays.folder / f"{name}.safetensors"))
    return module


def train_tensors(arrays, items):
    return torch.from_numpy(arrays.x_train[:items]), torch.from_numpy(arrays.y_train[:items])


def query_tensors(arrays):
    return torch.from_numpy(arrays.x_query), torch.from_numpy(arrays.y_query)
