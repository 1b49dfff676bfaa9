"""Systems in files, and crystal complexes as systems."""

from pathlib import Path

import networkx
import numpy as np
import pytest
import torch

from molgen.chem.ligand import read_ligand
from molgen.chem.pocket import centre_of_ligand
from molgen.docking.data.prepare import prepare
from molgen.docking.data.system import (
    ANCHOR,
    BOND,
    System,
    anchors,
    as_batch,
    atom_positions,
    loose_bonds,
)
from molgen.docking.data.system_set import SystemSet
from molgen.errors import UsageError
from tests.docking.complexes import complexes, lay_out
from tests.docking.toys import VOCABULARY, system

META = {"vocabulary": {"pocket": [5, 4], "ligand": [4, 3], "bonds": 4}}


def same(one: System, other: System) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    first, second = system(9, 3), system(6, 2, pocket=25, seed=1)
    other = first.replace(body=first.body + 1)
    SystemSet(["a", "b"], [[first, other], [second]], META).save(tmp_path / "set.npz")
    found = SystemSet.load(tmp_path / "set.npz")
    assert found.names == ["a", "b"]
    assert found.vocabulary.bonds == VOCABULARY.bonds
    assert [len(variants) for variants in found.variants] == [2, 1]
    assert same(found.variants[0][1], other)
    assert same(found.variants[1][0], second)
    assert found.variants[0][0].pocket is found.variants[0][1].pocket  # one site for both
    assert found.take([1]).names == ["b"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(UsageError, match="holds no complexes"):
        SystemSet.load(tmp_path / "other.npz")


def test_fragments_of_conformers_rebuild_the_crystal_pose(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "pdb")
    (folder / "empty").mkdir()
    (folder / "bad").mkdir()
    (folder / "bad" / "bad_protein.pdb").write_text("END\n")
    (folder / "bad" / "bad_ligand.sdf").write_text("nothing\n")
    failures = prepare(folder, tmp_path / "set.npz", variants=2)
    assert [name for name, _ in failures] == ["bad"]
    found = SystemSet.load(tmp_path / "set.npz")
    assert found.names == sorted(complexes())
    for name, variants in zip(found.names, found.variants, strict=True):
        ligand = read_ligand(complexes()[name][1])
        assert ligand.pose is not None
        true = torch.as_tensor(ligand.pose - centre_of_ligand(ligand)).float()
        x = atom_positions(as_batch(variants))
        rmsd = (x - true).square().sum(-1).mean(-1).sqrt()
        assert (rmsd < 0.05).all(), name  # half an Å: bond lengths, angles and rings differ
        for one in variants:
            graph = networkx.Graph()
            graph.add_nodes_from(range(len(one.trans)))
            tied = anchors(one) | loose_bonds(one)
            graph.add_edges_from(one.fragment[one.links[tied]].tolist())
            assert networkx.is_tree(graph), name  # as the bonds that were cut are
            lengths = one.link_lengths[tied]
            assert (lengths[one.link_kinds[tied] == ANCHOR] == 0).all()
            assert (lengths[one.link_kinds[tied] == BOND] > 0.1).all()


def test_a_folder_without_complexes_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder in it holds"):
        prepare(tmp_path, tmp_path / "set.npz")
