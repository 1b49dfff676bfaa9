"""The density of placed atoms: normalised, that of the draws, and with the right hand."""

import math

import pytest
import torch

from molgen.md.geometry import angles, distances
from molgen.md.reconstruction.placement import Placement
from molgen.md.reconstruction.widths import placed_by
from molgen.md.system import load_system
from molgen.md.system.collective import dihedral


@pytest.fixture(scope="module")
def placement(ala2):
    return Placement.of(ala2, ala2.mapping("backbone5").atoms)


def drawn(system, placement, count, seed=0):
    beads = system.start[list(placement.beads)].expand(count, -1, -1)
    return placement.draw(beads, torch.Generator().manual_seed(seed))


def gaussian(value, mean, width):
    return -0.5 * ((value - mean) / width) ** 2 - math.log(width * math.sqrt(2 * math.pi))


def test_log_density_is_that_of_internal_coordinates_and_their_jacobian(ala2, placement):
    """Log r = sum of log p - log |dz / d(internal)|, the Jacobian by automatic differentiation."""
    for frame in drawn(ala2, placement, 2):
        frame = frame[None]
        internal, log_p = [], 0.0
        for row, varies in zip(placement.rows, placement.varies, strict=True):
            d = float(distances(frame, [(row.atom, row.centre)]))
            theta = float(angles(frame, [(row.atom, row.centre, row.arm)]))
            phi = float(dihedral(frame, row.quadruple))
            internal += [d, theta, phi]
            mixture = varies.dihedral
            parts = zip(mixture.means, mixture.widths, mixture.weights, strict=True)
            p = sum(
                weight * math.exp(gaussian(phi + turn, mean, width))
                for mean, width, weight in parts
                for turn in (-2 * math.pi, 0, 2 * math.pi)
            )
            log_p += gaussian(d, *varies.distance) + gaussian(theta, *varies.angle) + math.log(p)

        def place(values, frame=frame):
            new = list(frame[0].unbind())
            for k, row in enumerate(placement.rows):
                d, theta, phi = values[3 * k : 3 * k + 3]
                new[row.atom] = placed_by(torch.stack(new)[None], row, d, theta, phi[None])[0]
            return torch.cat([new[row.atom] for row in placement.rows])

        values = torch.tensor(internal, dtype=torch.float64)
        placed = torch.cat([frame[0, row.atom] for row in placement.rows])
        assert torch.allclose(place(values), placed, atol=1e-12)
        J = torch.func.jacfwd(place)(values)
        exact = log_p - torch.linalg.slogdet(J)[1]
        # images that are left out of narrow dihedrals are less than exp(-30)
        assert float(placement.log_density(frame)) == pytest.approx(float(exact), abs=1e-8)


def test_it_integrates_to_one(ala2):
    """E_r[g / r] = 1 of a narrow density g about where two atoms are."""
    methyl = [ala2.atoms.index(f"1:H{k}") for k in (1, 2)]
    beads = [k for k in range(len(ala2.atoms)) if k not in methyl]
    placement = Placement.of(ala2, beads)
    x = drawn(ala2, placement, 40_000)
    middle = drawn(ala2, placement, 1, seed=1)[:, methyl]
    width = 0.003
    apart = (x[:, methyl] - middle).square().sum((1, 2))
    log_g = -0.5 * apart / width**2 - 6 * math.log(width * math.sqrt(2 * math.pi))
    ratio = (log_g - placement.log_density(x)).exp()
    error = ratio.std() / math.sqrt(len(x))
    assert error < 0.05
    assert abs(ratio.mean() - 1) < 4 * error


def test_forces_are_slopes(ala2, placement):
    """Of the beads as well as of the placed atoms; finite differences of 1e-6 nm."""
    x = drawn(ala2, placement, 2)
    energy, forces = placement.energy_and_forces(x)
    assert torch.allclose(energy, -placement.log_density(x))
    for atom in (4, 8, 0, 10, 20):
        for k in range(3):
            step = torch.zeros_like(x)
            step[:, atom, k] = 1e-6
            up, down = (placement.log_density(x + sign * step) for sign in (1, -1))
            # of the order of 1e3 nats/nm, rounding of 1e-14 x 1e2 / 1e-6
            assert torch.allclose((up - down) / 2e-6, forces[:, atom, k], atol=1e-3, rtol=1e-6)
    leaf = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(placement.log_density(leaf).sum(), leaf)
    assert torch.allclose(slope, forces, atol=1e-8)


def test_draws_have_the_widths_of_the_springs(ala2, placement):
    n = 20_000
    x = drawn(ala2, placement, n)
    for row, varies in zip(placement.rows, placement.varies, strict=True):
        d = distances(x, [(row.atom, row.centre)])
        theta = angles(x, [(row.atom, row.centre, row.arm)])
        for value, (mean, width) in ((d, varies.distance), (theta, varies.angle)):
            assert abs(float(value.mean()) - mean) < 4.5 * width / math.sqrt(n)
            assert float(value.std()) == pytest.approx(width, rel=4.5 / math.sqrt(2 * n))
        mixture = varies.dihedral
        cosine = sum(
            weight * math.cos(mean) * math.exp(-0.5 * width**2)
            for mean, width, weight in zip(
                mixture.means, mixture.widths, mixture.weights, strict=True
            )
        )
        assert abs(float(dihedral(x, row.quadruple).cos().mean()) - cosine) < 4.5 / math.sqrt(n)


@pytest.mark.parametrize("name", ["peptide:IT", "peptide:Ac-PW-NHMe"])
def test_chiral_centres_keep_their_hand(name):
    """Signed volumes at every carbon with four neighbours are of the sign of the start's."""
    system = load_system(name)
    placement = Placement.of(system, system.mapping("backbone").atoms)
    x = drawn(system, placement, 200)
    around = {k: [] for k in range(len(system.atoms))}
    for i, j in system.atoms.bonds:
        around[i].append(j)
        around[j].append(i)
    seen = 0
    for centre, others in around.items():
        heavy = [k for k in others if system.atoms.beads[k].element != "H"]
        if len(others) == 4 and len(heavy) == 3:
            a, b, c = (x[:, k] - x[:, centre] for k in heavy)
            volume = (a * torch.linalg.cross(b, c)).sum(-1)
            a, b, c = (system.start[k] - system.start[centre] for k in heavy)
            hand = torch.sign((a * torch.linalg.cross(b, c)).sum())
            assert (volume * hand > 0).all()
            seen += 1
    assert seen >= 2


def test_placing_follows_the_beads(ala2, placement):
    """The density neither knows where the molecule is, nor how it is turned."""
    x = drawn(ala2, placement, 4)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    turn = (turn * torch.sign(torch.linalg.det(turn))).double()
    # qr of float32: orthogonal to 1e-7, in a width of 1e-2 of bonds
    moved = x @ turn.mT + 0.7
    assert torch.allclose(placement.log_density(moved), placement.log_density(x), atol=1e-3)
