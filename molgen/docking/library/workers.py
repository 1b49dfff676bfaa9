"""Worker processes that take one task at a time; the death of one costs its task alone."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

from molgen.errors import MolgenError

Task = TypeVar("Task")

_ATTEMPTS = 2  # a process may also die of what others do, such as filling the memory
_PRELOADED = ["molgen.docking.desk"]  # imported once, before the processes part


class Outcome(NamedTuple, Generic[Task]):
    """How a task ended.

    Attributes:
        task: It.
        result: What the worker made of it.
        error: Why it made nothing; "" if it did.
    """

    task: Task
    result: Any
    error: str


def in_processes(
    start: Callable[[], Callable[[Any], Any]], tasks: Iterable[Task], count: int
) -> Iterator[Outcome[Task]]:
    """The outcome of each task, in the order in which they end.

    Args:
        start: called in each process; makes the function of a task. Both are pickled, as results.
        tasks: taken one by one as processes become free.
        count: of processes.

    Raises:
        MolgenError: `start` fails.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    waiting = _Waiting(tasks)
    at_work: dict[Connection, tuple[BaseProcess, Task, int]] = {}

    def hire() -> None:
        while len(at_work) < count and (following := waiting.next()) is not None:
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, start), daemon=True)
            with _without_main():
                process.start()
            there.close()
            at_work[here] = process, *following
            _send(here, following[0])

    try:
        hire()
        while at_work:
            for connection in wait(list(at_work)):
                assert isinstance(connection, Connection)
                process, task, attempt = at_work.pop(connection)
                try:
                    kind, result = connection.recv()
                except (EOFError, OSError):
                    process.join()
                    if attempt < _ATTEMPTS:
                        waiting.put_back(task, attempt + 1)
                    else:
                        yield Outcome(task, None, _epitaph(process.exitcode))
                    hire()
                    continue
                if kind == "start":
                    raise MolgenError(result)
                if (following := waiting.next()) is not None:
                    at_work[connection] = process, *following
                    _send(connection, following[0])
                else:
                    connection.close()
                    process.join()
                yield Outcome(task, *((result, "") if kind == "done" else (None, result)))
    finally:
        for connection, (process, *_) in at_work.items():
            connection.close()
            process.terminate()
        for process, *_ in at_work.values():
            process.join()


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes that start here do not run the user's script, which would start some of its own."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Waiting(Generic[Task]):
    """Tasks that nobody is at, each with the number of the attempt that would be made at it."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = iter(tasks)
        self._again: list[tuple[Task, int]] = []

    def next(self) -> tuple[Task, int] | None:
        if self._again:
            return self._again.pop()
        for task in self._tasks:
            return task, 1
        return None

    def put_back(self, task: Task, attempt: int) -> None:
        self._again.append((task, attempt))


def _send(connection: Connection, task: Any) -> None:
    with suppress(OSError):  # the process is dead: waiting for it tells
        connection.send(task)


def _epitaph(code: int | None) -> str:
    """Why a process is no more."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        memory = " (out of memory?)" if name == "SIGKILL" else ""
        return f"the process at it was ended by {name}{memory}, {_ATTEMPTS} times"
    return f"the process at it ended with code {code}, {_ATTEMPTS} times"


def _work(connection: Connection, start: Callable[[], Callable[[Any], Any]]) -> None:
    """What a process does: tasks, until there is nobody to give it any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us decides
    with suppress(EOFError, OSError):  # who started us is gone
        try:
            function = start()
        except Exception as error:
            connection.send(("start", _line(error)))
            return
        while True:
            task = connection.recv()
            try:
                answer = "done", function(task)
            except Exception as error:
                answer = "failed", _line(error)
            connection.send(answer)


def _line(error: Exception) -> str:
    """An error in one line, with its kind where it is none that was expected."""
    text = " ".join(str(error).split())
    return text if isinstance(error, MolgenError) else f"{type(error).__name__}: {text}"
