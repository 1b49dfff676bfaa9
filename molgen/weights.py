"""Weights for a model that may have more than they do."""

from __future__ import annotations

from collections.abc import Mapping, Set

from torch import Tensor, nn

from molgen.errors import UsageError

Shapes = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""By name of the tensor, the shape that there is and the one that is needed."""


def fitted(
    weights: Mapping[str, Tensor], model: nn.Module, where: str, *, widened: bool
) -> dict[str, Tensor]:
    """The state that a model takes from weights.

    Args:
        weights: by name.
        model: that they are for.
        where: they come from.
        widened: the model may have what it or a part of it says may be `added`: a list of dicts, by
            name of the tensor how many of its last rows or columns, which begin at zero, or None
            for a whole tensor, which stays as it is. All of one of these.

    Raises:
        UsageError: names or shapes differ; the first is named.
    """
    own = model.state_dict()
    both = {
        name: (tuple(weights[name].shape), tuple(own[name].shape))
        for name in weights.keys() & own.keys()
    }
    longer = {name: shapes for name, shapes in both.items() if shapes[0] != shapes[1]}
    lacking = own.keys() - weights.keys()
    told_less = widened and weights.keys() <= own.keys()
    if not (told_less and _is_widened(model, lacking, longer)):
        for name in sorted({*weights, *own}):
            if name not in both:
                side = "lacks" if name in own else "has an unknown"
                raise UsageError(f"{where} {side} tensor '{name}'")
            if name in longer:
                have, need = longer[name]
                raise UsageError(f"{where}: '{name}' is {have}, not {need}")
    found = {**weights, **{name: own[name] for name in lacking}}
    for name, (have, need) in longer.items():
        found[name] = own[name].new_zeros(need)
        found[name][tuple(map(slice, have))] = weights[name]
    return found


def _is_widened(model: nn.Module, lacking: Set[str], longer: Shapes) -> bool:
    """Whether what weights lack, and what is longer than they are, is what was `added`."""
    for part, module in model.named_modules():
        for added in getattr(module, "added", []):
            by = {f"{part}.{name}".lstrip("."): count for name, count in added.items()}
            whole = {name for name, count in by.items() if count is None}
            if (
                lacking == whole
                and longer.keys() == by.keys() - whole
                and all(_is_wider(need, have, by[name]) for name, (have, need) in longer.items())
            ):
                return True
    return False


def _is_wider(shape: tuple[int, ...], other: tuple[int, ...], by: int) -> bool:
    """Whether it is longer by so much along one axis, and as long along all others."""
    more = sorted(a - b for a, b in zip(shape, other, strict=False))
    return len(shape) == len(other) and more == [0] * (len(shape) - 1) + [by]
