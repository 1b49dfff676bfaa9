"""A small model learns which atoms go with which bond, and draws molecules that have both right."""

from collections import Counter

import pytest
from rdkit import Chem

from molgen import checkpoint
from molgen.chem.molecules import MolecularGraph, graph_of
from molgen.chem.validity import check_graph
from molgen.chem.vocabulary import Vocabulary
from molgen.config import Recipe
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.drawing import draw
from molgen.graphs.task import restore
from molgen.sampler import SampleTable
from molgen.train import train

VOCABULARY = Vocabulary.of(["C", "N", "O"])
MOLECULES = ["C=O", "C#N", "N=N", "CC"]

PROCESS = {"kind": "VP", "t_min": 0.03}
TABLES = {
    "task": "graphs",
    "name": "four",
    "process": {"x": PROCESS, "adj": PROCESS},
    "model": {
        "kind": "transformer",
        "width": 32,
        "pair_width": 16,
        "whole_width": 16,
        "layers": 2,
        "heads": 4,
        "triangles": 4,
    },
    "loss": [{"kind": "cross_entropy", "high": 20.0, "focus": [0.15, 1.5]}],
    "train": {
        "steps": 300,
        "batch_size": 64,
        "learning_rate": 5e-3,
        "warmup": 20,
        "ema_decay": 0.97,
        "validate_every": 300,
        "compile": False,
    },
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("four")
    graphs = [graph_of(Chem.MolFromSmiles(text), VOCABULARY) for text in MOLECULES]
    meta = {"kind": "molecules", "vocabulary": VOCABULARY.to_dict()}
    GraphSet.of([(g.atoms, g.bonds) for g in graphs] * 10, meta=meta).save(folder / "train.npz")
    recipe = Recipe.parse({**TABLES, "data": {"graphs": str(folder), "held_out": 4}}, "four.toml")
    train(recipe, folder / "run", accelerator="cpu")
    model, statistics = restore(checkpoint.load(folder / "run"))
    return draw(model, statistics, 400, table=SampleTable(solver="ancestral", steps=30))


def test_atoms_and_bond_agree_and_every_molecule_is_drawn(drawn):
    found = [
        check_graph(MolecularGraph(*drawn.graph(k)), VOCABULARY).sanitised
        for k in range(len(drawn))
    ]
    counts = Counter(Chem.MolToSmiles(mol) for mol in found if mol is not None)
    # Atoms (C 1/2, N 3/8, O 1/8) and bonds (1/4, 1/2, 1/4) that know nothing of each other are
    # right in 2 1/2 1/8 1/2 (C=O) + 2 1/2 3/8 1/4 (C#N) + 3/8 3/8 1/2 (N=N) + 1/2 1/2 1/4 (CC).
    by_chance = 1 / 16 + 3 / 32 + 9 / 128 + 1 / 16
    right = sum(counts[text] for text in MOLECULES) / len(found)
    assert right > 0.8 > 2 * by_chance, counts
    assert min(counts[text] for text in MOLECULES) > 40, counts  # of a perfect model, 100
