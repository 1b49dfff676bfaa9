"""Peptides as systems: against OpenMM, and against what is known of L-amino acids."""

import math
from functools import cache

import openmm
import pytest
import torch

from molgen.chem.residues import AMINO_ACIDS as HEAVY_ATOMS
from molgen.errors import UsageError
from molgen.md.peptides.sequence import AMINO_ACIDS, Peptide
from molgen.md.peptides.slots import SLOT_ATOMS, slots_of
from molgen.md.system import load_system
from molgen.md.system.collective import dihedral

pytestmark = pytest.mark.openmm

PAIRS = ["AR", "ND", "CQ", "EG", "HI", "LK", "MF", "PS", "TW", "YV"]  # all twenty
CAPPED = ["Ac-K-NHMe", "Ac-PG-NHMe", "Ac-DH", "WP-NHMe"]
CHARGES = {"K": 1, "R": 1, "D": -1, "E": -1}


@cache
def system(name):
    return load_system(f"peptide:{name}")


@pytest.mark.parametrize("name", PAIRS + CAPPED)
def test_atoms_are_those_of_the_residues_at_ph_7(name):
    found, peptide = system(name), Peptide.parse(name)
    openmm_system = found.openmm_system()
    force = next(f for f in openmm_system.getForces() if isinstance(f, openmm.NonbondedForce))
    charge = sum(force.getParticleParameters(i)[0]._value for i in range(force.getNumParticles()))
    ends = peptide.acetyl * -1 + peptide.amide  # a cap in place of a charge
    expected = sum(CHARGES.get(residue, 0) for residue in peptide.residues) + ends
    assert charge == pytest.approx(expected, abs=1e-5)
    for number, residue in enumerate(peptide.resnames, start=1):
        names = [b.name for b in found.atoms.beads if b.residue_index == number]
        heavy = {n for n in names if not n.startswith("H")}
        assert len(set(names)) == len(names)
        if residue in HEAVY_ATOMS:
            end = number == len(peptide.resnames)
            assert heavy == set(HEAVY_ATOMS[residue]) | ({"OXT"} if end else set())


@pytest.mark.parametrize("name", PAIRS + CAPPED)
def test_residues_are_left_handed_and_bonds_trans(name):
    found = system(name)
    labels = {bead.label: bead.atom for bead in found.atoms.beads}
    for number in range(1, len(Peptide.parse(name).resnames) + 1):
        atoms = [labels.get(f"{number}:{n}") for n in ("N", "C", "CB")]
        centre = labels.get(f"{number}:CA")
        if None not in (*atoms, centre):  # CORN rule: N, C, CB clockwise seen from HA
            n, c, cb = found.start[atoms] - found.start[centre]
            assert torch.dot(n, torch.linalg.cross(c, cb)) > 0
    for name, value in found.variables(found.start[None]).items():
        if name.startswith("omega"):
            assert abs(float(value)) > math.radians(160)


@pytest.mark.parametrize(
    ("name", "number", "centre", "first", "second", "apart"),
    [
        ("HI", 2, "CB", "CG1", "CG2", -120),  # (2S,3S)-isoleucine
        ("TW", 1, "CB", "OG1", "CG2", -120),  # (2S,3R)-threonine
        ("YV", 2, "CB", "CG1", "CG2", 120),  # pro-R before pro-S, by the rules of IUPAC
        ("LK", 1, "CG", "CD1", "CD2", 120),
    ],
)
def test_branches_are_named_and_turned_as_in_nature(name, number, centre, first, second, apart):
    found = system(name)
    chain = {"CB": ("N", "CA", "CB"), "CG": ("CA", "CB", "CG")}[centre]
    before = [found.atoms.index(f"{number}:{n}") for n in chain]
    ends = [found.atoms.index(f"{number}:{n}") for n in (first, second)]
    one, other = (float(dihedral(found.start[None], [*before, end])) for end in ends)
    turned = math.degrees(math.remainder(other - one, 2 * math.pi))
    assert turned == pytest.approx(apart, abs=15)
    if name == "HI":
        carbon = found.atoms.index("2:CD1")
        assert tuple(sorted((ends[0], carbon))) in found.atoms.bonds


@pytest.mark.parametrize("name", ["KS", "PH", "Ac-GP-NHMe", "RWCE"])
def test_energies_are_those_of_openmm(name):
    found = system(name)
    x = found.start + 0.005 * torch.randn(
        found.start.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    context = openmm.Context(
        found.openmm_system(),
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(x.numpy())
    state = context.getState(energy=True, forces=True)
    energy, forces = found.potential(torch.float64, compile=False).energy_and_forces(x[None])
    assert energy.item() == pytest.approx(state.getPotentialEnergy()._value, rel=1e-9)
    expected = torch.tensor(state.getForces(asNumpy=True)._value)
    torch.testing.assert_close(forces[0], expected, rtol=0, atol=1e-8 * float(expected.abs().max()))


def test_the_start_is_relaxed_and_the_same_each_time():
    forces = system("KS").potential(torch.float64, compile=False).forces(system("KS").start[None])
    assert float(forces.square().mean().sqrt()) < 50.0  # kJ/mol/nm; a thermal one is a thousand
    assert torch.equal(load_system("peptide:KS").start, system("KS").start)


def test_compared_dihedrals_are_the_published_ones():
    variables = system("LK").collective_variables
    labels = [bead.label for bead in system("LK").atoms.beads]
    assert [labels[i] for i in variables["phi"]] == ["1:C", "2:N", "2:CA", "2:C"]
    assert [labels[i] for i in variables["psi"]] == ["1:N", "1:CA", "1:C", "2:N"]
    assert [labels[i] for i in variables["psi2"]] == ["2:N", "2:CA", "2:C", "2:O"]
    assert list(system("LK").compared) == ["phi", "psi"]
    capped = system("Ac-K-NHMe")
    own = [capped.atoms.beads[i].label for i in capped.compared["psi"]]
    assert own == ["2:N", "2:CA", "2:C", "3:N"]


@pytest.mark.parametrize("name", ["EG", "Ac-K-NHMe", "Ac-PG-NHMe", "WP-NHMe"])
def test_backbone_beads_are_the_slots_that_a_peptide_fills(name):
    beads = system(name).mapping("backbone").beads
    slots = slots_of(Peptide.parse(name))
    assert [bead.name for bead in beads] == [SLOT_ATOMS[slot][1] for slot in slots]
    assert list(slots) == sorted(slots)


def test_four_residues_are_a_system_without_slots():
    assert len(system("RWCE").atoms) > 60
    with pytest.raises(UsageError, match="no bead selection 'backbone'"):
        system("RWCE").mapping("backbone")


def test_a_system_file_may_name_a_peptide(tmp_path):
    (tmp_path / "system.toml").write_text(
        'description = "own"\ntemperature_K = 330\ntimestep_ps = 0.001\nfriction_per_ps = 1\n'
        '[potential]\nkind = "peptide"\nsequence = "AA"\nforce_field = ["amber99sbildn.xml"]\n'
        '[collective_variables]\nphi = ["1:C", "2:N", "2:CA", "2:C"]\n'
    )
    own = load_system(tmp_path)
    assert own.temperature_K == 330
    assert own.fingerprint != load_system("peptide:AA@330").fingerprint
    assert len(own.atoms) == 23


def test_all_amino_acids_are_tested():
    assert set("".join(PAIRS)) == set(AMINO_ACIDS)
