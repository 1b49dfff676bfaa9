"""Graphs without what is forbidden: drawn again, looked at once, and counted."""

from molgen import checkpoint
from molgen.chem.molecules import MolecularGraph
from molgen.chem.substructure import Pattern
from molgen.chem.validity import check_graph
from molgen.files import read_json
from molgen.graphs import checks
from molgen.graphs.conditions import Conditions
from molgen.graphs.conditions.rejection import draw_without
from molgen.graphs.drawing import draw
from molgen.graphs.sample import sample
from molgen.graphs.task import restore
from tests.graphs.drawn import FEW, equal


def test_what_is_forbidden_is_looked_at_once(graph_checkpoint, tmp_path, monkeypatch):
    looked, check = [], checks.check_graph
    monkeypatch.setattr(checks, "check_graph", lambda *of: looked.append(1) or check(*of))
    options = {"count": 6, "output": tmp_path / "m.smi", "steps": 5}
    path = sample(graph_checkpoint(), **options, conditions=Conditions(forbid=("O",)))
    # a batch is drawn whole, but no molecule is looked at after the last that is wanted
    assert len(looked) == read_json(path.with_suffix(".json"))["drawn"]


def oxygen(graph_checkpoint):
    model, statistics = restore(checkpoint.load(graph_checkpoint()))
    return lambda first, count: draw(model, statistics, count, first=first, table=FEW)


def test_what_is_forbidden_is_drawn_again_and_counted(graph_checkpoint):
    some, patterns = oxygen(graph_checkpoint), [Pattern.of("O"), Pattern.of("[OX2H]C")]
    found = draw_without(patterns, some, 12, most=1000)
    assert found.kept == 12
    assert len(found.graphs) - 1 not in found.refused  # nothing is drawn in vain after the last
    assert equal(found.graphs, some(0, len(found.graphs)))
    matched = dict.fromkeys(("O", "[OX2H]C"), 0)
    for k in range(len(found.graphs)):
        graph = MolecularGraph(*found.graphs.graph(k))
        fine = check_graph(graph, found.graphs.vocabulary).valid_and_connected
        has = bool((graph.atoms == 1).any())
        assert (k in found.refused) == (has or not fine)
        matched["O"] += has and fine
        assert ("forbidden: O" in found.refused.get(k, "")) == (has and fine)
    cost = found.cost
    assert cost["forbidden O"] == matched["O"] == cost["forbidden"]
    assert cost["forbidden [OX2H]C"] <= cost["forbidden O"]
    assert cost["valid and connected"] == cost["kept"] + cost["forbidden"]
    assert cost["drawn"] == cost["kept"] + cost["forbidden"] + cost["not valid and connected"]


def test_a_limit_of_draws_stops(graph_checkpoint):
    found = draw_without([Pattern.of("[#6,#7,#8]")], oxygen(graph_checkpoint), 5, most=40)
    assert (found.kept, len(found.graphs)) == (0, 40)
