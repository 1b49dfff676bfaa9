"""The page of graphs: whole and offline, right numbers, pictures of what was drawn."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from molgen.graphs.evaluation.assess import Line
from molgen.graphs.evaluation.judge import Entry
from molgen.graphs.evaluation.molecules import ENTRIES
from molgen.graphs.evaluation.plain import METRICS
from molgen.graphs.evaluation.results import Results
from molgen.graphs.metrics.counts import Rejected
from molgen.graphs.metrics.metric import Floor, Measured
from molgen.report.graphs.console import evaluation_table, runs_tables
from molgen.report.graphs.pictures import graph_svg
from molgen.report.graphs.values import floor_text, interval_text, reading, value_text
from molgen.report.page import write_report
from molgen.results import Curve

SHARE, DISTANCE = ENTRIES["novel"], ENTRIES["fcd"]


def measured(value, width=0.01, floor=None, sd=0.0):
    beside = None if floor is None else Floor(floor, sd, 10, 900)
    return Measured(value, max(value - width, 0.0), value + width, 1000, beside)


def distributions(names):
    rng = np.random.default_rng(0)
    return {s: {n: rng.integers(1, 9, 50) for n in names} for s in ("samples", "train", "test")}


@pytest.fixture
def molecules():
    return Results(
        title="Molecules <small>",
        subtitle="1,000 molecules of a test",
        kind="molecules",
        drawn=1000,
        refused=876,
        lines=tuple(
            Line(name, entry, measured(0.123 if entry.percent else 0.0456, floor=0.02, sd=0.003))
            for name, entry in ENTRIES.items()
        ),
        headline=("valid_and_connected", "fcd", "nspdk"),
        distributions=distributions(("logp", "qed", "sa", "weight", "heavy_atoms")),
        examples=("CCO", "c1ccccc1"),
        rejected=(
            Rejected(3, "atom # 1 O, 4, is <greater>", "C=O=C"),
            Rejected(5, "not a SMILES", "C1<C"),
        ),
        evaluations={
            "valid_and_connected": (Curve("ancestral", [5, 10], [0.5, 0.9], [0.4, 0.8], [0.6, 1]),),
            "fcd": (Curve("ancestral", [], []), Curve("noise floor", [5, 10], [0.1, 0.1])),
            "seconds": (Curve("ancestral", [5, 10], [0.001, 0.002]),),
        },
        remarks=("Read novelty beside it.",),
        provenance={
            "recipe": "tiny",
            "data": {"name": "small"},
            "samples": {"solver": "s4", "evaluations each": 50, "seconds each": 0.0123},
        },
    )


def page_of(results, folder):
    results.save(folder)
    return write_report(folder).read_text(encoding="utf-8")


def test_page_of_molecules_is_one_file_with_every_number(molecules, tmp_path, assert_whole):
    page = page_of(molecules, tmp_path)
    # 2 molecules, 1 impossible one, 5 histograms, 3 curves, a strip for each number
    assert assert_whole(page) == 2 + 1 + 5 + 3 + len(ENTRIES)
    for text in ("12.30 %", "0.046", "0.036 – 0.056", "Read novelty beside it", "12.3 <small>ms"):
        assert text in page, text
    assert "2 of the 876 molecules that are not valid and connected" in page
    assert "Fréchet ChemNet distance" in page


def test_text_of_the_user_cannot_become_markup(molecules, tmp_path):
    page = page_of(molecules, tmp_path)
    assert "Molecules &lt;small&gt;" in page
    assert "is &lt;greater&gt;" in page
    assert "C1&lt;C" in page


def _plain_lines():
    names = ("valid", "unique", "novel", "vun")
    entries = {name: Entry(name, "drawn", True, True) for name in names}
    entries |= {name: Entry(name, "MMD") for name in METRICS}
    return tuple(Line(name, entry, measured(0.5, floor=1.0)) for name, entry in entries.items())


def test_page_of_plain_graphs(tmp_path, assert_whole):
    tree = nx.to_graph6_bytes(nx.path_graph(6), header=False).decode().strip()
    results = Results(
        title="Trees",
        subtitle="",
        kind="plain",
        drawn=40,
        refused=1,
        lines=_plain_lines(),
        headline=("vun", "emd_mean", "tv_mean"),
        distributions=distributions(("degree", "clustering", "spectral", "size")),
        examples=(tree,),
        rejected=(Rejected(0, "is not a tree", tree),),
        provenance={"data": {"name": "tree"}, "samples": {"file": "drawn.npz"}},
    )
    page = page_of(results, tmp_path)
    assert assert_whole(page) == 2 + 4 + len(results.lines)
    assert "is not a tree" in page
    assert "Fiedler" in page
    assert "Quality and effort" not in page
    groups = {line.entry.group for line in results.lines}
    assert evaluation_table(results).row_count == len(results.lines) + len(groups)
    (table,) = runs_tables([results])
    assert list(table.columns[0].cells) == ["drawn.npz", "real graphs: tree, n = 40"]


def test_runs_of_other_data_or_numbers_have_floors_of_their_own(molecules):
    def run(data, drawn, floor):
        lines = tuple(
            replace(line, measured=measured(0.1, floor=floor)) for line in molecules.lines
        )
        facts = {**molecules.provenance, "data": {"name": data}}
        return replace(molecules, lines=lines, drawn=drawn, provenance=facts)

    runs = [
        run("small", 1000, 0.02),
        run("large", 1000, 0.03),
        run("small", 1004, 0.025),
        run("small", 200, 0.05),
        replace(molecules, kind="plain", lines=_plain_lines()),
    ]
    table, plain = runs_tables(runs)
    fcd = next(column for column in table.columns if column.header == "FCD")
    assert dict(zip(table.columns[0].cells, fcd.cells, strict=True)) == {
        "tiny (2 seeds)": "0.10000 ± 0.00000",
        "real graphs: small, n = 1,000": "0.02000 – 0.02500",
        "tiny": "0.10000",
        "real graphs: large, n = 1,000": "0.03000",
        "real graphs: small, n = 200": "0.05000",
    }
    assert list(plain.columns[0].cells) == ["tiny", "real graphs: small, n = 1,000"]


def test_a_graph_is_drawn_with_all_its_nodes_and_edges():
    for graph in (nx.grid_2d_graph(3, 4), nx.disjoint_union(nx.cycle_graph(5), nx.path_graph(3))):
        text = nx.to_graph6_bytes(nx.convert_node_labels_to_integers(graph), header=False)
        svg = graph_svg(text.decode().strip())
        assert svg.count("<circle") == len(graph)
        assert svg.count("<line") == graph.number_of_edges()


def test_two_communities_have_two_colours():
    graph = nx.barbell_graph(5, 0)
    svg = graph_svg(nx.to_graph6_bytes(graph, header=False).decode().strip())
    colours = [part.split('"')[0] for part in svg.split('fill="')[1:]]
    blue = [int(colour[5:7], 16) > int(colour[1:3], 16) for colour in colours]
    assert sum(blue) == 5
    assert len(set(blue[:5])) == len(set(blue[5:])) == 1


def test_numbers_have_the_digits_that_their_interval_allows():
    assert value_text(SHARE, measured(0.98312)) == "98.31 %"
    assert value_text(DISTANCE, measured(0.28512, 0.021)) == "0.285"
    assert interval_text(DISTANCE, measured(0.28512, 0.021)) == "0.264 – 0.306"
    assert floor_text(DISTANCE, measured(0.28512, 0.021, 0.0812, 0.0011)) == "0.081 ±\u00a00.001"
    assert value_text(DISTANCE, measured(0.000663, 0.00002)) == "0.000663"


@pytest.mark.parametrize(
    ("entry", "value", "floor", "sd", "says"),
    [
        (DISTANCE, 0.30, 0.08, 0.001, "3.8 × real"),
        (DISTANCE, 0.081, 0.08, 0.001, "as real graphs"),
        (DISTANCE, 0.01, 0.08, 0.001, "below real: test graphs?"),
        (SHARE, 0.80, 0.99, 0.0, "19.0 points behind"),
        (SHARE, 0.99, 0.90, 0.0, "as real graphs"),
    ],
)
def test_a_value_is_read_beside_its_floor(entry, value, floor, sd, says):
    assert reading(entry, measured(value, 0.005, floor, sd))[0] == says
