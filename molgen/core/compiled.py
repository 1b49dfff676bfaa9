"""torch.compile where it works, plain torch where there is no compiler."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


def compiled(
    function: Callable[..., Result],
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    sizes_vary: bool = False,
    plain: Callable[..., Result] | None = None,
) -> Callable[..., Result]:
    """`function`, fused for the shapes it meets; if compiling fails, as it is, with one warning.

    Args:
        function: a function of tensors and what holds them.
        name: what to call it in the warning.
        options: of the compiler (torch._inductor.config), such as `{"cpp_wrapper": True}`.
        sizes_vary: fuse once for any number of graphs, rather than for each number that comes.
        plain: the same without what only a compiler understands; `function` itself if None.
    """
    fused: Callable[..., Result] = torch.compile(
        function, dynamic=sizes_vary, options=dict(options) if options else None
    )
    failed = False

    def call(*args: Any, **kwargs: Any) -> Result:
        nonlocal failed
        if not failed:
            try:
                return fused(*args, **kwargs)
            except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as e:
                failed = True
                reason = str(e).strip().splitlines()[0]
                warnings.warn(f"{name} runs uncompiled, slower: {reason}", stacklevel=2)
        return (plain or function)(*args, **kwargs)

    return call
