"""Energies of molecules: symmetries, the limit of large noise, stiff terms by quadrature.

Nothing here knows how a network is built inside: weights are drawn at random.
"""

import math

import pytest
import torch

from molgen.config import Recipe
from molgen.core.augmentation import INVERTED
from molgen.core.batch import Batch, DenseRows
from molgen.core.so3 import uniform
from molgen.md.beads import Bead, BeadMapping
from molgen.md.model_potential import ModelPotential
from molgen.md.statistics import Statistics
from molgen.md.system import load_system
from molgen.md.task import as_batch, build_model

VE = {"kind": "VE", "sigma_min": 0.003, "sigma_max": 10.0}
KINDS = [
    ("beads", "backbone5"),
    ("beads", "heavy"),
    ("beads", "all"),
    ("graph_transformer", "backbone5"),
    ("coordinates", "particle"),
    ("plain", "particle"),
]


@pytest.fixture(scope="module")
def ala2():
    return load_system("ala2")


def recipe_of(kind, process=VE, augment=0.0, **options):
    return Recipe.parse(
        {
            "task": "md",
            "name": "n",
            "process": {"pos": process},
            "model": {"kind": kind, **options},
            "loss": [{"kind": "denoising", "augment": augment}],
            "train": {"steps": 1, "batch_size": 1},
        },
        "n.toml",
    )


def random_model(recipe, statistics, generator, size=0.3):
    """A model far from its initial weights, so that every feature counts, float64."""
    model = build_model(recipe, statistics).double()
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight.add_(size * noise / max(1, weight.shape[-1]) ** 0.5)
    return model.requires_grad_(False)


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


def times(model, sigma):
    return model.processes["pos"].time_of(torch.as_tensor(sigma, dtype=torch.float64))


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


# A rigid dimer: two beads at a distance r = mean +- width, any orientation, no centre. In the
# coordinate u = (y_1 - y_2) / sqrt 2, in which noise is white, data are a shell of radius |u|.
MEAN, WIDTH = math.sqrt(6.0), 0.03  # of r; the mean square of u is then 3, its dimension


def dimer() -> Statistics:
    beads = tuple(Bead(name, "DIM", 1, "C", 12.0, k) for k, name in enumerate(("A", "B")))
    return Statistics(
        system="dimer",
        mapping=BeadMapping("all", beads, ((0, 1),)),
        kT=1.0,
        scale=1.0,
        offset=(0.0, 0.0, 0.0),
        centred=True,
        pairs=((0, 1),),
        mean=(MEAN,),
        modes=((1 / math.sqrt(2),),),
        variance=(WIDTH**2 / 2,),
    )


def exact_dimer(R, sigma):
    """-log q of a shell with noise, at radius R: `[points]`, by quadrature over the shell's radius.

    A sphere of radius a becomes (N(R - a) - N(R + a)) / (4 pi a R), N of width sigma.
    """
    s = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    a = MEAN / math.sqrt(2) + WIDTH / math.sqrt(2) * s
    weight = torch.exp(-0.5 * s.square())
    weight = weight / weight.sum()
    near, far = (torch.exp(-0.5 * ((R[:, None] - k * a) / sigma).square()) for k in (1, -1))
    density = (near - far) / (math.sqrt(2 * math.pi) * sigma * 4 * math.pi * a * R[:, None])
    return -torch.log((density * weight).sum(1))


def closed_form(sigma, spread):
    """The model without its network, the exact energy, and radii within `spread` noised widths."""
    model = build_model(recipe_of("beads"), dimer()).double().requires_grad_(False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    width = math.sqrt(WIDTH**2 / 2 + sigma**2)
    R = MEAN / math.sqrt(2) + width * torch.linspace(-spread, spread, 41, dtype=torch.float64)
    y = torch.zeros(41, 2, 3, dtype=torch.float64)
    y[:, 0, 0], y[:, 1, 0] = R / math.sqrt(2), -R / math.sqrt(2)
    return model.energy(as_batch(y), times(model, [sigma] * 41)), exact_dimer(R, sigma), R, width


@pytest.mark.parametrize("sigma", [0.003, 0.01, 0.03, 0.1])
def test_closed_form_terms_leave_a_force_of_order_one_to_learn(sigma):
    """The base's radial Gaussian in place of what curvature does to a shell of width v in noise.

    R / (1 + sigma^2) - (1 + v / (v + sigma^2)) / R: density p(R) / 4 pi R^2 where the noise is
    small, N(R - a) / 4 pi a R where it is large. That is 0.6 to 1.15 at R = sqrt 3; the stiff force
    itself is 10 to 50 at each width.
    """
    found, exact, R, width = closed_form(sigma, 3.0)
    left = torch.gradient(found - exact, spacing=(R,))[0][1:-1]
    expected = R / (1 + sigma**2) - (1 + WIDTH**2 / 2 / width**2) / R
    # The fade takes (sigma / 0.6)^4 of the stiff force, 1e-3 at 0.1; next order in width: 0.02.
    fade = (sigma / 0.6) ** 4 * 3 / width
    torch.testing.assert_close(left, expected[1:-1], atol=0.02 + fade, rtol=0)


def test_closed_form_energies_of_different_noise_can_be_compared():
    """At the shell's radius: log q falls by 1.6 from noise 0.003 to 0.1, the difference is 0.02."""
    pairs = [closed_form(sigma, 3.0) for sigma in (0.003, 0.01, 0.03, 0.06, 0.1)]
    exact = torch.stack([exact[20] for _, exact, *_ in pairs])
    found = torch.stack([found[20] for found, *_ in pairs])
    assert exact[-1] - exact[0] > 1.5
    difference = found - exact
    assert difference.max() - difference.min() < 0.02


@pytest.mark.parametrize("sigma", [0.003, 0.03, 0.1])
def test_closed_form_has_the_noised_width_of_the_bond(sigma):
    """Mean and variance of R by quadrature over exp(-E) R^2: shifted by width^2, no more."""
    found, exact, R, width = closed_form(sigma, 6.0)
    moments = []
    for energy in (found, exact):
        p = torch.exp(-(energy - energy.min())) * R.square()
        mean = (p * R).sum() / p.sum()
        moments.append((mean.item(), ((p * (R - mean).square()).sum() / p.sum()).item()))
    # The force of order one left to learn moves the mean by 1.15 width^2, and tilts the width.
    assert abs(moments[0][0] - moments[1][0]) < 1.3 * width**2
    assert moments[0][1] == pytest.approx(moments[1][1], rel=0.01 + width**2)


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
