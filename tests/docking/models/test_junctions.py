"""The links of fragments: forces, exact where fragments are points, useful elsewhere."""

import pytest
import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.docking.data.system import as_batch, points
from molgen.docking.models.junctions import Junctions
from tests.docking.toys import SPREAD, denoising_losses, processes, two_points


def test_points_on_each_other_are_pulled_together_as_the_gaussian_of_their_noise_has_it() -> None:
    batch = as_batch([two_points()]).to("cpu", torch.float64)
    junctions = Junctions(SPREAD).double()
    s, r = torch.tensor([0.1], dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    own = junctions.log_deviation[2].exp() ** 2 + (junctions.log_sagitta[2].exp() * r**2) ** 2
    tied, free = 2 * s**2 + own, 2 * (s**2 + SPREAD**2) + own
    fade = 1 / (1 + (r / junctions.log_limit.exp()) ** 4)
    x = points(batch.state, batch.given)
    force, torque = junctions.force(x, batch.state["trans"], batch.given, s, r)
    pull = fade * (1 / tied - 1 / free) * torch.tensor([0.1, -0.2, 0.05], dtype=torch.float64)
    assert torch.allclose(force[0, 0], pull, rtol=1e-6)
    assert torch.allclose(force[0, 1], -pull, rtol=1e-6)
    assert not torque.any()


@pytest.mark.parametrize("level", [0.02, 0.05, 0.1])
def test_links_denoise_better_than_nothing_at_small_and_middling_noise(level: float) -> None:
    made, junctions = processes(), Junctions(SPREAD)

    def score(noised: Batch, t: Tensor) -> dict[str, Tensor]:
        x = points(noised.state, noised.given)
        s, r = made["trans"].noise(t), made["rot"].noise(t)
        force, torque = junctions.force(x, noised.state["trans"], noised.given, s, r)
        return {
            "trans": force,
            "rot": (noised.state["rot"].mT @ torque[..., None])[..., 0],
        }

    for without, with_links in denoising_losses(score, level).values():
        assert with_links < 0.9 * without
