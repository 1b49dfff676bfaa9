"""What is said of an energy model that agrees with itself, and of a score alone."""

import json

import pytest

from molgen import consistency as certificate
from molgen.cli.main import main
from molgen.consistency import consistency
from molgen.errors import UsageError
from molgen.sampler import SampleTable
from tests.docking.tiny import tiny_checkpoint


def test_a_good_energy_model_is_certified(tmp_path, capsys):
    output = tmp_path / "c.json"
    words = ["consistency", "mueller_brown", "-n", "120", "--steps", "8", "--batch-size", "60"]
    assert main([*words, "-o", str(output)]) == 0
    said = json.loads(output.read_text())
    assert said["self"]["ess_share"] > 0.95
    assert abs(said["self"]["log_normaliser"]) < 0.15
    apart = said["ode_sde_gap"]
    assert apart["points"] == 60
    assert apart["w2"] < 2 * apart["floor"]
    assert max(level["rms"] for level in said["fokker_planck"]) < 0.2
    assert "self-ESS" in capsys.readouterr().err


def test_a_score_alone_has_a_gap_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(certificate, "SDE", SampleTable(solver="ancestral", steps=5))
    checkpoint = tiny_checkpoint(tmp_path / "checkpoint")
    said = consistency(checkpoint, output=tmp_path / "c.json", count=4, steps=2)
    assert said["ode_sde_gap"]["unit"] == "nm"
    assert "self" not in said


def test_an_interrupted_run_goes_on_to_the_same_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(certificate, "SDE", SampleTable(solver="ancestral", steps=5))
    options = {"count": 12, "steps": 2, "batch_size": 4}
    whole = consistency("mueller_brown", output=tmp_path / "whole.json", **options)

    def stop(what, done, total):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consistency("mueller_brown", output=tmp_path / "c.json", **options, progress=stop)
    with pytest.raises(UsageError, match="another run"):
        consistency("mueller_brown", output=tmp_path / "c.json", **options, seed=1)
    drawn = []
    draw = certificate.SampleTable.integrate
    monkeypatch.setattr(
        certificate.SampleTable,
        "integrate",
        lambda self, *args: drawn.append(1) or draw(self, *args),
    )
    said = consistency("mueller_brown", output=tmp_path / "c.json", **options)
    assert len(drawn) == 1  # of three parts, two were there
    for name in ("ode_sde_gap", "self", "fokker_planck"):
        assert said[name] == whole[name]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "whole.json"]


def test_too_few_draws_are_refused(tmp_path, capsys):
    assert main(["consistency", "mueller_brown", "-n", "2", "-o", str(tmp_path / "c.json")]) == 2
    with pytest.raises(UsageError, match="4 draws or more"):
        consistency("mueller_brown", output=tmp_path / "c.txt")
