"""Confidence in poses: the loss by hand, and that it can be learned at all."""

import math
from dataclasses import replace
from pathlib import Path

import torch

from molgen.core.batch import Batch
from molgen.docking.confidence import Confidence, Ranking, poses
from molgen.docking.network import PoseNetwork, Shape
from molgen.docking.pose_set import Judged, PoseSet
from molgen.docking.system_set import SystemSet
from tests.docking.test_system_set import META
from tests.docking.toys import VOCABULARY, processes, system


class Fixed(torch.nn.Module):
    """Answers its evidence."""

    def forward(self, batch: Batch) -> torch.Tensor:
        return batch.given["evidence"][:, 0]


def labelled(odds: list[float], right: list[float], of: list[int]) -> Batch:
    systems = [system(seed=k) for k in range(max(of) + 1)]
    batch = poses(
        [systems[k] for k in of],
        [torch.zeros(9, 3) for _ in of],
        torch.tensor(odds)[:, None],
    )
    return replace(
        batch,
        rows={**batch.rows, "right": batch.rows["system"]},
        given={**batch.given, "right": torch.tensor(right)},
    )


def test_the_loss_by_hand() -> None:
    # The third ligand has no right pose: it counts in the log-loss alone.
    batch = labelled([1.0, -1.0, 0.0, 2.0, 0.5], [1.0, 0.0, 0.0, 1.0, 0.0], [0, 0, 1, 1, 2])
    loss, log = Ranking()(Fixed(), {}, batch, None)
    each = [math.log1p(math.exp(-1)), math.log1p(math.exp(-1)), math.log(2)]
    each += [math.log1p(math.exp(-2)), math.log1p(math.exp(0.5))]
    choice = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-2))) / 2
    assert math.isclose(log["log_loss"].item(), sum(each) / 5, rel_tol=1e-5)
    assert math.isclose(log["choice"].item(), choice, rel_tol=1e-5)
    assert math.isclose(loss.item(), 0.5 * (sum(each) / 5 + choice), rel_tol=1e-5)
    assert math.isclose(log["top_1"].item(), 2 / 3, rel_tol=1e-6)


def test_contacts_can_be_learned() -> None:
    # Right is who lies near the pocket's first atom: the evidence says nothing.
    torch.manual_seed(0)
    made = processes()
    shape = Shape(width=8, pair_width=8, vectors=2, radial=8, neighbours=8)
    model = Confidence(made, PoseNetwork(made, VOCABULARY, shape), 1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    place = system()
    near = place.pocket[0] + 0.1 * torch.randn(20, 9, 3)
    far = torch.tensor([2.0, 0.0, 0.0]) + 0.1 * torch.randn(20, 9, 3)
    batch = poses([place] * 40, [*near, *far], torch.zeros(40, 1))
    right = torch.cat([torch.ones(20), torch.zeros(20)])
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(batch), right)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert ((model(batch) > 0).float() == right).float().mean() > 0.95


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
