import html
import json

import pytest
import torch

import molgen
from molgen import diagnosis
from molgen.cli.main import main
from molgen.core.diagnostics import DIAGNOSTICS
from molgen.core.diagnostics.subject import Effort
from molgen.errors import MolgenError, UsageError
from molgen.md.trained import TrainedConformers
from molgen.sampler import SampleTable
from molgen.trained import Trained

TINY = Effort(levels=3, points=4, draws=24, drawn=16)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """As little as there can be of everything."""
    monkeypatch.setattr(Effort, "of", classmethod(lambda cls, dim, quick=False: TINY))
    for name in ("_FEWEST", "_MOST"):
        monkeypatch.setattr(f"molgen.core.diagnostics.spectrum.{name}", 16)
    drawn = SampleTable(solver="adams", steps=6)
    monkeypatch.setattr(Trained, "table", property(lambda self: drawn))


@pytest.fixture
def no_page(monkeypatch):
    """Plots take longer than all that is tested here."""
    monkeypatch.setattr("molgen.report.page.write_report", lambda folder: folder / "report.html")


@pytest.fixture
def no_data(monkeypatch):
    def data(self, count, *, seed=0):
        raise UsageError("no frames here; run `molgen md generate`")

    monkeypatch.setattr(TrainedConformers, "data", data)


def test_a_model_of_conformers_from_the_command_to_the_page(tmp_path, capsys):
    folder = tmp_path / "found"
    assert main(["diagnose", "mueller_brown", "-o", str(folder), "--quick"]) == 0
    said = capsys.readouterr().out
    assert "Points: 24 held-out data" in said
    assert "Error against the exact score: The score is right to" in said
    content = json.loads((folder / "diagnosis.json").read_text())["report"]
    assert list(content["findings"]) == list(DIAGNOSTICS)
    for one in content["findings"].values():
        for number in one["numbers"]:
            assert number["meaning"]
            assert number["good"]
            assert number["value"] is not None
    written = (folder / "report.html").read_text()
    page = html.unescape(written)
    for one in content["findings"].values():
        assert one["title"] in page
    for leads_out in ("<script", "src=", 'href="http', "url(http"):
        assert leads_out not in written
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_text() == written


def test_graphs_without_data_are_looked_at_where_they_draw(tmp_path, monkeypatch, no_page):
    """The data of this checkpoint are not in the package."""
    monkeypatch.setenv("MOLGEN_DATA", str(tmp_path / "nothing"))
    some = {name: DIAGNOSTICS[name] for name in ("denoising", "conservativity", "likelihood")}
    monkeypatch.setattr(diagnosis, "DIAGNOSTICS", some)
    found = molgen.diagnose("community_small", tmp_path / "found")
    assert "16 of the model's own draws" in found.points
    assert "no held-out data" in found.points
    assert found.findings["likelihood"].verdict.startswith("Not measured")
    assert found.findings["conservativity"].numbers[0].value > 1e-4


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["diagnose", "mueller_brown", "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is not an empty folder" in said


def test_no_data_and_no_draws_is_one_line(tmp_path, no_data, monkeypatch, capsys):
    def broken(self, count, *, seed=0, first=0):
        from molgen.md.models.batch import as_batch

        return as_batch(torch.full((count, 1, 2), torch.nan))

    monkeypatch.setattr(
        "molgen.sampler.SampleTable.integrate",
        lambda self, model, batch, generator: (batch, torch.zeros(batch.graphs)),
    )
    monkeypatch.setattr(TrainedConformers, "shapes", broken)
    assert main(["diagnose", "mueller_brown", "-o", str(tmp_path / "found")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "molgen md generate" in said
    assert "is not finite" in said
    assert "nothing to diagnose it at" in said


def test_no_data_alone_is_said(tmp_path, no_data, no_page):
    found = molgen.diagnose("mueller_brown", tmp_path / "found")
    assert "run `molgen md generate`" in found.points
    assert found.findings["closed_form"].numbers


def test_a_score_that_breaks_down_is_named(tmp_path, monkeypatch):
    from molgen.core.models import EnergyModel

    monkeypatch.setattr(
        EnergyModel, "score", lambda self, batch, t: {"pos": batch.state["pos"] / 0}
    )
    with pytest.raises(MolgenError, match="not finite"):
        molgen.diagnose("mueller_brown", tmp_path / "found")


def test_context_is_for_those_who_have_use_for_it(tmp_path, capsys):
    words = ["diagnose", "mueller_brown", "-o", str(tmp_path / "a"), "--receptor", "x.pdb"]
    assert main(words) == 2
    assert "has no use for receptor" in capsys.readouterr().err


def test_the_same_seed_finds_the_same_and_tells_of_it_as_it_goes(tmp_path, no_page):
    seen, numbers = {}, []

    def told(what, done, total):
        assert 0 <= done <= total
        seen[what] = done == total

    for k in range(2):
        found = diagnosis.diagnose("mueller_brown", tmp_path / str(k), seed=3, progress=told)
        numbers.append([n.value for one in found.findings.values() for n in one.numbers])
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) > 10
    assert seen["drawing"]
    assert all(seen.values())
    assert {"denoising", "closed form", "dimension", "likelihood", "own flow"} <= set(seen)
