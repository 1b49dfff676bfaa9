"""What models find of poses."""

import pytest
import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.docking.confidence.evidence import LEVELS, disfavour
from molgen.docking.data.system import as_batch
from tests.docking.toys import processes, system


class Pull(EnergyModel):
    """Half the squared distances of all centres from the origin, over the variance of the noise."""

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        width = self.processes["trans"].noise(t)
        return 0.5 * batch.state["trans"].square().sum((1, 2)) / width**2


class Away:
    """A score without an energy: points from the origin, and turns nothing."""

    def __init__(self) -> None:
        self.processes = processes()

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        del t
        return {"trans": batch.state["trans"], "rot": torch.zeros_like(batch.state["trans"])}


@pytest.fixture
def poses() -> Batch:
    return as_batch([system(seed=seed) for seed in range(4)])


def test_an_energy_says_itself_which_poses_are_bad(poses: Batch) -> None:
    square = poses.state["trans"].square().sum((1, 2))
    exact = torch.stack([0.5 * square / level**2 for level in LEVELS]).mean(0)
    assert torch.allclose(disfavour(Pull(processes()), poses), exact, rtol=1e-4)


def test_a_score_says_it_by_how_far_it_would_move_them(poses: Batch) -> None:
    twice = poses.replace(trans=2 * poses.state["trans"])
    once, moved = disfavour(Away(), poses), disfavour(Away(), twice)
    assert once.min() > 0
    assert torch.allclose(moved, 2 * once)
