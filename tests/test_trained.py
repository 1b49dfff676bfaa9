"""A checkpoint as tools that know no pillar see it: clean data come back as what they are."""

import numpy as np
import pytest
import torch

from molgen.chem.examples import example_complex
from molgen.chem.ligand import read_ligand
from molgen.chem.receptor import read_receptor
from molgen.docking.data.prepare import known_pocket
from molgen.errors import UsageError
from molgen.md.data.frames import load_frames
from molgen.md.system import load_system
from molgen.trained import Trained, load


def start_of(trained: Trained, graphs: int) -> torch.Tensor:
    """The smallest time of a model, of each graph."""
    first = next(iter(trained.processes.values()))
    return torch.full((graphs,), first.t_min)


def test_conformers_are_reference_frames():
    trained = load("alanine_dipeptide")
    data = trained.data(5, seed=3)
    system = load_system("ala2")
    frames = load_frames("ala2_backbone5", "reference", system, system.mapping("backbone5"))
    centred = (frames - frames.mean(1, keepdim=True)).numpy()
    for x in trained.decoded(data, start_of(trained, 5)):
        found = x - x.mean(0)
        assert np.abs(centred - found).max((1, 2)).min() < 1e-6  # nm, of float32


def test_other_seeds_give_other_data():
    trained = load("mueller_brown")
    first, again, other = (trained.data(4, seed=seed).state["pos"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_poses_are_the_crystal_one():
    trained = load("docking")
    protein, file = example_complex("1s3v")
    ligand = read_ligand(file)
    centre = known_pocket(read_receptor(protein), ligand).centre
    data = trained.data(3)
    for x in trained.decoded(data, start_of(trained, 3)):
        # made of fragments of a conformer, so bonds and angles are not quite the crystal's
        assert np.sqrt(((x + centre - ligand.pose) ** 2).sum(1).mean()) < 0.03


def test_graphs_have_sizes_of_training():
    trained = load("qm9")
    both = trained.shapes(6, seed=1).rows["x"].mask
    tail = trained.shapes(3, seed=1, first=3).rows["x"].mask
    assert torch.equal(both[3:].sum(1), tail.sum(1))
    end, t = trained.table.integrate(trained.model, trained.shapes(6), torch.Generator())
    atoms = [mol.GetNumAtoms() for mol in trained.decoded(end, t) if mol is not None]
    assert atoms
    assert set(atoms) <= set(end.rows["x"].mask.sum(1).tolist())


def test_refused():
    with pytest.raises(UsageError, match="draws nothing"):
        load("docking_confidence")
    with pytest.raises(UsageError, match="no use for receptor"):
        load("qm9", receptor="protein.pdb")
    with pytest.raises(UsageError, match="one is missing"):
        load("docking", receptor="protein.pdb")
