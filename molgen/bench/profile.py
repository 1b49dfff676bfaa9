"""What a function spends its time on, by torch's own profiler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from torch.autograd.profiler import profile

_GROUPS = {
    "matrix products": ("addmm", "mm", "bmm", "baddbmm", "gemm", "cutlass"),
    "copies and look-ups": ("copy", "index", "cat", "gather", "scatter"),
    "norms and softmax": ("norm", "softmax"),
}
"""By what the name of an operation contains, the first that fits; the rest is elementwise."""


def shares(call: Callable[[], object]) -> dict[str, float]:
    """The share of time in each kind of operation, most first."""
    call()
    gpu = torch.cuda.is_available()
    with profile(use_kineto=gpu, use_device="cuda" if gpu else None) as found:
        call()
    spent: Counter[str] = Counter()
    for event in found.key_averages():
        own = event.self_device_time_total if gpu else event.self_cpu_time_total
        spent[_group(event.key)] += own
    return {name: time / spent.total() for name, time in spent.most_common()}


def _group(operation: str) -> str:
    return next(
        (name for name, words in _GROUPS.items() if any(word in operation for word in words)),
        "elementwise",
    )
