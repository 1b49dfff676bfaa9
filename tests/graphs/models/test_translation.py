"""Weights for other types: the same graphs get the same answers."""

from dataclasses import replace

import pytest
import torch

from molgen import checkpoint
from molgen.chem.vocabulary import AROMATIC_BONDS, Vocabulary
from molgen.config import Recipe
from molgen.errors import UsageError
from molgen.graphs.data.prepare import prepare
from molgen.graphs.dense import rows_of
from molgen.graphs.models.networks import GraphEnergy, GraphShape, GraphTransformer
from molgen.graphs.models.properties import PropertyNetwork
from molgen.graphs.models.statistics import Label, Statistics
from molgen.graphs.models.translation import translated
from molgen.nn.node_pair_transformer import Shape
from molgen.train import train
from molgen.weights import fitted

SMALL = {"width": 16, "pair_width": 8, "whole_width": 8, "layers": 2, "heads": 2, "triangles": 4}
KNOWS = {"connected": True, "bounded": True, "rings": True, "walks": 3}
LABELS = {"logp": Label(0.0, 1.0, -1.0, 1.0)}


def statistics(atoms, most):
    """Of made-up molecules; the frequencies only matter where networks know them."""
    limits = {"C": 4, "N": 3, "O": 2, "F": 1, "S": 6}
    return Statistics(
        (1 / len(atoms),) * len(atoms),
        (0.7, 0.2, 0.07, 0.03),
        (*(0,) * most, 1),
        Vocabulary.of(atoms),
        LABELS,
        tuple(limits[atom] for atom in atoms),
    )


THEIRS = statistics(["C", "N", "O", "F"], 7)
OURS = statistics(["O", "S", "C", "N"], 5)
NETWORKS = {
    "transformer": lambda known: GraphTransformer(known, GraphShape(**SMALL, **KNOWS)),
    "energy": lambda known: GraphEnergy(known, Shape(**SMALL)),
    "properties": lambda known: PropertyNetwork(known, Shape(**SMALL)),
}


def awake(kind, known):
    torch.manual_seed(0)
    network = NETWORKS[kind](known).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


@pytest.fixture
def graph():
    """Of five nodes with neither F nor S: log p of their types as they and as we number them."""
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(1, 5, 4, generator=generator, dtype=torch.float64)
    x[..., 3] = 0
    adj = torch.randn(1, 5, 5, 4, generator=generator, dtype=torch.float64)
    adj = (adj + adj.transpose(1, 2)).log_softmax(-1)
    x = (x / x.sum(-1, keepdim=True)).clamp_min(1e-40).log()
    c, n, o, none = x.unbind(-1)
    return {"x": x, "adj": adj}, {"x": torch.stack([o, none, c, n], -1), "adj": adj}


@pytest.mark.parametrize("kind", ["transformer", "properties"])
def test_the_same_graph_gets_the_same_answer(kind, graph):
    theirs, ours = graph
    before, after = awake(kind, THEIRS), awake(kind, OURS)
    after.load_state_dict(translated(before.state_dict(), after, THEIRS, OURS))
    rows = rows_of(torch.tensor([5]), 5)
    wanted, found = before(rows, theirs), after(rows, ours)
    if kind == "properties":
        torch.testing.assert_close(found, wanted)
        return
    torch.testing.assert_close(found["adj"], wanted["adj"])
    torch.testing.assert_close(found["x"][..., [2, 3, 0]], wanted["x"][..., :3])


def test_the_same_graph_has_the_same_energy(graph):
    """Before f(pi) is taken off, which is of other frequencies."""
    before, after = awake("energy", THEIRS), awake("energy", OURS)
    after.load_state_dict(translated(before.state_dict(), after, THEIRS, OURS))
    mask = torch.ones(1, 5, dtype=torch.bool)
    wanted, found = (
        network.sums(log_p["x"], network.pairs.pack(log_p["adj"]), mask)
        for network, log_p in zip((before, after), graph, strict=True)
    )
    torch.testing.assert_close(found, wanted)


