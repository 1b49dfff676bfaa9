"""How often a second something can be called, and by how much it makes the memory grow."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Rate:
    """Calls a second of a function: the median over repeats, each at least so many seconds long."""

    def __init__(self, repeats: int, seconds: float) -> None:
        self.repeats = repeats
        self.seconds = seconds

    def __call__(
        self, call: Callable[[], object], warm: Callable[[], object] | None = None
    ) -> float:
        """The rate of `call`; `warm` is called once before, `call` itself if None."""
        (warm or call)()  # compile, fill the caches
        rates = []
        for _ in range(self.repeats):
            begin, calls = time.perf_counter(), 0
            while calls == 0 or time.perf_counter() - begin < self.seconds:
                call()
                calls += 1
            rates.append(calls / (time.perf_counter() - begin))
        return statistics.median(rates)


def growth_mb(call: Callable[..., object], *arguments: Any) -> float:
    """MB by which the peak of a new process's resident memory lies above where the call began.

    As Linux counts it.

    Args:
        call: a function of a module, so that the other process finds it.
        arguments: of it, such as pickle takes.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth_mb, (call, arguments, torch.get_num_threads()))


def _growth_mb(call: Callable[..., object], arguments: tuple[Any, ...], threads: int) -> float:
    torch.set_num_threads(threads)
    before = _memory_kb("VmRSS")
    call(*arguments)
    return (_memory_kb("VmHWM") - before) / 1000


def _memory_kb(which: str) -> int:
    """Resident memory of this process as Linux tells it: VmRSS now, VmHWM at its peak.

    Not of getrusage, whose peak is that of the process that started this one if that is higher.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{which}:"))
