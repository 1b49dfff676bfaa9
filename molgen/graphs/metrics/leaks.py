"""Whether a test set holds graphs of the training set, up to the order of their nodes.

The published community-small set leaks: its 100 graphs are of 52 classes, and 10 of the 20 test
graphs are training graphs in another order, so a good distance to it says little.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.isomorphism import isomorphism_classes, joined


@dataclass(frozen=True)
class Leaks:
    """What training and test set have in common.

    Attributes:
        train: training graphs.
        test: test graphs.
        distinct: classes of isomorphic graphs in both sets together.
        largest: graphs of the most frequent class.
        leaked: indices of the test graphs that are isomorphic to a training graph.
    """

    train: int
    test: int
    distinct: int
    largest: int
    leaked: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{len(self.leaked)} of {self.test} test graphs are also among the {self.train} for "
            f"training; {self.distinct} of {self.train + self.test} differ"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def find_leaks(train: GraphSet, test: GraphSet) -> Leaks:
    """Test graphs that are isomorphic to a training graph, types of nodes and edges included."""
    classes = isomorphism_classes(joined(train, test))
    seen = np.isin(classes[len(train) :], classes[: len(train)])
    sizes = np.bincount(classes) if len(classes) else np.zeros(1, int)
    return Leaks(
        train=len(train),
        test=len(test),
        distinct=len(np.unique(classes)),
        largest=int(sizes.max()),
        leaked=tuple(np.flatnonzero(seen).tolist()),
    )
