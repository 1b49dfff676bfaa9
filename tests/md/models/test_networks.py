"""Energies of molecules: symmetries, slopes and the limit of large noise.

Nothing here knows how a network is built inside: weights are drawn at random.
"""

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses.augmentation import INVERTED
from molgen.core.manifolds.so3 import uniform
from molgen.md.models.batch import as_batch
from molgen.md.models.statistics import Statistics
from molgen.md.potentials.model import ModelPotential
from molgen.md.system import load_system
from tests.md.untrained import VE, random_model, recipe_of, times

KINDS = [
    ("beads", "backbone5"),
    ("beads", "heavy"),
    ("beads", "all"),
    ("graph_transformer", "backbone5"),
    ("coordinates", "particle"),
    ("plain", "particle"),
]


@pytest.fixture
def case(ala2, chain, generator):
    """`case(kind, molecule, ...)`: a random model, and data in its units."""

    def make(kind, molecule, process=VE, n=6, **options):
        if molecule == "particle":
            system = load_system("double_well_2d")
            x = 1 + torch.randn(400, 1, 2, generator=generator, dtype=torch.float64)
            statistics = Statistics.measure(system, system.atoms, x)
        else:
            mapping = ala2.mapping(molecule)
            x = chain(400, len(mapping), generator)
            statistics = Statistics.measure(ala2, mapping, x)
        recipe = recipe_of(kind, process, **options)
        return random_model(recipe, statistics, generator), statistics.normalise(x[:n])

    return make


def noised(y, sigma, generator):
    """Points of the variance-exploding process at noise sigma (one number, or one a frame)."""
    eps = torch.randn(y.shape, generator=generator, dtype=y.dtype)
    if y.shape[1] > 1:
        eps = eps - eps.mean(1, keepdim=True)
    return y + torch.as_tensor(sigma, dtype=y.dtype).reshape(-1, 1, 1) * eps


SIGMAS = (0.003, 0.03, 0.2, 0.7, 3.0, 10.0)


@pytest.mark.parametrize("molecule", ["backbone5", "heavy", "all"])
def test_energy_is_invariant_under_rotation_and_translation_and_the_score_turns(
    case, molecule, generator
):
    model, y = case("beads", molecule)
    y, t = noised(y, SIGMAS, generator), times(model, SIGMAS)
    R = uniform(torch.empty(len(y), 3, 3, dtype=torch.float64), generator)
    here, there = (model.evaluate(as_batch(x), t, rate=True) for x in (y, y @ R.mT))
    torch.testing.assert_close(there.energy, here.energy)
    torch.testing.assert_close(there.rate, here.rate)
    torch.testing.assert_close(there.score["pos"], here.score["pos"] @ R.mT)
    shift = torch.randn(len(y), 1, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        model.correction(as_batch(y + shift), t), model.correction(as_batch(y), t)
    )


@pytest.mark.parametrize("molecule", ["backbone5", "heavy", "all"])
def test_energy_tells_a_molecule_from_its_mirror_image(case, molecule, generator):
    model, y = case("beads", molecule)
    t = times(model, [0.003] * len(y))
    here, mirrored = (model.energy(as_batch(x), t) for x in (y, y * y.new_tensor([-1, 1, 1])))
    # Rounding is 1e-13; one odd feature in a hundred of random weight leaves 1e-4 kT at least.
    assert ((here - mirrored).abs() > 1e-5).all()


@pytest.mark.parametrize("molecule", ["backbone5", "heavy", "all"])
def test_forces_have_no_net_force_and_no_torque(case, molecule, generator):
    model, y = case("beads", molecule)
    y, t = noised(y, SIGMAS, generator), times(model, SIGMAS)
    score = model.score(as_batch(y), t)["pos"]
    size = score.norm(dim=-1).sum(1, keepdim=True)
    assert (score.sum(1).abs() < 1e-10 * size).all()
    assert (torch.linalg.cross(y, score).sum(1).abs() < 1e-10 * size).all()


@pytest.mark.parametrize(("kind", "molecule"), KINDS)
def test_a_batch_is_the_same_as_one_by_one(case, kind, molecule, generator):
    model, y = case(kind, molecule)
    y, t = noised(y, SIGMAS, generator), times(model, SIGMAS)
    together = model.evaluate(as_batch(y), t, rate=True)
    for k in range(len(y)):
        alone = model.evaluate(as_batch(y[k : k + 1]), t[k : k + 1], rate=True)
        torch.testing.assert_close(together.energy[k : k + 1], alone.energy)
        torch.testing.assert_close(together.rate[k : k + 1], alone.rate)
        torch.testing.assert_close(together.score["pos"][k : k + 1], alone.score["pos"])


