"""Stiff terms in closed form, against the exact density of a rigid dimer by quadrature."""

import math

import pytest
import torch

from molgen.md.models.batch import as_batch
from molgen.md.models.kinds import build_model
from molgen.md.models.statistics import Statistics
from molgen.md.system.beads import Bead, BeadMapping
from tests.md.untrained import recipe_of, times

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
