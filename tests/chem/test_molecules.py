import numpy as np
import pytest
from rdkit import Chem, rdBase

from molgen.chem.molecules import MolecularGraph, graph_of, molecule_of
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError

ATOMS = ["C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "B", "Si", "Se"]
CHARGED = ["N+", "N-", "O+", "O-", "C-", "S-", "S+", "P+", "B-", "Cl+3", "I+", "C+"]
WIDE = Vocabulary.of(ATOMS + CHARGED)
WIDE_AROMATIC = Vocabulary.of(ATOMS + CHARGED, aromatic=True)

AWKWARD = {
    "one atom": "C",
    "water": "O",
    "zwitterion": "[NH3+]CC(=O)[O-]",
    "azetidinium": "C[NH+]1CC(C1)C([O-])=O",
    "ammonium": "C[N+](C)(C)C",
    "nitro": "C[N+](=O)[O-]",
    "nitro written neutral": "CN(=O)=O",
    "azide": "CN=[N+]=[N-]",
    "diazo": "C=[N+]=[N-]",
    "isocyanide": "C[N+]#[C-]",
    "cyano carbanion": "C[CH-]C#N",
    "N-oxide": "c1cc[n+]([O-])cc1",
    "furoxan": "Cc1no[n+]([O-])c1C",
    "pyridinium": "c1cc[nH+]cc1",
    "pyrrole": "c1cc[nH]c1",
    "imidazole": "c1c[nH]cn1",
    "imidazolium": "c1c[nH]c[nH+]1",
    "indole and pyridine": "c1ccc2c(c1)cc([nH]2)-c1ccncc1",
    "tetrazole": "c1nnn[nH]1",
    "tetrazolide": "c1nn[n-]n1",
    "purine": "c1ncc2[nH]cnc2n1",
    "pyridone": "O=c1cccc[nH]1",
    "porphine": "c1cc2cc3ccc([nH]3)cc3nc(cc4ccc(cc1n2)[nH]4)C=C3",
    "furan and thiophene": "c1ccoc1-c1cccs1",
    "selenophene": "c1cc[se]c1",
    "pyrylium": "c1cc[o+]cc1",
    "thiazolium": "C[n+]1ccsc1",
    "azulene": "c1ccc2cccc-2cc1",
    "naphthalene": "c1ccc2ccccc2c1",
    "biphenyl": "c1ccc(-c2ccccc2)cc1",
    "sulfone": "CS(=O)(=O)C",
    "sulfoxide": "CS(=O)C",
    "sulfonium": "C[S+](C)C",
    "thiophenoxide": "c1ccccc1[S-]",
    "sulfur hexafluoride": "FS(F)(F)(F)(F)F",
    "phosphate": "COP(=O)(O)O",
    "phosphorane": "FP(F)(F)(F)F",
    "phosphonium": "C[P+](C)(C)C",
    "phosphine": "CPC",
    "borate": "F[B-](F)(F)F",
    "boronic acid": "OB(O)c1ccccc1",
    "silane": "C[Si](C)(C)C",
    "perchlorate": "[O-][Cl+3]([O-])([O-])[O-]",
    "stereo": "C[C@H](N)/C=C/[C@@H](O)Cl",
    "cubane": "C12C3C4C1C5C2C3C45",
    "explicit hydrogens": "[H]C([H])([H])[N+]([H])([H])[H]",
    "isotopes": "[13CH3][2H]",
}


def flat(mol: Chem.Mol) -> str:
    """Canonical SMILES without stereo and isotopes: what a graph can tell."""
    mol = Chem.RemoveHs(mol)
    for atom in mol.GetAtoms():
        atom.SetIsotope(0)
    return Chem.CanonSmiles(
        Chem.MolToSmiles(Chem.RemoveHs(mol), isomericSmiles=False), useChiral=False
    )


@pytest.mark.parametrize("vocabulary", [WIDE, WIDE_AROMATIC], ids=["kekulised", "aromatic"])
@pytest.mark.parametrize("smiles", AWKWARD.values(), ids=AWKWARD.keys())
def test_a_molecule_comes_back_from_its_graph(smiles, vocabulary):
    mol = Chem.MolFromSmiles(smiles)
    for atom in mol.GetAtoms():
        atom.SetIsotope(0)
    mol = Chem.RemoveHs(mol)
    back = molecule_of(graph_of(mol, vocabulary), vocabulary)
    assert [a.GetSymbol() for a in back.GetAtoms()] == [a.GetSymbol() for a in mol.GetAtoms()]
    Chem.SanitizeMol(back)
    assert flat(back) == flat(mol)
    assert [a.GetTotalNumHs() for a in back.GetAtoms()] == [
        a.GetTotalNumHs() for a in mol.GetAtoms()
    ]
    again = graph_of(back, vocabulary)
    third = molecule_of(again, vocabulary)
    Chem.SanitizeMol(third)
    assert flat(third) == flat(mol)


def test_only_the_aromatic_vocabulary_has_aromatic_bonds():
    mol = Chem.MolFromSmiles("c1ccncc1-c1cc[nH]c1")
    kekulised = graph_of(mol, WIDE)
    assert kekulised.bonds.max() == 2
    aromatic = graph_of(mol, WIDE_AROMATIC)
    ring = aromatic.bonds[:6, :6]
    assert (ring == 4).sum() == 12  # pyridine: six bonds, seen from both ends
    pyrrole = aromatic.bonds[6:, 6:]
    assert sorted(pyrrole[pyrrole > 0]) == [1] * 6 + [2] * 4  # kekulised: its [nH] must be known
    assert np.array_equal(aromatic.bonds > 0, kekulised.bonds > 0)


def test_the_graph_of_acetamide_is_what_one_draws():
    graph = graph_of(Chem.MolFromSmiles("CC(=O)N"), Vocabulary.of(["N", "C", "O"]))
    assert graph.atoms.tolist() == [1, 1, 2, 0]
    assert graph.bonds.tolist() == [[0, 1, 0, 0], [1, 0, 2, 1], [0, 2, 0, 0], [0, 1, 0, 0]]
    assert graph.atoms.dtype == graph.bonds.dtype == np.int8


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("C[N+](C)(C)C", r"atom N\+ is not in the vocabulary \(C, N, O\)"),
        ("CBr", "atom Br is not in the vocabulary"),
        ("C[CH]C", r"unusual hydrogens: atom 1 .C. has 1 where its bonds and charge imply 2"),
        ("[CH2]", "has 2 where its bonds and charge imply 4"),
        ("N->C", "a dative bond is not in the vocabulary"),
        ("C*", r"atom \* is not in the vocabulary"),
    ],
)
def test_what_a_graph_cannot_say_is_refused(smiles, reason):
    mol = Chem.MolFromSmiles(smiles)
    with pytest.raises(UsageError, match=reason):
        graph_of(mol, Vocabulary.of(["C", "N", "O"]))


