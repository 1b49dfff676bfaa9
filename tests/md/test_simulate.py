"""Simulation of a model: the right ensemble, one file whatever interrupts it, faults named."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from molgen.cli.main import main
from molgen.errors import MolgenError, UsageError
from molgen.md import simulate as module
from molgen.md.data.parts import RESTART
from molgen.md.models.statistics import Statistics
from molgen.md.output import read_trajectory
from molgen.md.sample import sample
from molgen.md.simulate import simulate
from molgen.resources import find

TIMESTEP = 0.005

COMMON = {"chains": 6, "time_ps": 0.3, "stride_ps": 0.05, "timestep_ps": TIMESTEP}

EAGER = {**COMMON, "compiled": False}


def mapping_of(folder):
    meta = json.loads((folder / "meta.json").read_text())
    return Statistics.from_dict(meta["statistics"]).mapping


def interrupted(checkpoint, output, monkeypatch, frames=3, **options):
    """A run stopped after some frames, each of them committed."""
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.0)

    def stop(stage, done, total):
        if done == frames:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(checkpoint, output=output, progress=stop, **{**EAGER, **options})


@pytest.mark.openmm
def test_both_engines_give_the_variance_of_theory(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint(simulate={"friction_per_ps": 20.0})
    variance = 0.1**2 * (1 + 0.1**2)
    options = {**EAGER, "chains": 400, "time_ps": 2.0, "stride_ps": 0.2}
    for engine in ("molgen", "openmm"):
        output = simulate(folder, engine=engine, output=tmp_path / f"{engine}.dcd", **options)
        x = read_trajectory(output, mapping_of(folder)).astype(np.float64)
        assert np.abs(x.mean(1)).max() < 1e-6
        # starts are independent samples: 4800 coordinates at any moment, error 2 %, 4 sigma
        assert (x**2).sum() / (12 * len(x)) == pytest.approx(variance, rel=0.08)


def test_settled_frames_are_without_the_noise_of_the_forces(harmonic_checkpoint, tmp_path):
    options = {**EAGER, "chains": 400, "time_ps": 2.0, "stride_ps": 0.2}
    for settle, noise in ((0, 0.8), (20, 0.1)):
        table = {"friction_per_ps": 20.0, "noise": 0.8, "settle": settle}
        folder = harmonic_checkpoint(simulate=table)
        output = simulate(folder, output=tmp_path / f"{settle}.dcd", **options)
        x = read_trajectory(output, mapping_of(folder)).astype(np.float64)
        # 24,000 coordinates that forget in a frame or two: error 1 to 2 %, 4 sigma; the first
        # frames still remember starts that are samples
        late = x.reshape(400, 10, 5, 3)[:, 5:]
        assert (late**2).sum() / (12 * 2000) == pytest.approx(0.1**2 * (1 + noise**2), rel=0.08)
        run = json.loads(output.with_suffix(".json").read_text())["run"]
        assert (run["noise"], run.get("settle", 0)) == (pytest.approx(0.8), settle)


def test_frames_are_chain_after_chain_and_a_json_says_so(harmonic_checkpoint, tmp_path, capsys):
    folder, output = harmonic_checkpoint(), tmp_path / "t.xtc"
    words = ["simulate", str(folder), "-o", str(output), "--ps", "0.3", "--chains", "6"]
    options = ["--stride-ps", "0.05", "--timestep-ps", str(TIMESTEP), "--no-compile"]
    assert main([*words, *options]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    said = json.loads((tmp_path / "t.json").read_text())
    assert {key: said[key] for key in ("chains", "frames_per_chain", "interval_ps", "order")} == {
        "chains": 6,
        "frames_per_chain": 6,
        "interval_ps": pytest.approx(0.05),
        "order": "chain after chain",
    }
    assert said["run"]["engine"] == "molgen"
    assert said["run"]["friction_per_ps"] == 1.0  # that of the system
    assert said["chain_steps_per_s"] == pytest.approx(6 * 60 / said["seconds"], rel=0.05)
    x = read_trajectory(output, mapping_of(folder)).reshape(6, 6, 5, 3)
    # within a chain frames follow each other closely, from one chain to the next they jump
    moved = np.linalg.norm(np.diff(x, axis=1), axis=-1).mean()
    jumped = np.linalg.norm(x[1:, 0] - x[:-1, -1], axis=-1).mean()
    assert jumped > 1.5 * moved
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "checkpoint_ala2_0",
        "t.json",
        "t.pdb",
        "t.xtc",
    ]


@pytest.mark.parametrize(
    ("engine", "table"),
    [
        ("molgen", {}),
        ("molgen", {"noise": 0.8, "settle": 4}),
        pytest.param("openmm", {}, marks=pytest.mark.openmm),
    ],
)
def test_an_interrupted_run_resumes_to_the_bit(
    harmonic_checkpoint, tmp_path, monkeypatch, engine, table
):
    folder = harmonic_checkpoint(simulate=table)
    whole = simulate(folder, output=tmp_path / "whole.dcd", engine=engine, **EAGER)
    output = tmp_path / "cut.dcd"
    interrupted(folder, output, monkeypatch, engine=engine)
    assert not output.exists()
    with pytest.raises(
        UsageError, match=r"cut\.dcd\.part: an unfinished run; continue it with --r"
    ):
        simulate(folder, output=output, engine=engine, **EAGER)
    # killed between a part and its commit: the part is made again
    part = tmp_path / "cut.dcd.part"
    (part / "part-000003.npz").write_bytes(b"half")
    (part / ".part-000003.npz.1.tmp").write_bytes(b"half")
    simulate(folder, output=output, engine=engine, resume=True, **EAGER)
    assert output.read_bytes() == whole.read_bytes()
    assert not part.exists()


def test_a_run_may_be_resumed_to_be_longer(harmonic_checkpoint, tmp_path, monkeypatch):
    folder, output = harmonic_checkpoint(), tmp_path / "cut.dcd"
    interrupted(folder, output, monkeypatch)
    longer = {**EAGER, "time_ps": 0.5}
    whole = simulate(folder, output=tmp_path / "whole.dcd", **longer)
    simulate(folder, output=output, resume=True, **longer)
    assert output.read_bytes() == whole.read_bytes()


def test_kill_9_loses_no_committed_frame(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint("mueller_brown")
    options = {"chains": 5, "time_ps": 1.5, "stride_ps": 0.005, "compiled": False, "seed": 4}
    code = (
        "import torch; torch.set_num_threads(1); from molgen.md import simulate as module; "
        "module.FLUSH_SECONDS = 0.0; "
        f"module.simulate({str(folder)!r}, output={str(tmp_path / 'cut.npz')!r}, **{options!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    restart = tmp_path / "cut.npz.part" / RESTART
    deadline = time.monotonic() + 60
    while process.poll() is None and not restart.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL  # it had not come to its end
    committed = int(np.load(restart)["run.frames"])
    assert 0 < committed < 300
    simulate(folder, output=tmp_path / "cut.npz", resume=True, **options)
    simulate(folder, output=tmp_path / "whole.npz", **options)
    with np.load(tmp_path / "cut.npz") as cut, np.load(tmp_path / "whole.npz") as whole:
        assert np.array_equal(cut["positions"], whole["positions"])


def test_another_run_in_the_folder_is_refused(harmonic_checkpoint, tmp_path, monkeypatch):
    folder, output = harmonic_checkpoint(), tmp_path / "t.dcd"
    interrupted(folder, output, monkeypatch)
    for change, name in (({"seed": 1}, "seed"), ({"chains": 7}, "chains")):
        with pytest.raises(UsageError, match=rf"holds another run \({name} is"):
            simulate(folder, output=output, resume=True, **{**EAGER, **change})


def test_a_finished_file_is_kept(harmonic_checkpoint, tmp_path):
    folder, output = harmonic_checkpoint(), tmp_path / "t.dcd"
    simulate(folder, output=output, **EAGER)
    before = output.stat().st_mtime_ns
    simulate(folder, output=output, **EAGER)  # this very run: nothing to do
    assert output.stat().st_mtime_ns == before
    for change in ({"seed": 1}, {"time_ps": 0.6}):
        with pytest.raises(UsageError, match=r"t\.dcd: a.* is there already; name another file"):
            simulate(folder, output=output, **{**EAGER, **change})
    (tmp_path / "notes.dcd").write_text("mine")
    with pytest.raises(UsageError, match="another run or file is there already"):
        simulate(folder, output=tmp_path / "notes.dcd", **EAGER)


def test_a_chain_that_blows_up_is_named_with_its_time(harmonic_checkpoint, tmp_path):
    # omega dt = 3: beyond the stability limit of 2 of any Verlet-like integrator
    folder = harmonic_checkpoint(simulate={"timestep_ps": 0.66, "stride_ps": 13.2})
    with pytest.raises(
        MolgenError, match=r"chain 0 \(and \d+ more chains\) blew up by step 20 \(13"
    ):
        simulate(folder, output=tmp_path / "t.xtc", chains=4, time_ps=30.0, compiled=False)
    assert not (tmp_path / "t.xtc").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ps", "0.01"], "0.01 ps is shorter than the 0.05 ps between frames"),
        (["--ps", "1", "-o", "t.gro"], "unknown trajectory format"),
        (["--ps", "1", "--engine", "gromacs"], "gromacs"),
        (["--ps", "1", "--ladder-noise", "a"], "--ladder-noise 'a': numbers"),
        (["--ps", "1", "--ladder-noise", "0.01"], "noise 0.01 does not lie above 0.1"),
        (["--ps", "1", "--ladder-noise", "1", "--engine", "hmc"], "'hmc' has no replica exchange"),
    ],
)
def test_options_that_cannot_be_used_are_one_line(harmonic_checkpoint, capsys, words, message):
    folder = str(harmonic_checkpoint(simulate={"stride_ps": 0.05}))
    assert main(["simulate", folder, *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "hmc"], {"acceptance": 1.0}),
        (["--ladder-noise", "0.2"], {"levels": ["noise 0.1", "noise 0.2"]}),
    ],
)
def test_the_json_says_what_was_accepted(harmonic_checkpoint, tmp_path, words, said):
    folder, output = str(harmonic_checkpoint()), tmp_path / "t.xtc"
    common = ["--ps", "0.3", "--stride-ps", "0.1", "--timestep-ps", "0.001", "--chains", "4"]
    assert main(["simulate", folder, "-o", str(output), *common, *words, "--no-compile"]) == 0
    content = json.loads(output.with_suffix(".json").read_text())
    assert said.items() <= content.items()
    assert (content["chains"], content["frames_per_chain"]) == (4, 3)


def test_a_system_of_the_user_is_found_by_its_path(harmonic_checkpoint, tmp_path):
    """A model of it is drawn from and simulated, and the files tell its basins."""
    own = shutil.copytree(find("systems", "mueller_brown"), tmp_path / "mywell")
    folder = harmonic_checkpoint("mywell", data={"system": str(own), "frames": "none"})
    options = {"chains": 3, "time_ps": 1.0, "compiled": False}
    for written in (
        simulate(folder, output=tmp_path / "t.npz", **options),
        sample(folder, count=20, output=tmp_path / "s.npz", steps=5, solver="ancestral"),
    ):
        content = json.loads(written.with_suffix(".json").read_text())
        assert set(content["basins"]) == {"upper", "middle", "lower"}


def test_a_wrong_key_of_the_recipe_is_named(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint(simulate={"timestep": 0.001})
    with pytest.raises(
        UsageError, match=r"\[simulate\] has no key 'timestep'; did you mean 'timest"
    ):
        simulate(folder, output=tmp_path / "t.xtc", **EAGER)


def test_surfaces_are_simulated_as_npz_and_not_by_openmm(harmonic_checkpoint, tmp_path):
    folder = harmonic_checkpoint("mueller_brown")
    options = {"chains": 3, "time_ps": 1.0, "compiled": False}
    with pytest.raises(UsageError, match=r"write \.npz"):
        simulate(folder, output=tmp_path / "t.xtc", **options)
    with pytest.raises(UsageError, match="use molgen's own engine"):
        simulate(folder, output=tmp_path / "o.npz", engine="openmm", **options)
    assert not (tmp_path / "o.npz.part").exists()  # nothing was begun, nothing is left
    with np.load(simulate(folder, output=tmp_path / "t.npz", **options)) as content:
        assert content["positions"].shape[1:] == (1, 2)


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler")
@pytest.mark.filterwarnings("error:the integrator runs uncompiled")
@pytest.mark.parametrize(
    ("system", "chains"),
    [
        ("ala2", 20),
        pytest.param("ala2", 1, marks=pytest.mark.slow),
        pytest.param("mueller_brown", 20, marks=pytest.mark.slow),
    ],
)
def test_a_compiled_run_is_the_plain_one(harmonic_checkpoint, tmp_path, system, chains):
    folder = harmonic_checkpoint(system, weight=0.05)
    options = {**COMMON, "chains": chains, "time_ps": 0.3}
    found = []
    for compiled in (False, True):
        output = tmp_path / f"{compiled}.npz"
        simulate(folder, output=output, compiled=compiled, **options)
        with np.load(output) as content:
            found.append(content["positions"])
    # the same random numbers; float32 forces are summed in another order
    assert found[1] == pytest.approx(found[0], abs=1e-4)
