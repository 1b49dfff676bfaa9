"""Confidence in poses: the loss by hand, and a law that it must find."""

import math
from pathlib import Path

import torch

from molgen.core.batch import Batch
from molgen.docking.confidence import Confidence, Ranking, poses
from molgen.docking.data.pose_set import Judged, PoseSet
from molgen.docking.data.system_set import SystemSet
from tests.docking.data.test_system_set import META
from tests.docking.toys import system


class Fixed(torch.nn.Module):
    """Answers its evidence."""

    def forward(self, batch: Batch) -> torch.Tensor:
        return batch.state["evidence"][:, 0]


def test_the_loss_by_hand() -> None:
    # The third ligand has no right pose: it counts in the log-loss alone.
    odds, right = torch.tensor([1.0, -1.0, 0.0, 2.0, 0.5]), torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0])
    batch = poses(odds[:, None], right, torch.tensor([0, 0, 1, 1, 2]))
    loss, log = Ranking()(Fixed(), {}, batch, None)
    each = [math.log1p(math.exp(-1)), math.log1p(math.exp(-1)), math.log(2)]
    each += [math.log1p(math.exp(-2)), math.log1p(math.exp(0.5))]
    choice = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-2))) / 2
    assert math.isclose(log["log_loss"].item(), sum(each) / 5, rel_tol=1e-5)
    assert math.isclose(log["choice"].item(), choice, rel_tol=1e-5)
    assert math.isclose(loss.item(), 0.5 * (sum(each) / 5 + choice), rel_tol=1e-5)
    assert math.isclose(log["top_1"].item(), 2 / 3, rel_tol=1e-6)


def test_the_odds_that_poses_follow_are_found(generator: torch.Generator) -> None:
    # Evidence in odd units, right with known odds: a maximum-likelihood fit must return them.
    evidence = torch.randn(20_000, 2, generator=generator) * torch.tensor([0.1, 30.0]) + 5
    true = 20 * (evidence[:, 0] - 5) - (evidence[:, 1] - 5) / 30 - 1
    right = (torch.rand(20_000, generator=generator) < true.sigmoid()).float()
    model = Confidence(2)
    model.standardise(evidence)
    optimiser = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=50)
    batch = poses(evidence, right, torch.arange(20_000))  # one each: nothing to choose

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss, _ = Ranking()(model, {}, batch, None)
        loss.backward()
        return loss

    optimiser.step(closure)
    assert (model.odds(evidence) - true).square().mean().sqrt() < 0.1


def test_judged_poses_in_files(tmp_path: Path) -> None:
    systems = [system(9, 3), system(6, 2, pocket=25, seed=1)]
    judged = [
        Judged(torch.randn(4, 9, 3), torch.randn(4, 5), torch.rand(4)),
        Judged(torch.randn(2, 6, 3), torch.randn(2, 5), torch.rand(2)),
    ]
    made = PoseSet(SystemSet(["a", "b"], [[s] for s in systems], META), judged)
    made.save(tmp_path / "poses")
    found = PoseSet.load(tmp_path / "poses")
    for one, other in zip(found.judged, judged, strict=True):
        assert all(
            torch.equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
        )
    assert torch.equal(found.system(1).pocket, systems[1].pocket)
    assert len(found.take([1])) == 1
