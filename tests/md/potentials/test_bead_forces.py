"""Forces on beads: their mean is the mean force, known for springs."""

from types import SimpleNamespace

import pytest
import torch

from molgen.md.potentials import AutogradPotential
from molgen.md.potentials.bead_forces import BeadForces, nearest_bead
from molgen.md.system import load_system
from molgen.md.system.beads import Bead, BeadMapping

K = torch.tensor(
    [[3.0, -1.0, 0.0, 0.0], [-1.0, 4.0, -2.0, 0.0], [0.0, -2.0, 5.0, -1.0], [0.0, 0.0, -1.0, 2.0]]
)
"""Springs of a row of four atoms, kT = 1, of which the first two are beads."""


class Springs(AutogradPotential):
    def energy(self, x):
        return 0.5 * torch.einsum("nid,ij,njd->n", x, K, x)


@pytest.fixture
def row():
    beads = tuple(Bead(f"A{k}", "ROW", 1, "C", 12.0, k) for k in range(4))
    atoms = BeadMapping("all", beads, ((0, 1), (1, 2), (2, 3)))
    return SimpleNamespace(atoms=atoms, potential=Springs), atoms.choose("two", [0, 1])


def test_the_mean_of_the_forces_is_the_mean_force(row, generator):
    """Regressed on the beads, they give the inverse covariance of the beads, by Schur."""
    x = torch.linalg.cholesky(K.inverse()) @ torch.randn(200_000, 4, 1, generator=generator)
    forces = BeadForces(*row)(x.expand(-1, -1, 3).contiguous())[..., 0].double()
    beads = x[:, :2, 0].double()  # single precision is not enough for a regression
    slope = torch.linalg.lstsq(beads, forces).solution
    expected = -(K[:2, :2] - K[:2, 2:] @ K[2:, 2:].inverse() @ K[2:, :2])
    # four standard errors of a regression: scatter that is left, over the spread of the beads
    left = (forces - beads @ slope).square().mean(0)
    error = ((beads.mT @ beads).inverse().diag()[:, None] * left).sqrt()
    # and float32, which is all there is of the first bead: no other atom goes with it
    assert ((slope - expected).abs() < 4 * error + 2e-5).all()
    assert error.max() < 0.01


def test_atoms_go_with_the_nearest_bead_along_bonds(row):
    assert nearest_bead(row[0].atoms, row[1]).tolist() == [0, 1, 1, 1]


def test_side_chains_go_with_cb_and_hydrogens_with_their_atom():
    system = load_system("peptide:KS")
    mapping = system.mapping("backbone")
    labels = [bead.label for bead in mapping.beads]
    owner = dict(
        zip(
            (bead.label for bead in system.atoms.beads),
            (labels[k] for k in nearest_bead(system.atoms, mapping).tolist()),
            strict=True,
        )
    )
    assert owner["1:NZ"] == owner["1:HB2"] == "1:CB"
    assert (owner["1:HA"], owner["2:H"], owner["2:HG"]) == ("1:CA", "2:N", "2:CB")
    assert owner["2:OXT"] == "2:C"


def test_nothing_of_the_force_is_lost(generator):
    """Forces of a free molecule sum to zero, also those on its beads."""
    system = load_system("peptide:AG")
    x = system.start.float() + 0.005 * torch.randn(3, *system.start.shape, generator=generator)
    forces = BeadForces(system, system.mapping("backbone"))(x)
    assert forces.shape == (3, 9, 3)
    assert forces.abs().max() > 100
    # float32: 6e-8 of each of the largest forces, of some twenty atoms with many terms each
    assert forces.sum(1).abs().max() < 1e-6 * forces.abs().max()
