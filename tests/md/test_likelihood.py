"""Log q of a Gaussian, which is known: of draws, of files, whatever interrupts them."""

import csv
import json
import math

import numpy as np
import pytest
import torch

from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.likelihood import LikelihoodTable, likelihood
from molgen.md import drawn as drawing
from molgen.md.likelihood import dims_of
from molgen.md.output import read_trajectory, write_trajectory
from molgen.md.sample import sample

FEW = LikelihoodTable(steps=2)  # a Gaussian of the width of the data takes none


def exact(statistics, x):
    """Log of the density of N(offset, scale^2 (1 + sigma_min^2)) in nm, `[n]`."""
    dims = dims_of(statistics)
    y = statistics.normalise(torch.as_tensor(x).double()).numpy()
    variance = 1 + 0.1**2
    own = -0.5 * (y**2).sum((1, 2)) / variance - 0.5 * dims * math.log(2 * math.pi * variance)
    return own - dims * math.log(statistics.scale)


def read(path):
    with open(path) as file:
        lines = list(csv.DictReader(file))
    return {name: np.array([float(line[name]) for line in lines]) for name in lines[0]}


@pytest.mark.parametrize(("system", "ending"), [("ala2", "dcd"), ("mueller_brown", "npz")])
def test_samples_come_with_their_log_q(harmonic, harmonic_checkpoint, tmp_path, system, ending):
    output = tmp_path / f"s.{ending}"
    sample(harmonic_checkpoint(system), count=12, output=output, likelihood=FEW, batch_size=5)
    statistics = harmonic(system)[1]
    x = read_trajectory(output, statistics.mapping)
    said = read(tmp_path / "s.log_q.csv")
    assert said["name"].tolist() == list(range(12))
    # float32 of coordinates, a few widths from the middle; a dcd is in single precision of Angstrom
    assert np.abs(said["log_q"] - exact(statistics, x)).max() < 2e-3
    bits = -said["log_q"] / dims_of(statistics) / math.log(2)
    assert said["bits_per_dim"] == pytest.approx(bits, abs=1e-5)
    assert not said["standard_error"].any()


def test_a_file_is_scored_as_it_is_unless_noise_is_asked_for(
    harmonic, harmonic_checkpoint, tmp_path, generator
):
    """With noise, the mean of log q falls by what the variance grows by."""
    folder, statistics = harmonic_checkpoint("mueller_brown"), harmonic("mueller_brown")[1]
    x = 0.6 * torch.randn(400, 1, 2, generator=generator) + torch.tensor(statistics.offset)
    write_trajectory(tmp_path / "x.npz", x.numpy(), statistics.mapping)
    found = {}
    for name, words in (("as it is", []), ("noised", ["--noise"])):
        output = tmp_path / f"{name}.csv"
        command = ["likelihood", str(folder), str(tmp_path / "x.npz"), "--steps", "2", *words]
        assert main([*command, "-o", str(output)]) == 0
        found[name] = read(output)["log_q"]
    assert np.abs(found["as it is"] - exact(statistics, x)).max() < 1e-4
    # E[|y|^2] / 2 v = 1 / 1.01 without noise, 1 with it; the noise is of 0.1, so its mean is known
    # to sqrt(2 * 0.01 / 400) a coordinate
    assert np.mean(found["noised"] - found["as it is"]) == pytest.approx(1 / 1.01 - 1, abs=0.04)


def test_an_interrupted_run_goes_on(harmonic_checkpoint, tmp_path, monkeypatch):
    common = {"count": 11, "likelihood": FEW, "batch_size": 4, "seed": 5}
    folder = harmonic_checkpoint()
    sample(folder, output=tmp_path / "whole.dcd", **common)
    draw, calls = drawing.draw_scored, []

    def fail(model, statistics, first, *rest, **options):
        calls.append(first)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return draw(model, statistics, first, *rest, **options)

    monkeypatch.setattr(drawing, "draw_scored", fail)
    output = tmp_path / "stopped.dcd"
    with pytest.raises(KeyboardInterrupt):
        sample(folder, output=output, **common)
    assert not output.exists()
    sample(folder, output=output, **common)
    assert calls == [0, 4, 4, 8]
    assert output.read_bytes() == (tmp_path / "whole.dcd").read_bytes()
    both = [(tmp_path / f"{name}.log_q.csv").read_bytes() for name in ("whole", "stopped")]
    assert both[0] == both[1]
    assert not list(tmp_path.glob("*.parts"))


def test_held_out_frames_are_scored_by_the_shipped_model(tmp_path):
    """On 40 frames, of about the entropy of the surface at kT = 23 in the square: 0.2 +- 0.25."""
    output = likelihood("mueller_brown", output=tmp_path / "h.csv", count=40, steps=12)
    said = json.loads(output.with_suffix(".json").read_text())
    assert said["of"] == "held-out data"
    assert said["noise_added"] is True
    assert abs(said["log_q"]["mean"] + 0.15) < 4 * 0.25
    assert said["unsure"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--likelihood", "--solver", "heun"], "leave the solver out"),
        (["--probes", "4"], "give --likelihood as well"),
        (["--likelihood", "--probes", "1"], "take two or more"),
    ],
)
def test_options_that_contradict_are_refused(harmonic_checkpoint, tmp_path, capsys, words, message):
    command = ["sample", "md", "-m", str(harmonic_checkpoint()), "-n", "3", *words]
    assert main([*command, "-o", str(tmp_path / "s.dcd")]) == 2
    assert message in capsys.readouterr().err


def test_files_that_cannot_be_scored_are_refused(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint()
    with pytest.raises(UsageError, match=r"written as \.csv"):
        likelihood(folder, output=tmp_path / "x.npz")
    with pytest.raises(UsageError, match="no such file"):
        likelihood(folder, tmp_path / "none.xtc", output=tmp_path / "x.csv")
    with pytest.raises(UsageError, match="no use for receptor"):
        likelihood(folder, output=tmp_path / "x.csv", receptor="a.pdb")
