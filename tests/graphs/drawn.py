"""Graphs drawn in a few steps, and when two sets of them are the same."""

import numpy as np

from molgen.sampler import SampleTable

FEW = SampleTable(steps=5, solver="ancestral")


def equal(one, other):
    return all(
        np.array_equal(getattr(one, part), getattr(other, part))
        for part in ("sizes", "nodes", "edges")
    )
