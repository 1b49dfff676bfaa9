import json
import math
import shutil

import numpy as np
import pytest
import torch

from molgen import checkpoint
from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.md.data.packing import pack
from molgen.md.peptides.emulate import bound_name
from molgen.md.peptides.evaluate import PeptideResults, evaluate_peptides
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.trust import agreement, familiarity, verdict
from molgen.report.page import write_report
from molgen.report.peptides import rows_of
from molgen.results import Curve

TRAIN = 'data.peptides=["AS","SA","GA","AG","Ac-A-NHMe","Ac-AS-NHMe"]'


@pytest.fixture(scope="module")
def trained(peptide_folder, tmp_path_factory):
    """A run folder of the shipped recipe in smoke size."""
    run = tmp_path_factory.mktemp("run") / "run"
    changes = (f"data.frames={peptide_folder}", TRAIN, 'data.validation=["SS"]', "model.hidden=32")
    words = [word for change in changes for word in ("--set", change)]
    assert main(["train", "dipeptides", "--smoke", *words, "-o", str(run)]) == 0
    return run


def test_recipe_trains_and_watches_peptides_that_it_does_not_train_on(trained):
    last = json.loads((trained / "log.jsonl").read_text().splitlines()[-1])
    assert {key for key in last if key.startswith("held_out/")} == {
        "held_out/denoising/pos",
        "held_out/fokker_planck",
    }
    assert all(math.isfinite(value) for value in last.values())
    assert checkpoint.load(trained).meta["statistics"]["peptides"] == [
        *("AS", "SA", "GA", "AG", "Ac-A-NHMe", "Ac-AS-NHMe")
    ]


def test_emulate_writes_conformers_and_says_how_far_to_trust_them(trained, tmp_path, capsys):
    words = ["emulate", "SS", "-m", str(trained), "-n", "20", "-o", str(tmp_path / "ss.pdb")]
    assert main([*words, "--temperature", "350", "--check", "10"]) == 0
    said = json.loads((tmp_path / "ss.json").read_text())
    assert said["system"] == "peptide:SS@350"
    assert said["trust"]["training peptides with"] == {"S in place 1": 1, "S in place 2": 2}
    assert said["trust"]["verdict"] in capsys.readouterr().err
    assert (tmp_path / "ss.pdb").read_text().count("ENDMDL") == 20


def test_simulate_takes_a_peptide(trained, tmp_path):
    words = ["simulate", f"{trained}:SA", "--ps", "0.02", "--stride-ps", "0.01", "--chains", "3"]
    end = ["--timestep-ps", "0.0001", "--no-compile", "-o", str(tmp_path / "sa.xtc")]
    assert main([*words, *end]) == 0
    assert json.loads((tmp_path / "sa.json").read_text())["run"]["system"] == "peptide:SA"


@pytest.mark.parametrize(
    ("text", "options", "name"),
    [
        ("KS", {}, "dipeptides:KS"),
        ("Ac-K-NHMe", {"temperature_K": 350.0}, "dipeptides:Ac-K-NHMe@350"),
        ("KS", {"model": "runs/a"}, "runs/a:KS"),
        ("alanine_dipeptide", {}, "alanine_dipeptide"),
        ("runs/a:KS", {"temperature_K": 350.0}, "runs/a:KS@350"),
    ],
)
def test_a_peptide_is_the_shipped_model_bound_to_it(text, options, name):
    assert bound_name(text, **options) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [("KX", "'X', is no amino acid"), ("Ks", "'s', is lower case, which is a D-residue")],
)
def test_a_name_that_is_nearly_a_peptide_is_refused_for_what_is_wrong(text, reason):
    with pytest.raises(UsageError, match=reason):
        bound_name(text)


def test_temperature_is_for_peptides_only():
    with pytest.raises(UsageError, match="a temperature is for a peptide"):
        bound_name("alanine_dipeptide", temperature_K=350.0)


def test_samples_and_forces_of_a_gaussian_agree(harmonic):
    model, statistics = harmonic()
    said = agreement(model, statistics, count=50, seed=0)
    assert said["effective share"] > 0.999
    assert said["nats between samples and forces"] < 0.02  # steps of the flow
    assert said["reliable"]


