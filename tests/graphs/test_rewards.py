"""Rewards of molecules, against RDKit, and graphs that are steered by them."""

import json

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import QED, Crippen

from molgen import checkpoint
from molgen.cli.main import main
from molgen.core.steering import SteeringError
from molgen.errors import UsageError
from molgen.graphs.conditions import Conditions
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import Bucket, as_batch
from molgen.graphs.rewards import REWARDS, Modelled
from molgen.graphs.sample import sample
from molgen.graphs.task import restore
from molgen.steering import SteerPlan

# types of atoms: C, O, N; of bonds: none, 1, 2, 3. One has an oxygen of valence 4, one two pieces.
GRAPHS = {
    "CCO": ([0, 0, 1], [(0, 1, 1), (1, 2, 1)]),
    "CC=O": ([0, 0, 1], [(0, 1, 1), (1, 2, 2)]),
    "CC#N": ([0, 0, 2], [(0, 1, 1), (1, 2, 3)]),
    None: ([0, 1, 0], [(0, 1, 2), (1, 2, 2)]),
    "": ([0, 1, 0], [(0, 1, 1)]),
}


@pytest.fixture
def modelled(graph_checkpoint):
    return Modelled(*restore(checkpoint.load(graph_checkpoint())))


@pytest.fixture
def batch(modelled):
    edges = torch.zeros(len(GRAPHS), 3, 3, dtype=torch.int8)
    for k, (_, bonds) in enumerate(GRAPHS.values()):
        for i, j, kind in bonds:
            edges[k, i, j] = edges[k, j, i] = kind
    nodes = torch.tensor([atoms for atoms, _ in GRAPHS.values()], dtype=torch.int8)
    return as_batch(Bucket(torch.full((len(GRAPHS),), 3), nodes, edges), modelled.model.encodings)


@pytest.mark.parametrize(
    ("asked", "of", "worst"),
    [
        ("qed", QED.qed, 0.0),
        ("logp", Crippen.MolLogP, -5.0),
        ("logp=1", lambda mol: -0.5 * (Crippen.MolLogP(mol) - 1) ** 2, -50.0),
        ("substructure=[OX2H]", lambda mol: mol.HasSubstructMatch(Chem.MolFromSmarts("[OX2H]")), 0),
    ],
)
def test_rewards_are_of_the_likeliest_molecule(modelled, batch, asked, of, worst):
    """Also where noise has blurred the types, and the worst there is where there is none."""
    name, _, value = asked.partition("=")
    reward = REWARDS[name](modelled, value)
    exact = [worst if not s else float(of(Chem.MolFromSmiles(s))) for s in GRAPHS]
    t = torch.zeros(5)
    torch.testing.assert_close(reward(batch, t).double(), torch.tensor(exact, dtype=torch.float64))
    blurred = batch.replace(**{key: 0.6 * value for key, value in batch.state.items()})
    assert torch.equal(reward(blurred, t), reward(batch, t))


def test_accessible_molecules_are_worth_more_than_none(modelled, batch):
    sa = REWARDS["sa"](modelled, "")(batch, torch.zeros(5))
    assert (sa[:3] > -10).all()
    assert (sa[3:] == -10).all()


def test_what_is_rare_is_of_any_graph(modelled, batch):
    found = REWARDS["rare"](modelled, "0.7")(batch, torch.zeros(5))
    assert found.shape == (5,)
    assert (found > 0).all()


@pytest.mark.parametrize(
    "asked", ["logp=high", "qed=1", "substructure=c1cc", "substructure", "sa=2"]
)
def test_values_that_mean_nothing_are_refused(modelled, asked):
    name, _, value = asked.partition("=")
    with pytest.raises(UsageError):
        REWARDS[name](modelled, value)


def test_plain_graphs_are_no_molecules(graph_checkpoint, batch):
    plain = Modelled(*restore(checkpoint.load(graph_checkpoint(plain=True))))
    with pytest.raises(UsageError, match="the model draws plain graphs"):
        REWARDS["qed"](plain, "")(batch, torch.zeros(5))


def test_steered_graphs_hold_what_steers_them_and_say_so(graph_checkpoint, tmp_path):
    """A substructure that free draws seldom have, in most of those that are steered."""
    model = str(graph_checkpoint())
    shares = {}
    for name, more in (
        ("free", []),
        ("steered", ["--steer", "substructure=[OX2H]:6", "--particles", "16", "--steps", "8"]),
    ):
        output = tmp_path / f"{name}.smi"
        words = ["sample", "graphs", "-m", model, "-n", "60", "--seed", "1", "-o", str(output)]
        assert main([*words, *more]) == 0
        pattern = Chem.MolFromSmarts("[OX2H]")
        lines = [line.split()[0] for line in output.read_text().splitlines()]
        found = sum(Chem.MolFromSmiles(line).HasSubstructMatch(pattern) for line in lines)
        shares[name] = found / 60
    assert shares["steered"] > shares["free"] + 0.3
    said = json.loads((tmp_path / "steered.json").read_text())["steering"]
    assert said["by"] == ["substructure=[OX2H]:6"]
    assert said["particles"] == 16
    assert said["effective_particles"]["last"] <= 16
    # of E exp(6 match) - 1 = 402 times the share that free draws have: molecules alone count
    assert 0 < said["log_normaliser"] < 6


def test_a_graph_is_the_same_in_any_batch(graph_checkpoint, tmp_path):
    model, plan = graph_checkpoint(), SteerPlan.of(["qed:5"], None, 4)
    for name, count, batch_size in (("a", 12, 40), ("b", 7, 8)):
        sample(
            model,
            count=count,
            output=tmp_path / f"{name}.npz",
            batch_size=batch_size,
            steering=plan,
            steps=6,
        )
    a, b = (GraphSet.load(tmp_path / f"{name}.npz") for name in "ab")
    for k in range(7):
        for one, other in zip(a.graph(k), b.graph(k), strict=True):
            assert (one == other).all()


def test_where_steering_fails_what_was_drawn_is_written(graph_checkpoint, tmp_path):
    def picky(batch, t):
        if any(name == "5" for name in batch.ids):
            raise ValueError("no idea")
        return torch.zeros_like(t)

    output = tmp_path / "m.npz"
    with pytest.raises(SteeringError, match=r"sample 5, step 3, .* the 4 drawn before are in"):
        sample(
            graph_checkpoint(),
            count=9,
            output=output,
            batch_size=8,
            steering=SteerPlan.of([picky], "feynman-kac,every=3", 4),
            steps=6,
        )
    said = json.loads(output.with_suffix(".json").read_text())
    assert said["drawn"] == 4
    assert "ValueError: no idea" in said["stopped"]


def test_a_known_scaffold_and_a_reward_go_together(graph_checkpoint, tmp_path):
    """Every graph has its two carbons, whichever of the particles it was."""
    output = tmp_path / "m.npz"
    sample(
        graph_checkpoint(),
        count=12,
        output=output,
        batch_size=24,
        steering=SteerPlan.of(["substructure=[OX2H]:4"], None, 8),
        steps=8,
        conditions=Conditions.parse(scaffold="*CC*"),
    )
    drawn = GraphSet.load(output)
    assert len(drawn) == 12
    for k in range(12):
        nodes, edges = drawn.graph(k)
        assert nodes[:2].tolist() == [0, 0]
        assert edges[0, 1] == 1
