"""Drop path (stochastic depth): in training, whole residual branches are left out by chance.

Source: Huang, Sun, Liu, Sedra and Weinberger, *Deep Networks with Stochastic Depth*, ECCV 2016.
"""

from torch import nn
from torchvision.ops import StochasticDepth

from dfdetect.errors import UsageError


def set_drop_path(network: nn.Module, rate: float, name: str = "The network") -> None:
    """Set how often residual branches are dropped: by the paper's rule, those of block l of L at rate x l / L.

    Args:
        network: changed in place; torchvision's `StochasticDepth` and timm's `DropPath` are its places to drop.
        rate: of the deepest block, in [0, 1).
        name: how an error calls the network.

    Raises:
        UsageError: no branch of it can be dropped.
    """
    places = {path: module for path, module in network.named_modules() if _is_drop_path(module)}
    blocks = list(dict.fromkeys(path.rpartition(".")[0] for path in places))  # a block may have two branches
    if rate > 0 and not blocks:
        raise UsageError(f"{name} has no residual branches that could be dropped: leave model.drop_path out")
    for path, module in places.items():
        share = rate * (1 + blocks.index(path.rpartition(".")[0])) / len(blocks)
        setattr(module, "p" if isinstance(module, StochasticDepth) else "drop_prob", share)


def _is_drop_path(module: nn.Module) -> bool:
    return isinstance(module, StochasticDepth) or hasattr(module, "drop_prob")
