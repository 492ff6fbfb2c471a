"""The peers. Each module has a class whose methods are the workloads it can run.

A method takes the number of training items, does what need not be timed (wrapping data,
compiling), and returns a function; calling that is one timed run, and it returns the result as
README.md defines it, or `None` where there is nothing to check.
"""

PEERS = {
    # name: (module, class, what the table calls it)
    "numpy": ("numpy_hand", "NumpyHand", "numpy by hand"),
    "torch-hand": ("torch_hand", "TorchHand", "torch by hand"),
    "torch-autograd": ("torch_autograd", "TorchAutograd", "torch autograd"),
    "jax-hand": ("jax_hand", "JaxHand", "jax by hand"),
    "jax-autodiff": ("jax_autodiff", "JaxAutodiff", "jax autodiff"),
    "captum": ("captum_tracin", "CaptumTracIn", "captum TracInCP"),
    "dattri": ("dattri_tracin", "DattriTracIn", "dattri TracIn"),
    "kronfluence": ("kronfluence_identity", "KronfluenceIdentity", "kronfluence identity"),
    "opacus": ("opacus_samples", "OpacusSamples", "opacus samples"),
}
