import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from molgen.arrays import write_arrays
from molgen.errors import MolgenError, UsageError
from molgen.md.data.dataset import FrameSet, part_path, write_part
from molgen.md.data.generate import generate, generate_options
from molgen.md.data.generate_options import sampling_masses
from molgen.md.data.parts import RESTART
from molgen.md.dynamics.integrators import BAOAB
from molgen.md.dynamics.replica_exchange import Exchanger, level_ladder
from molgen.md.dynamics.tempering import Tempering
from molgen.md.system import load_system

SMALL = {
    "groups": 8,
    "lowest": 3,
    "ladder": (1.0, 1.5),
    "exchange_every": 10,
    "stride": 20,
    "burn_in_ps": 20.0,
    "frames_per_part": 100,
    "keep_forces": True,
    "seed": 7,
}


@pytest.fixture(scope="module")
def well():
    return load_system("double_well_1d")


def everything(folder):
    frames = FrameSet.open(folder)
    arrays = (frames.positions(), frames.energies(), frames.forces(), frames.chain(), frames.step())
    return frames.meta, *arrays


class Interrupted(Exception):
    pass


def interrupt_at(call):
    calls = iter(range(1000))

    def progress(stage, done, target):
        if next(calls) == call:
            raise Interrupted

    return progress


@pytest.mark.parametrize("call", [3, 21, 23])  # in burn-in, at the first part, later
def test_resume_equals_an_uninterrupted_run_bitwise(well, tmp_path, call):
    options = generate_options(well, frames=500, **SMALL)
    report = generate(well, tmp_path / "whole", options)
    with pytest.raises(Interrupted):
        generate(well, tmp_path / "torn", options, interrupt_at(call))
    assert generate(well, tmp_path / "torn", options) == report
    for whole, torn in zip(
        everything(tmp_path / "whole"), everything(tmp_path / "torn"), strict=True
    ):
        assert np.array_equal(whole, torn)


def test_a_part_that_was_written_but_not_committed_is_made_again(well, tmp_path):
    options = generate_options(well, frames=300, **SMALL)
    generate(well, tmp_path / "whole", generate_options(well, frames=500, **SMALL))
    generate(well, tmp_path / "torn", options)
    parts = FrameSet.open(tmp_path / "torn").meta["parts"]
    write_part(tmp_path / "torn", parts, {"positions": np.full((5, 1, 1), np.nan)})
    generate(well, tmp_path / "torn", generate_options(well, frames=500, **SMALL))
    whole, torn = everything(tmp_path / "whole"), everything(tmp_path / "torn")
    assert whole[0]["frames"] == torn[0]["frames"]
    for a, b in zip(whole[1:], torn[1:], strict=True):
        assert np.array_equal(a, b)


KILLED = """
import sys, torch
torch.set_num_threads(1)
from molgen.md.data.generate import generate, generate_options
from molgen.md.system import load_system
well = load_system("double_well_1d")
options = generate_options(well, frames=20_000, groups=8, lowest=3, ladder=(1.0, 1.5), seed=7,
    exchange_every=10, stride=10, burn_in_ps=5.0, frames_per_part=200)
generate(well, sys.argv[1], options)
"""


def test_after_kill_9_no_frame_is_lost_or_doubled(well, tmp_path):
    folder = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)])
    deadline = time.monotonic() + 60
    while not part_path(folder, 2).exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    committed = len(np.load(folder / RESTART)["run.counts"]) * 24
    assert committed < 20_000
    options = generate_options(
        well, frames=committed + 1000, groups=8, lowest=3, ladder=(1.0, 1.5), seed=7,
        exchange_every=10, stride=10, burn_in_ps=5.0, frames_per_part=200,
    )  # fmt: skip
    generate(well, folder, options)
    frames = FrameSet.open(folder)
    assert len(frames) >= committed + 1000
    steps = frames.step().reshape(-1, 24)
    assert np.array_equal(steps[:, 0], 10 * np.arange(1, len(steps) + 1))
    assert (steps == steps[:, :1]).all()
    # every level-0 chain of every group appears once at each moment
    assert (np.diff(frames.chain().reshape(-1, 24), axis=1) > 0).all()
    assert not list(folder.glob(".*.tmp"))  # what the kill may have left half-written


def test_a_folder_of_another_run_is_refused(well, tmp_path):
    generate(well, tmp_path / "run", generate_options(well, frames=50, **SMALL))
    other = generate_options(well, frames=50, **{**SMALL, "seed": 8})
    with pytest.raises(UsageError, match="holds another run"):
        generate(well, tmp_path / "run", other)
    with pytest.raises(UsageError, match="holds another run"):
        generate("double_well_2d", tmp_path / "run", generate_options(well, frames=50, **SMALL))


def test_a_folder_that_was_counted_otherwise_is_refused(well, tmp_path):
    options = generate_options(well, frames=50, **SMALL)
    generate(well, tmp_path / "run", options)
    arrays = dict(np.load(tmp_path / "run" / RESTART))
    write_arrays(tmp_path / "run" / RESTART, arrays | {"run.counts": arrays["run.counts"].sum(0)})
    with pytest.raises(UsageError, match="counted otherwise; name a new folder"):
        generate(well, tmp_path / "run", options)


