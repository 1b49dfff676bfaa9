"""Basins of dihedrals and widths of springs, where they are known."""

import math

import numpy as np
import pytest
import torch

from molgen.md.forcefield.force_field import ForceField
from molgen.md.reconstruction.widths import GRID, ISOMER, basins, variations
from molgen.md.reconstruction.zmatrix import zmatrix
from molgen.md.system import load_system

TURN = np.arange(GRID) * 2 * math.pi / GRID


def test_three_equal_basins_of_a_methyl():
    found = basins(4 * np.cos(3 * TURN), 0.1)
    assert sorted(np.degrees(found.means)) == pytest.approx([-60, 60, 180], abs=0.6)
    assert found.weights == pytest.approx([1 / 3] * 3, abs=1e-9)
    # second moment of exp(-4 cos 3 phi) about its minimum; broadened where there are several
    phi = np.linspace(-math.pi / 3, math.pi / 3, 10001)
    p = np.exp(4 * np.cos(3 * phi))
    width = math.sqrt((p * phi**2).sum() / p.sum())
    assert found.widths == pytest.approx([1.2 * width] * 3, rel=0.02)


def test_a_spring_is_one_gaussian():
    away = np.remainder(TURN - 2.0 + math.pi, 2 * math.pi) - math.pi
    found = basins(0.5 * 100 * away**2, 1.7)
    assert found.means == pytest.approx((2.0,), abs=1e-3)
    assert found.widths == pytest.approx((0.1,), rel=0.02)


def test_other_isomers_are_left_out():
    """Cis and trans behind a high barrier: that of the start only; behind a low one, both."""
    high = 0.6 * ISOMER * (1 - np.cos(2 * TURN))
    assert basins(high, 3.0).means == pytest.approx((math.pi,), abs=0.02) or basins(
        high, 3.0
    ).means == pytest.approx((-math.pi,), abs=0.02)
    assert basins(high, 0.3).means == pytest.approx((0.0,), abs=0.02)
    assert len(basins(high / 2, 3.0).means) == 2


def test_a_free_turn_is_covered():
    found = basins(np.zeros(GRID), 0.0)
    phi = np.linspace(-math.pi, math.pi, 50)
    density = sum(
        weight * math.exp(-0.5 * ((p - mean + turn) / width) ** 2) / width / math.sqrt(2 * math.pi)
        for mean, width, weight in zip(found.means, found.widths, found.weights, strict=True)
        for turn in (-2 * math.pi, 0, 2 * math.pi)
        for p in phi
    )
    assert density / 50 * 2 * math.pi == pytest.approx(1, abs=0.02)


def test_a_wide_basin_between_walls_is_covered():
    """kT (1 - cos): one basin, wide enough to be cut into parts, none of them empty."""
    found = basins(5.5 * (1 - np.cos(TURN)), 0.0)
    assert np.isfinite([found.means, found.widths, found.weights]).all()
    assert min(found.widths) > 0.1
    assert all(-2.5 < mean < 2.5 for mean in found.means)


def test_springs_of_the_force_field():
    """Alanine's CB: 0.1526 nm with 259408 kJ/mol/nm^2, 109.7 degrees with 669.4 (amber99)."""
    system = load_system("ala2")
    rows = zmatrix(system.atoms, system.mapping("backbone5").atoms)
    potential = system.potential(torch.float64, compile=False)
    assert isinstance(potential, ForceField)
    found = variations(rows, potential.bonded, system.start, system.kT)
    labels = [system.atoms.beads[row.atom].label for row in rows]
    one = found[labels.index("2:CB")]
    width = math.sqrt(system.kT / 259408)
    assert one.distance == pytest.approx((0.1526 + 2 * width**2 / 0.1526, width), rel=1e-6)
    bend = math.sqrt(system.kT / 669.44)
    theta = math.radians(109.7)
    assert one.angle == pytest.approx((theta + bend**2 / math.tan(theta), bend), rel=1e-6)
    assert len(one.dihedral.means) == 1  # one hand
    # methyls turn; the peptide bond is trans
    assert len(found[labels.index("2:HB1")].dihedral.means) == 3
    (omega,) = found[labels.index("1:CH3")].dihedral.means
    assert abs(omega) == pytest.approx(math.pi, abs=0.02)
