import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.ligand import read_ligand, read_ligands

AROMATIC_FIVE = [(1, 2, "ar"), (2, 3, "ar"), (3, 4, "ar"), (4, 5, "ar"), (5, 1, "ar")]
AROMATIC_SIX = [*AROMATIC_FIVE[:4], (5, 6, "ar"), (6, 1, "ar")]
GLYCINE = [(1, 2, 1), (2, 3, 1), (3, 4, "ar"), (3, 5, "ar")]
AMMONIUM = [(1, 6, 1), (1, 7, 1), (1, 8, 1)]


def mol2(types: str, bonds: list[tuple[int, int, object]], name: str = "x") -> str:
    """A record with atoms of these types somewhere in space."""
    kinds = types.split()
    places = np.random.default_rng(0).normal(0, 3, (len(kinds), 3))
    atoms = [
        f"{k} {kind.partition('.')[0]}{k} {x:.3f} {y:.3f} {z:.3f} {kind} 1 LIG 0.0"
        for k, (kind, (x, y, z)) in enumerate(zip(kinds, places, strict=True), 1)
    ]
    rows = [f"{k} {i} {j} {order}" for k, (i, j, order) in enumerate(bonds, 1)]
    head = f"@<TRIPOS>MOLECULE\n{name}\n{len(atoms)} {len(rows)} 0 0 0\nSMALL\nGASTEIGER\n"
    return "\n".join([head, "@<TRIPOS>ATOM", *atoms, "@<TRIPOS>BOND", *rows, ""])


@pytest.mark.parametrize(
    ("types", "bonds", "smiles"),
    [
        # glycine with its hydrogens, with polar ones, without; bonds as ar or as 1 and 2
        (
            "N.4 C.3 C.2 O.co2 O.co2 H H H H H",
            [*GLYCINE, *AMMONIUM, (2, 9, 1), (2, 10, 1)],
            "[NH3+]CC(=O)[O-]",
        ),
        (
            "N.4 C.3 C.2 O.co2 O.co2 H H H",
            [(1, 2, 1), (2, 3, 1), (3, 4, 2), (3, 5, 1), *AMMONIUM],
            "[NH3+]CC(=O)[O-]",
        ),
        ("N.4 C.3 C.2 O.co2 O.co2", GLYCINE, "[NH3+]CC(=O)[O-]"),
        ("C.2 O.2 N.am C.3", [(1, 2, 2), (1, 3, "am"), (1, 4, 1)], "CC(N)=O"),
        (
            "C.cat N.pl3 N.pl3 N.pl3 C.3",
            [(1, 2, "ar"), (1, 3, "ar"), (1, 4, "ar"), (2, 5, 1)],
            "CNC(N)=[NH2+]",
        ),
        ("C.3 N.pl3 O.2 O.2", [(1, 2, 1), (2, 3, 2), (2, 4, 2)], "C[N+](=O)[O-]"),
        (
            "C.3 O.3 P.3 O.co2 O.co2 O.co2",
            [(1, 2, 1), (2, 3, 1), (3, 4, "ar"), (3, 5, "ar"), (3, 6, "ar")],
            "COP(=O)([O-])[O-]",
        ),
        (
            "S.o2 C.3 O.2 O.2 N.3",
            [(1, 2, 1), (1, 3, 2), (1, 4, 2), (1, 5, 1)],
            "CS(N)(=O)=O",
        ),
        ("N.pl3 C.ar N.ar C.ar C.ar", AROMATIC_FIVE, "c1c[nH]cn1"),
        ("N.pl3 C.ar C.ar C.ar C.ar C.3", [*AROMATIC_FIVE, (1, 6, 1)], "Cn1cccc1"),
        ("N.ar C.ar C.ar C.ar C.ar C.ar C.3", [*AROMATIC_SIX, (1, 7, 1)], "C[n+]1ccccc1"),
        ("N.1 C.1 C.3", [(1, 2, 3), (2, 3, 1)], "CC#N"),
    ],
)
def test_charges_and_hydrogens_follow_from_the_types(types, bonds, smiles, tmp_path):
    (tmp_path / "x.mol2").write_text(mol2(types, bonds))
    ligand = read_ligand(tmp_path / "x.mol2")
    assert Chem.MolToSmiles(ligand.molecule) == Chem.CanonSmiles(smiles)
    heavy = [k for k, kind in enumerate(types.split()) if kind != "H"]
    expected = np.random.default_rng(0).normal(0, 3, (len(types.split()), 3))[heavy] / 10
    np.testing.assert_allclose(ligand.pose, expected, atol=1e-4)


def test_several_records_are_told_apart(tmp_path):
    ethane, bad = (mol2("C.3 C.3", [(1, 2, 1)], name) for name in ("ethane", "bad"))
    bad = bad.replace("2 1 0 0 0", "9 1 0 0 0")  # atoms are missing
    (tmp_path / "x.mol2").write_text("# a remark\n" + ethane + bad + ethane)
    found = list(read_ligands(tmp_path / "x.mol2"))
    assert [one.name for one in found] == ["ethane", "bad", "ethane_2"]
    assert found[1].reason.endswith("x.mol2 record 2 (bad): not a readable MOL2 record")
