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


def translated(
    weights: Mapping[str, Tensor], model: nn.Module, theirs: Statistics, ours: Statistics
) -> dict[str, Tensor]:
    """The weights under which the same graphs get the same answers.

    Args:
        weights: of a model of the same kind, by name.
        model: that they are for.
        theirs: of the graphs that trained the weights.
        ours: of the graphs of `model`. A type that those have not begins with zeros; one that
            these have not is left out.

    Raises:
        UsageError: one of both is of molecules, the other of plain graphs; or their types differ
            and the model has no `NodePairTransformer`, whose inputs and answers are of types.
    """
    if (theirs.vocabulary is None) != (ours.vocabulary is None):
        kinds = ["molecules" if own.vocabulary else "plain graphs" for own in (theirs, ours)]
        raise UsageError(f"train.start: trained on {kinds[0]}, not on {kinds[1]}")
    found = dict(weights)
    parts = {k: part for k, part in model.named_modules() if isinstance(part, NodePairTransformer)}
    if not parts and _types(theirs) != _types(ours):
        raise UsageError("train.start: trained on other types of nodes or edges")
    for name, part in parts.items():
        for k, (old, new) in enumerate(zip(_types(theirs), _types(ours), strict=True)):
            told = f"{name}.embed.{k}.weight"  # networks.inputs: p and p^(1/4) of each type
            found[told] = _reordered(found[told], 1, 2, old, new)
            if k in part.answered:
                for kind in ("weight", "bias"):
                    answered = f"{name}.answer.{part.answered.index(k)}.out.{kind}"
                    found[answered] = _reordered(found[answered], 0, 1, old, new)
        whole = f"{name}.embed.2.weight"
        found[whole] = found[whole].clone()
        found[whole][:, 0] *= ours.most / theirs.most  # sizes are told in units of the largest
    return found


def _types(statistics: Statistics) -> tuple[Types, Types]:
    """Of nodes and of edges."""
    if statistics.vocabulary is None:
        return range(len(statistics.nodes)), range(len(statistics.edges))
    return statistics.vocabulary.atoms, statistics.vocabulary.bonds


def _reordered(tensor: Tensor, axis: int, blocks: int, old: Types, new: Types) -> Tensor:
    """With the first rows or columns, so many blocks of one for each type, in the new order."""
    *parts, rest = tensor.split(
        [*[len(old)] * blocks, tensor.shape[axis] - blocks * len(old)], axis
    )
    nothing = torch.zeros_like(tensor.narrow(axis, 0, 1))
    sorted_parts = []
    for part in parts:
        rows = dict(zip(old, part.split(1, axis), strict=True))
        sorted_parts += [rows.get(kind, nothing) for kind in new]
    return torch.cat([*sorted_parts, rest], axis)
