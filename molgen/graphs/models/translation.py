"""Weights of a network of graphs, for graphs whose types are numbered otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from molgen.errors import UsageError
from molgen.graphs.models.statistics import Statistics
from molgen.nn.node_pair_transformer import NodePairTransformer

Types = Sequence[object]
"""What each type means, in the order of their numbers."""

_TOLD = 2
"""How often each type is told of: its p and p^(1/4), see `molgen.graphs.models.networks.inputs`."""


def translated(
    weights: Mapping[str, Tensor], model: nn.Module, theirs: Statistics, ours: Statistics
) -> dict[str, Tensor]:
    """The weights under which the same graphs get the same answers.

    Properties are answered in standard deviations of the training graphs, here as there.

    Args:
        weights: of a model of the same kind, by name.
        model: that they are for.
        theirs: of the graphs that trained the weights.
        ours: of the graphs of `model`. A type that those have not begins with zeros; one that
            these have not is left out.

    Raises:
        UsageError: one of both is of molecules, the other of plain graphs; they have other
            properties to predict; or other types, where the model has no `NodePairTransformer`,
            or is told more of edges than their types.
    """
    if (theirs.vocabulary is None) != (ours.vocabulary is None):
        kinds = ["molecules" if one.vocabulary else "plain graphs" for one in (theirs, ours)]
        raise UsageError(f"train.start: trained on {kinds[0]}, not on {kinds[1]}")
    found = dict(weights)
    transformers = [one for one in model.named_modules() if isinstance(one[1], NodePairTransformer)]
    if not transformers and _types(theirs) != _types(ours):
        raise UsageError("train.start: trained on other types of nodes or edges")
    for name, transformer in transformers:
        if 0 not in transformer.answered and list(theirs.labels) != list(ours.labels):
            names = [", ".join(one.labels) or "nothing" for one in (theirs, ours)]
            raise UsageError(f"train.start: trained to predict {names[0]}, not {names[1]}")
        # the transformer's features and answers are of nodes, of pairs, of the whole
        for part, (old, new) in enumerate(zip(_types(theirs), _types(ours), strict=True)):
            into = f"{name}.embed.{part}.weight"
            if part == 1 and old != new and found[into].shape[1] > _TOLD * len(old):
                raise UsageError(
                    "train.start: trained on other types of edges, of which the model is told "
                    "more (`connected`, `bounded`, `rings` or `walks`)"
                )
            found[into] = _reordered(found[into], 1, _TOLD, old, new)
            if part in transformer.answered:
                out = f"{name}.answer.{transformer.answered.index(part)}.out"
                for end in ("weight", "bias"):
                    found[f"{out}.{end}"] = _reordered(found[f"{out}.{end}"], 0, 1, old, new)
        whole = f"{name}.embed.2.weight"
        found[whole] = found[whole].clone()
        found[whole][:, 0] *= ours.most / theirs.most  # sizes are told in units of the largest
    return found


def _types(statistics: Statistics) -> tuple[Types, Types]:
    """Of nodes and of edges."""
    if statistics.vocabulary is None:
        return range(len(statistics.nodes)), range(len(statistics.edges))
    return statistics.vocabulary.atoms, statistics.vocabulary.bonds


def _reordered(tensor: Tensor, axis: int, times: int, old: Types, new: Types) -> Tensor:
    """With its first rows or columns, so many times one for each type, in the new order."""
    *blocks, rest = tensor.split([*[len(old)] * times, tensor.shape[axis] - times * len(old)], axis)
    nothing = torch.zeros_like(tensor.narrow(axis, 0, 1))
    of_types = []
    for block in blocks:
        known = dict(zip(old, block.split(1, axis), strict=True))
        of_types += [known.get(one, nothing) for one in new]
    return torch.cat([*of_types, rest], axis)
