"""Implicit solvent against OpenMM at any overlap of spheres, and against its defining integral."""

import openmm
import pytest
import torch
from openmm.app.internal.customgbforces import GBSAOBC1Force

from molgen.md.forcefield.force_field import ForceField
from molgen.md.forcefield.gbsa import descreening_integral
from tests.md.forcefield.amber import assert_agrees

pytestmark = pytest.mark.openmm


@pytest.mark.parametrize("distance_nm", [0.005, 0.03, 0.06, 0.1, 0.2, 0.5, 2.0])
@pytest.mark.parametrize("kind", ["GBSAOBCForce", "CustomGBForce"])
def test_solvent_agrees_with_openmm_at_any_overlap(kind, distance_nm):
    # from one sphere inside the other (both ways round) over overlap to far apart
    system, charges = openmm.System(), openmm.NonbondedForce()
    gb = openmm.GBSAOBCForce() if kind == "GBSAOBCForce" else GBSAOBC1Force(SA="ACE")
    for parameters in ([0.4, 0.10, 0.8], [-0.7, 0.20, 0.9], [0.2, 0.25, 0.3]):
        system.addParticle(12.0)
        charges.addParticle(0.0, 0.1, 0.0)
        if kind == "GBSAOBCForce":
            gb.addParticle(*parameters)
        else:
            gb.addParticle(parameters)
    if kind == "CustomGBForce":
        gb.finalize()
    system.addForce(gb)
    system.addForce(charges)
    ff = ForceField.from_openmm(system, torch.float64, compile=False)
    x = torch.tensor([[[0.0, 0, 0], [distance_nm, 0, 0], [0, 0.7 * distance_nm, 0]]]).double()
    assert_agrees(system, ff, x)


def test_integral_is_that_of_one_over_r_to_the_fourth():
    # I = 1/(4 pi) int_sphere d3r / |r|^4 over the part of the sphere outside rho: quadrature in
    # the distance w from the descreened atom, where the sphere covers a cap of the shell
    r, rho, s = 0.15, 0.1, 0.12
    w = torch.linspace(max(rho, r - s), r + s, 200_001, dtype=torch.float64)
    covered = (1 - (r * r + w * w - s * s) / (2 * r * w)) / 2
    expected = torch.trapezoid(covered / w**2, w)
    tensors = [torch.tensor(v, dtype=torch.float64) for v in (r, rho, s)]
    found, _ = descreening_integral(*tensors, engulfed=True)
    # trapezoid of 2e5 steps: error of order (1e-6)^2 times the second derivative, ~ 1e5
    assert float(found) == pytest.approx(float(expected), rel=1e-6)
