"""Chains of an evaluation: too short to forget their start alone, not when they are tempered."""

import pytest
import torch

from molgen.md.evaluation.chains import simulate_from
from tests.md.evaluation.well import DYNAMICS, OPTIONS, SYSTEM


def test_tempered_chains_forget_where_they_started():
    start = torch.full((100, 1, 1), -1.5)  # all of them on the left
    table = OPTIONS.model_copy(
        update={"ladder": (1.0, 1.7, 3.0), "lowest": 2, "samples": 20_000, "exchange_every": 10}
    )
    potential, generator = SYSTEM.potential(), torch.Generator().manual_seed(4)
    found = simulate_from(potential, DYNAMICS, start, table, generator=generator)
    assert found.positions.shape == (100, 200, 1, 1)
    assert found.groups == 100
    assert found.facts["time_ps"] == pytest.approx(40.0)
    left = (found.positions < 0).double().mean(0).reshape(100, 2).mean(1)  # of each group
    error = left.std() / 10
    assert error < 0.02
    assert abs(left.mean() - SYSTEM.answers["left"]) < 3 * error
    plain = simulate_from(potential, DYNAMICS, start, OPTIONS, generator=generator).positions
    assert (plain < 0).double().mean() > 0.75  # its chains are too short to forget
    assert found.facts["tempering"]["round_trips"] > 100
