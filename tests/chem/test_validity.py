import numpy as np
import pytest
from rdkit import Chem, rdBase

from molgen.chem.molecules import MolecularGraph, graph_of, molecule_of
from molgen.chem.validity import check, check_graph, repair
from molgen.chem.vocabulary import Vocabulary

NEUTRAL = Vocabulary.of(["C", "N", "O", "F", "S", "P", "Cl"])


def draw(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles, sanitize=False)


@pytest.mark.parametrize(
    ("smiles", "valid", "connected", "uncorrected", "reason"),
    [
        ("CCO", True, True, True, ""),
        ("CC.O", True, False, True, "disconnected: 2 parts"),
        ("CN(=O)=O", True, True, False, ""),  # RDKit's clean-up separates the charges
        ("C[N+](=O)[O-]", True, True, True, ""),
        ("CO(C)C", False, False, True, "Explicit valence for atom # 1 O, 3, is greater than"),
        ("CN(C)(C)C", False, False, True, "Explicit valence for atom # 1 N, 4, is greater"),
        ("CN(C)(C)(C)C", False, False, False, "Explicit valence for atom # 1 N, 5"),
        ("C[N+](C)(C)(C)C", False, False, False, "Explicit valence for atom # 1 N, 5"),
        ("FC(F)(F)(F)F", False, False, False, "Explicit valence for atom # 1 C, 5"),
        ("c1cccc1", False, False, True, "Can't kekulize mol. Unkekulized atoms: 0 1 2 3 4"),
        ("c1cccc1.C", False, False, True, "0 1 2 3 4; disconnected: 2 parts"),
        ("FS(F)(F)(F)(F)F", True, True, True, ""),
        ("", False, False, False, "no atoms"),
    ],
)
def test_each_definition_of_validity(smiles, valid, connected, uncorrected, reason):
    mol = draw(smiles)
    found = check(mol, cations=True)
    assert (found.valid, found.valid_and_connected) == (valid, connected)
    assert found.uncorrected is uncorrected
    assert reason in found.reason
    assert (found.reason == "") is found.valid_and_connected
    assert Chem.MolToSmiles(mol) == Chem.MolToSmiles(draw(smiles))  # left as it was


def test_the_rule_of_cations_is_for_vocabularies_without_charges_only():
    graph = graph_of(Chem.MolFromSmiles("C[N+](C)(C)C"), Vocabulary.of(["C", "N+", "N"]))
    neutral = MolecularGraph(np.where(graph.atoms == 1, 2, graph.atoms).astype("i1"), graph.bonds)
    assert check_graph(neutral, Vocabulary.of(["C", "O", "N"])).uncorrected
    assert not check_graph(neutral, Vocabulary.of(["C", "N+", "N"])).uncorrected
    assert check_graph(graph, Vocabulary.of(["C", "N+", "N"])).uncorrected


@pytest.mark.parametrize(
    ("smiles", "uncorrected"),
    [
        ("O#O", False),  # one bond, so one cation: the other oxygen stays overbound
        ("O#O.CC", True),  # the next bond, wherever it is, gives the other its charge
        ("CC.O#O", False),
        ("CS(C)C", True),  # S may have four bonds, one of them to hydrogen
        ("CC(C)(C)(C)C", False),
    ],
)
def test_cations_come_one_a_bond(smiles, uncorrected):
    assert check(draw(smiles), cations=True).uncorrected is uncorrected


def gdss_is_valid(graph: MolecularGraph, vocabulary: Vocabulary) -> bool:
    """GDSS's decode, bond by bond: an atom one above its valence becomes a cation on the way."""
    usual = {"N": 3, "O": 2, "S": 2}
    mol = Chem.RWMol(molecule_of(MolecularGraph(graph.atoms, 0 * graph.bonds), vocabulary))
    types = [None, Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE]

    def too_many() -> tuple[int, int] | None:
        try:
            Chem.SanitizeMol(Chem.Mol(mol), sanitizeOps=Chem.SANITIZE_PROPERTIES)
        except Chem.AtomValenceException as error:
            atom, valence = str(error).split("# ")[1].split(",")[:2]
            return int(atom.split()[0]), int(valence)
        return None

    for i, j in np.argwhere(np.tril(graph.bonds)):
        mol.AddBond(int(i), int(j), types[graph.bonds[i, j]])
        if found := too_many():
            atom = mol.GetAtomWithIdx(found[0])
            if found[1] - usual.get(atom.GetSymbol(), 99) == 1:
                atom.SetFormalCharge(1)
    return too_many() is None


def random_graph(rng: np.random.Generator, density: float, kinds: int, bonds: int):
    count = int(rng.integers(1, 8))
    drawn = rng.integers(1, bonds, (count, count)) * (rng.random((count, count)) < density)
    drawn = np.triu(drawn, 1).astype(np.int8)
    return MolecularGraph(rng.integers(0, kinds, count).astype(np.int8), drawn + drawn.T)


def test_uncorrected_validity_is_that_of_gdss_decoding_bond_by_bond():
    rng = np.random.default_rng(0)
    agreed = []
    with rdBase.BlockLogs():
        for _ in range(300):
            graph = random_graph(rng, 0.35, len(NEUTRAL.atoms), 4)
            agreed.append(gdss_is_valid(graph, NEUTRAL))
            assert check_graph(graph, NEUTRAL).uncorrected == agreed[-1]
    assert 0.2 < np.mean(agreed) < 0.8  # both answers were put to the test


@pytest.mark.parametrize(
    ("smiles", "repaired", "lowered", "lost"),
    [
        ("CCO", "CCO", 0, 0),
        ("c1ccncc1", "c1ccncc1", 0, 0),
        ("C=N(C)C", "CN(C)C", 1, 0),  # the double bond goes before a single one
        ("C#O", "C=O", 1, 0),
        ("FC(F)(F)(F)F", "FC(F)(F)F", 1, 1),
        ("CCCC.CC.C", "CCCC", 0, 3),
        ("CC.CO", "CC", 0, 2),  # of equals the first
        ("c1cccc1", "C1CCCC1", 5, 0),
        ("C[N+](C)(C)(C)C", "C[N+](C)(C)C", 1, 1),
    ],
)
def test_repair_lowers_the_highest_bond_and_keeps_the_largest_part(smiles, repaired, lowered, lost):
    found = repair(draw(smiles))
    assert Chem.MolToSmiles(found.molecule) == repaired
    assert (found.lowered, found.lost) == (lowered, lost)
    assert found.changed is bool(lowered or lost)


@pytest.mark.parametrize("aromatic", [False, True])
def test_any_graph_can_be_repaired(aromatic):
    types = ["C", "N", "O", "F", "S", "P", "Cl", "N+", "O-", "S-", "N-", "O+"]
    vocabulary = Vocabulary.of(types, aromatic=aromatic)
    rng = np.random.default_rng(1)
    changed = 0
    for _ in range(150):
        graph = random_graph(rng, 0.5, len(types), len(vocabulary.bonds))
        before = check_graph(graph, vocabulary)
        found = repair(molecule_of(graph, vocabulary))
        after = check(found.molecule)
        assert after.valid_and_connected
        assert found.molecule.GetNumAtoms() + found.lost == len(graph.atoms)
        assert found.changed is not before.valid_and_connected
        changed += found.changed
    assert changed > 100


def test_nothing_is_made_of_nothing():
    assert repair(Chem.Mol()).molecule is None