@pytest.mark.parametrize(("kind", "molecule"), KINDS)
def test_score_and_rate_are_the_slopes_of_the_energy(case, kind, molecule, generator):
    model, y = case(kind, molecule)
    sigma = torch.tensor((0.02, 0.06, 0.2, 0.7, 3.0, 9.0), dtype=torch.float64)
    y, t = noised(y, sigma, generator), times(model, sigma)
    at = model.evaluate(as_batch(y), t, rate=True)
    v = noised(torch.zeros_like(y), 1.0, generator)
    h = 1e-4 * sigma
    up, down = (model.energy(as_batch(y + s * h[:, None, None] * v), t) for s in (1, -1))
    # Central differences of an energy that is stiff on the scale of sigma: (h / sigma)^2 = 1e-8.
    slope = (down - up) / (2 * h)
    found = (at.score["pos"] * v).sum((1, 2))
    torch.testing.assert_close(found, slope, atol=1e-5, rtol=1e-5)
    up, down = (model.energy(as_batch(y), t + s * 1e-5) for s in (1, -1))
    torch.testing.assert_close(at.rate, (down - up) / 2e-5, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("kind", "molecule"), KINDS)
def test_corrections_vanish_as_the_noise_grows(case, kind, molecule, generator):
    """As 1 / sigma^2 at least: at the prior the energy is that of the Gaussian base."""
    wide = {"kind": "VE", "sigma_min": 0.003, "sigma_max": 3000.0}
    model, y = case(kind, molecule, wide, n=50)
    process, rows = model.processes["pos"], DenseRows(50, (y.shape[1],))
    largest = []
    for sigma in (10.0, 100.0, 1000.0):
        x, t = noised(y, sigma, generator), times(model, [sigma] * 50)
        excess = model.energy(as_batch(x), t) - process.base_energy(x, t, rows)
        largest.append(excess.abs().max().item())
    # A factor 100 each, by scatter and by features of log sigma up to 3 times less.
    assert largest[0] > 30 * largest[1] > 30 * 30 * largest[2]
    assert largest[2] < 1e-3


@pytest.mark.parametrize(("kind", "molecule"), KINDS)
def test_vp_and_ve_are_one_model_in_two_frames(case, kind, molecule, generator):
    """q(x = m y) m^D = q(y) at equal noise / signal, with the same weights."""
    VP = {"kind": "VP", "t_min": 1e-3}
    first, y = case(kind, molecule, VP)
    vp = first.processes["pos"]
    ends = torch.tensor([vp.t_min, 1.0], dtype=torch.float64)
    low, high = (vp.noise(ends) / vp.signal(ends)).tolist()
    second, _ = case(kind, molecule, {"kind": "VE", "sigma_min": low, "sigma_max": high})
    # Statistics of other draws of data: take the whole state, prior included.
    second.load_state_dict(first.state_dict())
    sigma = torch.tensor((0.02, 0.06, 0.2, 0.7, 3.0, 9.0), dtype=torch.float64)
    y = noised(y, sigma, generator)
    t = vp.time_of(sigma)
    m = vp.signal(t)
    dim = vp.manifold.dim(y, DenseRows(len(y), (y.shape[1],)))
    left = first.energy(as_batch(m[:, None, None] * y), t)
    right = second.energy(as_batch(y), times(second, sigma)) + dim * m.log()
    torch.testing.assert_close(left, right)


def test_potential_is_kT_times_the_energy_in_nanometres(case, ala2, chain, generator):
    x = chain(200, 5, generator)
    statistics = Statistics.measure(ala2, ala2.mapping("backbone5"), x)
    model = random_model(recipe_of("beads"), statistics, generator)
    potential = ModelPotential(model, statistics)
    x = x[:4] + 0.3
    energy, forces = potential.energy_and_forces(x)
    t = torch.zeros(4, dtype=torch.float64)
    expected = statistics.kT * model.energy(as_batch(statistics.normalise(x)), t)
    torch.testing.assert_close(energy, expected)
    v = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    h = 1e-7  # nm, where bonds are 3e-3 wide and modelled with noise of 3e-4: (h / 3e-4)^2 = 1e-7
    slope = (potential.energy(x - h * v) - potential.energy(x + h * v)) / (2 * h)
    torch.testing.assert_close((forces * v).sum((1, 2)), slope, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "molecule"), [("beads", "backbone5"), ("coordinates", "particle")]
)
def test_networks_are_told_of_augmentation_where_a_loss_does_it(case, kind, molecule, generator):
    """One input more; without a word it is zero, which is what drawing and simulating see."""
    plain, _ = case(kind, molecule)
    told, y = case(kind, molecule, augment=0.5)
    assert (plain.augmented, told.augmented) == (False, True)
    batch, t = as_batch(y), torch.full((6,), 0.3, dtype=torch.float64)
    words = torch.tensor([0, 1, 0, 1, 1, 0], dtype=torch.float64)
    rows = {**batch.rows, INVERTED: DenseRows(6, ())}
    mixed = told.energy(Batch(batch.state, rows, {INVERTED: words}), t)
    plainly = told.energy(batch, t)
    assert torch.equal(mixed == plainly, words == 0)


def test_every_expert_is_told_of_augmentation(case):
    assert case("coordinates", "particle", augment=0.5, experts=[0.5])[0].augmented
    assert not case("coordinates", "particle", experts=[0.5])[0].augmented
