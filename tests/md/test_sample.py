"""Samples of a model in closed form: their variance is exact, their file whole and repeatable."""

import json

import numpy as np
import pytest
import torch

from molgen.cli.main import main
from molgen.errors import MolgenError, UsageError
from molgen.md.models.statistics import Statistics
from molgen.md.output import read_trajectory
from molgen.md.sample import draw, sample
from molgen.sampler import SampleTable


@pytest.mark.parametrize(("system", "free"), [("ala2", 12), ("mueller_brown", 2)])
def test_samples_have_the_variance_of_the_model(harmonic, generator, system, free):
    model, statistics = harmonic(system)
    count = 4000
    x = draw(model, statistics, count, table=SampleTable(steps=40), generator=generator).double()
    centre = x.new_tensor(statistics.offset)
    variance = statistics.scale**2 * (1 + 0.1**2)
    # standard error sqrt(2 / (free count)) = 1.6 % at two coordinates; heun's own error is below
    bound = 4 * (2 / (free * count)) ** 0.5
    assert (x - centre).square().sum().item() / (free * count) == pytest.approx(variance, rel=bound)
    if statistics.centred:
        assert x.mean(1).abs().max() < 1e-6
    else:
        error = 4 * (variance / count) ** 0.5
        assert x.mean((0, 1)) == pytest.approx(centre, abs=error)


def test_a_last_batch_that_is_not_full_leaves_the_others_as_they_were(harmonic):
    def take(count):
        random = torch.Generator().manual_seed(0)
        return draw(*harmonic(), count, table=SampleTable(steps=5), batch_size=8, generator=random)

    assert len(take(19)) == 19
    assert torch.equal(take(24)[:19], take(19))


def test_the_same_seed_gives_the_same_file(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint()
    common = {"count": 50, "steps": 5, "batch_size": 20}
    for name, seed in (("a.dcd", 3), ("b.dcd", 3), ("c.dcd", 4)):
        assert sample(folder, output=tmp_path / name, seed=seed, **common) == tmp_path / name
    content = {name: (tmp_path / name).read_bytes() for name in ("a.dcd", "b.dcd", "c.dcd")}
    assert content["a.dcd"] == content["b.dcd"] != content["c.dcd"]


def test_the_file_holds_the_samples_and_a_json_says_how_they_were_made(
    harmonic_checkpoint, tmp_path, capsys
):
    folder, output = harmonic_checkpoint(evaluate={"steps": 7, "samples": 5}), tmp_path / "s.xtc"
    words = ["sample", "md", "-m", str(folder), "-n", "30", "--seed", "9", "--batch-size", "16"]
    assert main([*words, "-o", str(output)]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    said = json.loads((tmp_path / "s.json").read_text())
    assert {key: said[key] for key in ("conformers", "seed", "solver", "steps", "system")} == {
        "conformers": 30,
        "seed": 9,
        "solver": "heun",
        "steps": 7,
        "system": "ala2",
    }
    meta = json.loads((folder / "meta.json").read_text())
    assert said["weights"] == meta["files"]["model.safetensors"]["sha256"]
    mapping = Statistics.from_dict(meta["statistics"]).mapping
    assert read_trajectory(output, mapping).shape == (30, 5, 3)


def test_test_systems_are_written_as_npz_and_refused_as_xtc(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint("mueller_brown")
    with pytest.raises(UsageError, match=r"s\.xtc: \.xtc holds molecules in three.*write \.npz"):
        sample(folder, count=5, output=tmp_path / "s.xtc")
    written = sample(folder, count=5, output=tmp_path / "new" / "s.npz", steps=3)
    with np.load(written) as content:
        assert content["positions"].shape == (5, 1, 2)
        assert content["beads"].tolist() == ["1:X"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--solver", "hune"], "no solver 'hune'; did you mean 'heun'?"),
        (["-o", "s.gro"], "unknown trajectory format"),
    ],
)
def test_options_that_cannot_be_used_are_one_line(
    harmonic_checkpoint, tmp_path, capsys, words, message
):
    words = [
        "sample",
        "md",
        "-m",
        str(harmonic_checkpoint()),
        "-o",
        str(tmp_path / "s.xtc"),
        *words,
    ]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_samples_that_are_not_finite_stop_before_anything_is_written(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint(weight=1e38)  # overflows: no smaller weight is wrong enough
    with pytest.raises(MolgenError, match="not finite"):
        sample(folder, count=5, output=tmp_path / "out" / "s.xtc", steps=3)
    assert not list((tmp_path / "out").iterdir())