def test_a_corrupt_graph_keeps_every_atom_and_bond():
    """Five bonds on a carbon, parts apart, all triple: drawn as they are."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        count = rng.integers(1, 12)
        atoms = rng.integers(0, len(WIDE.atoms), count).astype(np.int8)
        bonds = np.triu(rng.integers(0, 5, (count, count)), 1).astype(np.int8)
        graph = MolecularGraph(atoms, bonds + bonds.T)
        mol = molecule_of(graph, WIDE_AROMATIC)
        assert mol.GetNumAtoms() == count
        assert mol.GetNumBonds() == (bonds > 0).sum()
        drawn = [(a.GetSymbol(), a.GetFormalCharge()) for a in mol.GetAtoms()]
        assert drawn == [(WIDE.atoms[k].element, WIDE.atoms[k].charge) for k in atoms]


def test_a_molecule_is_drawn_unsanitised():
    vocabulary = Vocabulary.of(["C", "F"])
    bonds = np.zeros((6, 6), np.int8)
    bonds[0, 1:] = bonds[1:, 0] = 1
    mol = molecule_of(MolecularGraph(np.array([0, 1, 1, 1, 1, 1], np.int8), bonds), vocabulary)
    with rdBase.BlockLogs(), pytest.raises(Chem.AtomValenceException):
        Chem.SanitizeMol(mol)


def test_malformed_graphs_are_refused():
    atoms = np.zeros(2, np.int8)
    with pytest.raises(UsageError, match="bonds of shape"):
        MolecularGraph(atoms, np.zeros((3, 3), np.int8))
    with pytest.raises(UsageError, match="symmetric"):
        MolecularGraph(atoms, np.array([[0, 1], [0, 0]], np.int8))
    with pytest.raises(UsageError, match="symmetric"):
        MolecularGraph(atoms, np.eye(2, dtype=np.int8))
    beyond = MolecularGraph(np.array([0, 7], np.int8), np.zeros((2, 2), np.int8))
    with pytest.raises(UsageError, match="atom types run from 0 to 7, the vocabulary has 1"):
        molecule_of(beyond, Vocabulary.of(["C"]))
    aromatic = MolecularGraph(atoms, np.array([[0, 4], [4, 0]], np.int8))
    with pytest.raises(UsageError, match="bond types run from 0 to 4, the vocabulary has 4"):
        molecule_of(aromatic, Vocabulary.of(["C"]))
