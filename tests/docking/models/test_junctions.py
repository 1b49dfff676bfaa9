"""The links of fragments: a Gaussian, exact where fragments are points, useful elsewhere."""

import math

import torch

from molgen.core.losses import corrupt
from molgen.docking.data.system import System, as_batch, points
from molgen.docking.models.junctions import Junctions
from tests.docking.toys import processes, system

SPREAD = 0.27


def two_points() -> System:
    """Two fragments of one point each, which should lie on each other."""
    whole = system(2, 2)
    return whole.replace(
        body=torch.zeros(2, 3),
        fragment=torch.arange(2),
        atom=torch.arange(2),
        links=torch.tensor([[0, 1]]),
        link_kinds=torch.tensor([2]),
        link_lengths=torch.zeros(1),
        trans=torch.tensor([[0.0, 0.0, 0.0], [0.1, -0.2, 0.05]]),
        rot=torch.eye(3).repeat(2, 1, 1),
    )


def test_points_on_each_other_have_the_gaussian_of_their_noise() -> None:
    batch = as_batch([two_points()]).to("cpu", torch.float64)
    junctions = Junctions(SPREAD).double()
    s, r = torch.tensor([0.1], dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    x = points(batch.state, batch.given)
    trans = batch.state["trans"]
    own = junctions.log_deviation[2].exp() ** 2 + (junctions.log_sagitta[2].exp() * r**2) ** 2
    tied, free = 2 * s**2 + own, 2 * (s**2 + SPREAD**2) + own
    square = torch.tensor(0.1**2 + 0.2**2 + 0.05**2, dtype=torch.float64)
    fade = 1 / (1 + (r / junctions.log_limit.exp()) ** 4)
    expected = fade * 0.5 * (square * (1 / tied - 1 / free) + 3 * torch.log(tied / free))
    energy = junctions.energy(x, trans, batch.given, s, r)
    assert torch.allclose(energy, expected, rtol=1e-6)
    force, torque = junctions.force(x, trans, batch.given, s, r)
    pull = fade * (1 / tied - 1 / free) * torch.tensor([0.1, -0.2, 0.05], dtype=torch.float64)
    assert torch.allclose(force[0, 0], pull, rtol=1e-6)
    assert torch.allclose(force[0, 1], -pull, rtol=1e-6)
    assert not torque.any()


def assembled(seed: int) -> System:
    """A made-up ligand whose links fit: every link's length is what it is."""
    made = system(12, 3, seed=seed)
    x = points(as_batch([made]).state, as_batch([made]).given)[0]
    dummies = made.link_kinds == 2
    body = made.body.clone()
    for u, v in made.links[dummies].tolist():
        k = made.fragment[v]
        body[v] = made.rot[k].T @ (x[u] - made.trans[k])
    lengths = (x[made.links[:, 0]] - x[made.links[:, 1]]).norm(dim=-1)
    return made.replace(body=body, link_lengths=torch.where(dummies, 0.0, lengths))


def test_links_denoise_better_than_nothing_at_small_and_middling_noise() -> None:
    made = processes()
    batch = as_batch([assembled(seed) for seed in range(8)], 16)
    junctions = Junctions(SPREAD)
    for level in (0.02, 0.05, 0.1):
        generator = torch.Generator().manual_seed(0)
        t = made["trans"].time_of(torch.tensor(level)).expand(batch.graphs)
        noised, target, scale = corrupt(made, batch, t, generator)
        x = points(noised.state, noised.given)
        s, r = made["trans"].noise(t), made["rot"].noise(t)
        with torch.no_grad():
            force, torque = junctions.force(x, noised.state["trans"], noised.given, s, r)
        links = {
            "trans": force,
            "rot": (noised.state["rot"].mT @ torque[..., None])[..., 0],
        }
        for name, process in made.items():
            rows = batch.rows[name]
            base = process.base_score(noised.state[name], t, rows)
            losses = [
                (scale.square() * process.manifold.inner(error, error, rows)).mean()
                for scale, error in (
                    (scale[name], base - target[name]),
                    (scale[name], base + links[name] - target[name]),
                )
            ]
            assert losses[1] < 0.9 * losses[0], (level, name)


def test_links_are_silent_at_the_prior() -> None:
    batch = as_batch([assembled(0)])
    x = points(batch.state, batch.given)
    junctions = Junctions(SPREAD)
    with torch.no_grad():
        low, high = (
            junctions.energy(
                x, batch.state["trans"], batch.given, torch.tensor([s]), torch.tensor([r])
            )
            for s, r in ((0.05, 0.3), (0.8, 3.0))
        )
    assert math.isfinite(low.item())
    assert abs(high.item()) < 0.02 * abs(low.item())
