"""How many frames count for one, against processes whose answer is known."""

import numpy as np
import pytest

from molgen.md.data.convergence import inefficiency


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_of_an_autoregressive_process(memory):
    """x' = a x + noise: g = (1 + a) / (1 - a)."""
    random = np.random.default_rng(4)
    x = random.standard_normal(200) / np.sqrt(1 - memory**2)
    kept = []
    for _ in range(2000):
        x = memory * x + random.standard_normal(200)
        kept.append(x)
    assert inefficiency(np.stack(kept)) == pytest.approx((1 + memory) / (1 - memory), rel=0.05)


def test_chains_that_never_move_are_one_frame_each():
    values = np.tile(np.array([0.0, 1.0, 1.0]), (50, 1))
    assert inefficiency(values) == pytest.approx(50, rel=0.05)
