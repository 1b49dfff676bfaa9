"""Other programs in a process of their own: their crash is one complex's failure."""

from __future__ import annotations

import multiprocessing
import os
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from molgen.errors import MolgenError


class Isolated:
    """Calls functions in another process, which is started again if one ends it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns there; it and its arguments are such as pickle takes.

        Raises:
            MolgenError: it raises something, or the process ends.
        """
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, context, initializer=_silence)
            weakref.finalize(self, self._pool.shutdown)
        try:
            return self._pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            self._pool = None
            raise MolgenError(f"{self.name} crashed") from None
        except MolgenError:
            raise
        except Exception as error:
            raise MolgenError(f"{self.name}: {' '.join(str(error).split())}") from error


def _silence() -> None:
    """Nothing of what compiled code prints is seen."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