def test_frames_have_the_right_distribution_and_energies(well, tmp_path):
    options = generate_options(
        well, frames=30_000, groups=100, lowest=4, ladder=(1.0, 1.6, 2.5), exchange_every=10,
        stride=40, burn_in_ps=60.0, seed=1, keep_forces=True,
    )  # fmt: skip
    report = generate(well, tmp_path, options)
    left = report["basins"]["left"]
    # 3 standard errors, themselves from 100 independent groups
    assert abs(left["population"] - well.answers["left"]) < 3 * left["standard_error"]
    assert left["standard_error"] < 0.02
    assert report == json.loads((tmp_path / "convergence.json").read_text())
    frames = FrameSet.open(tmp_path)
    x = torch.from_numpy(frames.positions()).double()
    energies, forces = well.potential(torch.float64).energy_and_forces(x)
    # float32 positions and forces of slope up to 20
    np.testing.assert_allclose(frames.energies(), energies, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(frames.forces(), forces, rtol=1e-5, atol=1e-4)
    first, second = frames.halves()
    assert not set(first.chain()) & set(second.chain())
    assert report["round_trips"] > 0
    assert all(0.2 < a < 1 for a in report["acceptance"])


def test_it_goes_on_until_enough_samples_are_effective(well, tmp_path):
    options = generate_options(well, frames=50, effective_samples=60, **SMALL)
    report = generate(well, tmp_path, options)
    assert report["effective_samples"] >= 60
    assert report["frames"] > 50


def test_a_chain_that_blows_up_is_named_and_nothing_is_written(well, tmp_path):
    with pytest.raises(MolgenError, match=r"chain \d+.* blew up by step \d+ \(.* ps\)"):
        generate(well, tmp_path, generate_options(well, frames=50, timestep_ps=3.0, **SMALL))
    assert not list(tmp_path.glob("part-*"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame": 10}, "no option 'frame'; did you mean 'frames'"),
        ({"groups": 0}, "generate: groups: input should be greater"),
        ({"stride": 25, "exchange_every": 10}, "must be a multiple of exchange_every"),
        ({"engine": "gromacs"}, "generate: engine: input should be 'molgen' or 'openmm'"),
    ],
)
def test_wrong_options_are_one_line(well, changes, message):
    with pytest.raises(UsageError, match=message):
        generate_options(well, **changes)


def test_a_surface_has_no_openmm_engine(well, tmp_path):
    with pytest.raises(UsageError, match="no OpenMM form"):
        generate(well, tmp_path, generate_options(well, engine="openmm"))


@pytest.mark.openmm
def test_openmm_engine_writes_the_same_kind_of_folder(tmp_path):
    ala2 = load_system("ala2")
    options = generate_options(
        ala2, engine="openmm", frames=12, groups=2, lowest=2, exchange_every=10, stride=20,
        burn_in_ps=0.3, timestep_ps=0.001, frames_per_part=4, keep_forces=True,
    )  # fmt: skip
    generate(ala2, tmp_path, options)
    generate(ala2, tmp_path, options.model_copy(update={"frames": 16}))
    frames = FrameSet.open(tmp_path)
    assert len(frames) == 16
    x = torch.from_numpy(frames.positions()).double()
    energies, forces = ala2.potential(torch.float64, compile=False).energy_and_forces(x)
    # positions are kept in float32 (6e-8 of 1 nm), with forces of up to 1e4 kJ/mol/nm and
    # stiffnesses of up to 5e5 kJ/mol/nm^2
    np.testing.assert_allclose(frames.energies(), energies, atol=2e-2)
    np.testing.assert_allclose(frames.forces(), forces, atol=1.0)
    assert abs(x.mean(1)).max() < 1e-6
    assert len({tuple(row) for row in frames.positions()[:, 0].tolist()}) == 16


@pytest.mark.openmm
def test_molecule_under_tempering_keeps_its_shape(generator):
    """Alanine dipeptide for 1 ps at the shipped timestep and masses, at 300 and 660 K."""
    ala2 = load_system("ala2")
    options = generate_options(ala2)
    tempering = Tempering(
        BAOAB(
            ala2.potential(compile=False),
            sampling_masses(ala2, options),
            options.timestep_ps,
            ala2.friction_per_ps,
        ),
        Exchanger.start(level_ladder(ala2.kT, (1.0, 2.2), 2), groups=2),
        ala2.start,
        exchange_every=50,
        free=True,
        dtype=torch.float32,
        generator=generator,
    )
    frames = tempering.advance(350)
    bonds = torch.tensor(ala2.atoms.bonds)
    x = tempering.state.positions
    lengths = (x[:, bonds[:, 0]] - x[:, bonds[:, 1]]).norm(dim=-1)
    rest = (ala2.start[bonds[:, 0]] - ala2.start[bonds[:, 1]]).norm(dim=-1)
    # bond constants of 2e5 kJ/mol/nm^2 and more: sigma below 0.005 nm at 660 K
    assert (lengths - rest).abs().max() < 0.03
    assert frames.chain.numel() == 4
    assert x.mean(1).abs().max() < 1e-12
