"""torch.compile where it works and is right, plain torch where it is not."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")

SAME = 0.01
"""What rounding may make of an answer: a difference of so many of its norm, or of one nat an entry.
It makes 1e-5 in float32 and 2e-3 in bfloat16; programs that leave out an addend are off by tenths.
"""


def compiled(
    function: Callable[..., Result],
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    sizes_vary: bool = False,
    plain: Callable[..., Result] | None = None,
) -> Callable[..., Result]:
    """`function`, fused for the shapes it meets; as it is, with one warning, if that fails.

    Compilers err: the first answer is compared with the plain one, and a program that answers
    something else is not used.

    Args:
        function: a function of tensors and what holds them, without chance.
        name: what to call it in the warning.
        options: of the compiler (torch._inductor.config), such as `{"cpp_wrapper": True}`.
        sizes_vary: fuse once for any number of graphs, rather than for each number that comes.
        plain: the same without what only a compiler understands; `function` itself if None.
    """
    fused: Callable[..., Result] = torch.compile(
        function, dynamic=sizes_vary, options=dict(options) if options else None
    )
    as_it_is = plain or function
    failed = checked = False

    def call(*args: Any, **kwargs: Any) -> Result:
        nonlocal failed, checked
        reason = ""
        if not failed:
            try:
                found = fused(*args, **kwargs)
                if checked or _inside_a_transform():
                    return found
                checked = True
                if _same(found, as_it_is(*args, **kwargs)):
                    return found
                reason = "the compiled program answers something else"
            except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as e:
                reason = str(e).strip().splitlines()[0]
            failed = True
            warnings.warn(f"{name} runs uncompiled, slower: {reason}", stacklevel=2)
        return as_it_is(*args, **kwargs)

    return call


def _inside_a_transform() -> bool:
    """Whether a transform of torch.func is under way: its tensors have no values to compare."""
    return torch._C._functorch.peek_interpreter_stack() is not None


@torch.no_grad()
def _same(found: Any, expected: Any) -> bool:
    """Whether each tensor of an answer is that of the other, but for rounding."""
    pairs = zip(_tensors(found), _tensors(expected), strict=True)
    return all(
        bool((a - b).norm() <= SAME * (b.norm() + b.numel() ** 0.5)) or _no_numbers(a, b)
        for a, b in ((a.detach(), b.detach()) for a, b in pairs)
    )


def _no_numbers(found: Tensor, expected: Tensor) -> bool:
    """Whether both have something that is not finite: other checks say so better."""
    return not found.isfinite().all() and not expected.isfinite().all()


def _tensors(answer: Any) -> Iterator[Tensor]:
    """The tensors of numbers in tuples, tables and data classes."""
    if isinstance(answer, Tensor):
        if answer.is_floating_point():
            yield answer
    elif isinstance(answer, Mapping):
        for key in sorted(answer):
            yield from _tensors(answer[key])
    elif dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            yield from _tensors(getattr(answer, field.name))
    elif isinstance(answer, list | tuple):
        for one in answer:
            yield from _tensors(one)