@pytest.fixture
def torn(harmonic):
    """The model of a Gaussian that is wrong at the very smallest noise, and its statistics."""
    model, statistics = harmonic()

    class Other(type(model)):
        def energy(self, batch, t):
            twice = batch.replace(
                pos=batch.state["pos"] * torch.where(t > 1e-3, 1, 3)[:, None, None]
            )
            return super().energy(twice, t)

    return Other(model.processes, model.correction), statistics


def test_forces_of_another_ensemble_are_called_out(torn):
    other, statistics = torn
    said = {
        **familiarity(["KA", "AS"], Peptide("KS")),
        "samples and forces": agreement(other, statistics, count=50, seed=0),
    }
    assert not said["samples and forces"]["reliable"]
    assert "Outside of what the model knows" in verdict(said)


def test_what_is_wrong_below_the_noise_of_the_forces_does_not_count(torn):
    assert agreement(*torn, 0.5, count=50, seed=0)["effective share"] > 0.999


def test_table_over_peptides_has_each_against_its_reference_and_goes_on(
    trained, tmp_path, monkeypatch
):
    monkeypatch.setattr("molgen.md.peptides.evaluate.DRAWS", 10)
    curve = Curve("residual", [1.0, 2.0], [0.1, 0.1])
    monkeypatch.setattr("molgen.md.evaluation.evaluate.residual_curve", lambda *a, **k: curve)
    rng = np.random.default_rng(0)
    for text in ("SS", "AS"):
        points = rng.uniform(-3, 3, (600, 2)).astype(np.float32)
        (tmp_path / "reference" / text).mkdir(parents=True)
        pack(tmp_path / "reference" / text / "reference_points.npz", points, ["phi", "psi"])
    lines = []
    options = {
        "reference": str(tmp_path / "reference"),
        "tell": lines.append,
        "changes": ["samples=200", "published_size=100"],
    }
    peptides = [Peptide("SS"), Peptide("AS")]
    results = evaluate_peptides(trained, peptides, tmp_path / "out", **options)
    assert [row["peptide"] for row in results.rows] == ["SS", "AS"]
    assert all(0 < row["iid"]["js"] < math.log(2) for row in results.rows)
    table = rows_of(results)
    assert table[2][0] == "mean of 2"
    mean = sum(row["iid"]["pmf"] for row in results.rows) / 2
    assert table[2][2].startswith(f"{mean:.4f} ± ")

    before = (tmp_path / "out" / "SS" / "summary.json").stat().st_mtime_ns
    again = evaluate_peptides(trained, peptides, tmp_path / "out", **options)
    assert again.rows == results.rows == PeptideResults.load(tmp_path / "out").rows
    assert (tmp_path / "out" / "SS" / "summary.json").stat().st_mtime_ns == before
    text = write_report(tmp_path / "out").read_text()
    assert all(f"<b>{name}.</b>" in text for name in ("SS", "AS"))

    # forces at another noise are another evaluation, of which the old agreement says nothing
    run = shutil.copytree(trained, tmp_path / "run")
    config = checkpoint.load(run).folder / "config.toml"
    monkeypatch.setattr("molgen.md.peptides.evaluate.DRAWS", 8)
    config.write_text(config.read_text().replace("noise = 0.08", "noise = 0.1"))
    (other,) = evaluate_peptides(run, peptides[:1], tmp_path / "out", **options).rows
    agreed = [row["trust"]["samples and forces"] for row in (results.rows[0], other)]
    assert [said["noise / signal"] for said in agreed] == pytest.approx([0.08, 0.1])
    assert other["simulation"] != results.rows[0]["simulation"]
    assert other["iid"] == results.rows[0]["iid"]
    config.write_text(config.read_text().replace("settle = 12", "settle = 0"))
    (raw,) = evaluate_peptides(run, peptides[:1], tmp_path / "out", **options).rows
    assert raw["simulation"] != other["simulation"]
    assert raw["trust"] == other["trust"]
