"""Trajectory files: read back, read by mdtraj itself, refused when the atoms differ."""

import mdtraj
import numpy as np
import pytest

from molgen.errors import MolgenError, UsageError
from molgen.md.output import read_trajectory, topology_of, write_trajectory
from molgen.md.system.beads import Bead, BeadMapping

# largest rounding of a coordinate in nm: xtc compresses to 0.001 from ten atoms on; pdb has three
# decimals of an Angstrom; dcd and small xtc keep float32
ROUNDING = {".xtc": 0.00051, ".dcd": 1e-6, ".pdb": 0.000051}


def frames(mapping, ala2, number=25):
    rng = np.random.default_rng(0)
    start = mapping.select(ala2.start).numpy()
    return start + 0.02 * rng.normal(size=(number, *start.shape)) + 0.5


@pytest.mark.parametrize("suffix", [".xtc", ".dcd", ".pdb"])
@pytest.mark.parametrize("beads", ["all", "backbone5"])
def test_frames_come_back(tmp_path, ala2, beads, suffix):
    mapping = ala2.mapping(beads)
    x = frames(mapping, ala2)
    written = write_trajectory(tmp_path / f"run{suffix}", x, mapping)
    assert read_trajectory(written[0], mapping) == pytest.approx(x, abs=ROUNDING[suffix])
    assert sorted(tmp_path.iterdir()) == sorted(written)  # nothing temporary is left


def test_mdtraj_reads_the_files_in_nm_with_bonds_and_times(tmp_path, ala2):
    mapping = ala2.mapping("backbone5")
    x = frames(mapping, ala2)
    xtc, pdb = write_trajectory(tmp_path / "run.xtc", x, mapping, interval_ps=0.5)
    found = mdtraj.load(str(xtc), top=str(pdb))
    assert found.xyz == pytest.approx(x, abs=1e-6)
    assert found.time == pytest.approx(0.5 * np.arange(25))
    assert [str(a) for a in found.top.atoms] == ["ACE1-C", "ALA2-N", "ALA2-CA", "ALA2-C", "NME3-N"]
    first = mdtraj.load(str(pdb)).xyz[0]
    assert first == pytest.approx(x[0], abs=ROUNDING[".pdb"])


def test_topology_has_the_bonds_of_the_mapping(ala2):
    topology = topology_of(ala2.atoms)
    bonds = {tuple(sorted((a.index, b.index))) for a, b in topology.bonds}
    assert bonds == set(ala2.atoms.bonds)
    assert sum(atom.element.mass for atom in topology.atoms) == pytest.approx(
        float(ala2.masses.sum()), abs=0.05
    )


def test_other_atoms_are_refused_by_count_and_by_name(tmp_path, ala2):
    five, six = ala2.mapping("backbone5"), ala2.mapping("six")
    write_trajectory(tmp_path / "run.dcd", frames(five, ala2), five)
    with pytest.raises(UsageError, match=r"run\.dcd: has 5 atoms, the mapping 'six' has 6"):
        read_trajectory(tmp_path / "run.dcd", six)
    renamed = BeadMapping("odd", (*five.beads[:4], Bead("O", "NME", 3, "O", 16.0, 9)), five.bonds)
    with pytest.raises(UsageError, match=r"run\.pdb: atom 5 is 3:N, the mapping 'odd' has 3:O"):
        read_trajectory(tmp_path / "run.dcd", renamed)


def test_a_frame_that_is_not_finite_leaves_the_old_file_alone(tmp_path, ala2):
    mapping = ala2.mapping("backbone5")
    x = frames(mapping, ala2)
    write_trajectory(tmp_path / "run.xtc", x, mapping)
    broken = x.copy()
    broken[7, 2, 1] = np.inf
    with pytest.raises(MolgenError, match="frame 7 is not finite"):
        write_trajectory(tmp_path / "run.xtc", broken, mapping)
    assert read_trajectory(tmp_path / "run.xtc", mapping) == pytest.approx(x, abs=1e-6)


def test_coordinates_too_large_for_a_pdb_are_an_error_and_no_file(tmp_path, ala2):
    mapping = ala2.mapping("backbone5")
    with pytest.raises(MolgenError, match="does not fit a PDB file"):
        write_trajectory(tmp_path / "run.pdb", frames(mapping, ala2) + 1e7, mapping)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["run.xyz", "run"])
def test_an_unknown_format_is_named(tmp_path, ala2, name):
    with pytest.raises(UsageError, match=r"unknown trajectory format; use \.xtc, \.dcd, \.pdb"):
        write_trajectory(tmp_path / name, np.zeros((1, 22, 3)), ala2.atoms)


def test_missing_and_broken_files_are_one_line(tmp_path, ala2):
    with pytest.raises(UsageError, match="no such file"):
        read_trajectory(tmp_path / "none.xtc", ala2.atoms)
    for suffix in (".xtc", ".pdb"):
        (tmp_path / f"bad{suffix}").write_bytes(b"not a trajectory" * 20)
        with pytest.raises(UsageError, match=f"bad{suffix}: "):
            read_trajectory(tmp_path / f"bad{suffix}", ala2.atoms)


def test_positions_of_another_shape_are_refused(tmp_path, ala2):
    with pytest.raises(UsageError, match=r"need \[frames, 22, 3\] and at least one frame"):
        write_trajectory(tmp_path / "run.xtc", np.zeros((4, 5, 3)), ala2.atoms)
