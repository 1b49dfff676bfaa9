"""What it takes to judge drawn graphs of one kind, molecules or plain ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molgen.errors import UsageError
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.metrics.counts import Rejected
from molgen.graphs.metrics.metric import Measured, Metric

LEAST = 2
"""Items that distances need: fewer have no covariance."""

Distributions = Mapping[str, NDArray[Any]]
"""Quantity -> its values, one for each graph or node."""


@dataclass(frozen=True)
class Entry:
    """What one number of an evaluation is.

    Attributes:
        title: as it is printed.
        group: under which it is listed.
        more_is_better: whether larger values are better.
        percent: whether it is a share.
    """

    title: str
    group: str
    more_is_better: bool = False
    percent: bool = False


@dataclass(frozen=True)
class Checked:
    """Drawn graphs after the checks that each passes or not.

    Attributes:
        n: how many were drawn.
        shares: of them that pass, by the name of the check.
        items: those that distances are measured of, as the judge's metrics take them.
        count: how many these are.
        texts: the same as text: SMILES, or graph6.
        rejected: the others, each with its reason.
        remarks: on anything odd about them.
    """

    n: int
    shares: Mapping[str, Measured]
    items: Any
    count: int
    texts: Sequence[str]
    rejected: Sequence[Rejected]
    remarks: Sequence[str] = ()

    def require(self, where: str) -> None:
        """Refuse a set of which too few can be compared.

        Raises:
            UsageError: there are fewer than two.
        """
        if self.count < LEAST:
            reason = f"; the first: {self.rejected[0].reason}" if self.rejected else ""
            raise UsageError(
                f"{where}: {self.count} of {self.n} graphs can be compared with the data, and "
                f"distances such as the FCD need at least {LEAST}{reason}"
            )


class Judge(Protocol):
    """Judges drawn graphs against one data set."""

    @property
    def kind(self) -> str:
        """Of the graphs, as their `meta` says."""
        ...

    @property
    def noun(self) -> str:
        """What they are called."""
        ...

    @property
    def data(self) -> DataFolder:
        """The data set."""
        ...

    @property
    def options(self) -> EvaluateTable:
        """How much is compared."""
        ...

    @property
    def entries(self) -> Mapping[str, Entry]:
        """What each share and each distance is."""
        ...

    @property
    def metrics(self) -> Mapping[str, Metric[Any, Any]]:
        """Distances, by name, of `Checked.items`."""
        ...

    @property
    def headline(self) -> tuple[str, ...]:
        """Names of the shares and distances that say most."""
        ...

    @property
    def usual(self) -> int:
        """How many graphs are drawn if nobody says."""
        ...

    @property
    def test(self) -> Any:
        """Items of the test set."""
        ...

    @property
    def pool(self) -> Any:
        """Items of (a part of) the training set."""
        ...

    @property
    def identity(self) -> str:
        """What else than data and sizes decides its numbers, for what is kept."""
        ...

    def read(self, path: Path, count: int | None) -> Checked:
        """The checks of the first graphs of a file, or of all.

        Raises:
            UsageError: the file cannot be read, is empty, or holds another kind of graphs.
        """
        ...

    def check(self, drawn: GraphSet) -> Checked:
        """The checks of drawn graphs."""
        ...

    def distributions(self, items: Any) -> Distributions:
        """What histograms show of some items."""
        ...

    def remarks(self, checked: Checked) -> list[str]:
        """What to read beside the numbers."""
        ...


def require_kind(graphs: GraphSet, data: DataFolder, where: str) -> None:
    """Refuse plain graphs where the data are molecules, and the reverse.

    Raises:
        UsageError: they are of the other kind, or there are none.
    """
    words = {"molecules": "molecules", "plain": "graphs without chemistry"}
    here, there = (words[str(one.meta["kind"])] for one in (graphs, data.train))
    if here != there:
        raise UsageError(f"{where}: holds {here}, but {data.meta['name']} holds {there}")
    if not len(graphs):
        raise UsageError(f"{where}: is empty: it holds no graphs")


def chosen(count: int, most: int) -> NDArray[np.int64]:
    """Indices of `most` of `count` graphs, drawn at random but always the same, or of all."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))