PLAIN = Statistics((1.0,), (0.5, 0.5), (0, 1), None)
AROMATIC = replace(
    THEIRS,
    vocabulary=replace(THEIRS.vocabulary, bonds=AROMATIC_BONDS),
    edges=(0.7, 0.1, 0.1, 0.05, 0.05),
)


@pytest.mark.parametrize(
    ("kind", "theirs", "ours", "reason"),
    [
        ("transformer", THEIRS, PLAIN, "trained on molecules, not on plain graphs"),
        ("transformer", AROMATIC, OURS, "other types of edges, of which the model is told more"),
        ("properties", replace(THEIRS, labels={}), OURS, "to predict nothing, not logp"),
    ],
)
def test_what_cannot_be_translated_is_refused(kind, theirs, ours, reason):
    own = awake(kind, OURS)
    with pytest.raises(UsageError, match=reason):
        translated(own.state_dict(), own, theirs, ours)


def test_other_types_need_a_network_of_types():
    with pytest.raises(UsageError, match="other types"):
        translated({}, torch.nn.Linear(1, 1), THEIRS, OURS)


def test_bonds_keep_their_meaning_where_some_are_aromatic():
    """What the others were told of stays theirs; the new type begins with zeros."""
    before, after = (GraphEnergy(known, Shape(**SMALL)) for known in (THEIRS, AROMATIC))
    found = translated(before.state_dict(), after, THEIRS, AROMATIC)
    after.load_state_dict(found)
    old, new = (one.transformer.embed[1].weight for one in (before, after))
    torch.testing.assert_close(new[:, [0, 1, 2, 3, 5, 6, 7, 8]], old)
    assert not new[:, [4, 9]].any()


def test_a_network_that_is_told_more_of_other_molecules_begins_as_the_one_before(graph):
    """Both at once: types are found by what they are, and what is told is not listened to yet."""
    shape = GraphShape(**SMALL, connected=True, bounded=True)
    torch.manual_seed(0)
    before, after = GraphTransformer(THEIRS, shape).double(), awake("transformer", OURS)
    for parameter in before.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    weights = translated(before.state_dict(), after, THEIRS, OURS)
    after.load_state_dict(fitted(weights, after, "here", widened=True))
    rows = rows_of(torch.tensor([5]), 5)
    wanted, found = (
        network(rows, log_p) for network, log_p in zip((before, after), graph, strict=True)
    )
    torch.testing.assert_close(found["adj"], wanted["adj"])
    torch.testing.assert_close(found["x"][..., [2, 3, 0]], wanted["x"][..., :3])


@pytest.fixture
def begun(graph_tables, tmp_path):
    """`begun(start)`: the checkpoint of a run of other molecules that begins with another."""
    (tmp_path / "mine.smi").write_text("NCN\nCNN\nNNSF\nNCCN\nNN\n")
    prepare(str(tmp_path / "mine.smi"), tmp_path / "mine")

    def run(start):
        still = {"start": str(start), "learning_rate": 1e-12, "compile": False}
        tables = {
            **graph_tables,
            "data": {"graphs": str(tmp_path / "mine"), "held_out": 1},
            "train": {**graph_tables["train"], **still},
        }
        train(Recipe.parse(tables, "tiny.toml"), tmp_path / "run", accelerator="cpu")
        return checkpoint.load(tmp_path / "run")

    return run


def test_a_run_begins_with_the_weights_of_other_molecules(graph_checkpoint, begun):
    """Atoms keep their meaning though another set counts, and so numbers, them otherwise."""
    start = checkpoint.load(graph_checkpoint())
    found = begun(start.folder)
    theirs, ours = (Statistics.from_dict(one.meta["statistics"]) for one in (start, found))
    assert theirs.vocabulary.describe() == "C, O, N"
    assert ours.vocabulary.describe() == "N, C, F, S"
    name = "network.transformer.embed.0.weight"
    before, after = start.weights[name], found.weights[name]
    torch.testing.assert_close(after[:, [1, 0]], before[:, [0, 2]])
    assert (after[:, 2:4].abs() < 1e-9).all()


def test_weights_of_another_kind_are_refused_by_name(predictor, begun):
    with pytest.raises(UsageError, match="of model 'properties', not of 'transformer'"):
        begun(predictor)
