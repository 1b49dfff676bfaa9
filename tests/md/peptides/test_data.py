"""Frames of peptides: which are read, and forces as scores, handed to the losses."""

import numpy as np
import pytest
import torch

from molgen.core.losses.target_score import score_name
from molgen.files import write_json
from molgen.md.data.dataset import write_part
from molgen.md.peptides.data import Drawing, load_cases
from molgen.md.peptides.sequence import Peptide
from molgen.md.potentials.bead_forces import BeadForces
from molgen.md.system import load_system
from molgen.units import KB

KT = KB * 310.0


@pytest.fixture(scope="module")
def shaken():
    """Glycylalanine, shaken a little: frames of all atoms."""
    system = load_system("peptide:GA")
    generator = torch.Generator().manual_seed(3)
    noise = 0.003 * torch.randn(60, *system.start.shape, generator=generator)
    return system, (system.start + noise).float()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shaken):
    system, x = shaken
    folder = tmp_path_factory.mktemp("frames")
    (folder / "GA").mkdir()
    arrays = {"positions": x.numpy(), "chain": np.zeros(60, np.int32), "step": np.arange(60)}
    write_part(folder / "GA", 0, {**arrays, "level": np.repeat(np.arange(2, dtype=np.int8), 30)})
    meta = {
        "format": 1,
        "atoms": system.atoms.to_dict(),
        "temperature_K": 310.0,
        "options": {"ladder": [1.0, 1.3], "all_levels": True},
        "frames": 30,
        "parts": 1,
        "groups": 1,
        "group_size": 1,
        "forces": False,
    }
    write_json(folder / "GA" / "meta.json", meta)
    return folder


def test_scores_are_forces_over_the_kt_of_each_temperature(folder, shaken):
    system, x = shaken
    cool, hot = load_cases(folder, Peptide("GA"), limit=20, scores=True)
    forces = BeadForces(system, system.mapping("backbone"))
    assert len(cool.x) == len(cool.score) == 20
    for one, frames, kT in ((cool, x[:30], KT), (hot, x[30:], 1.3 * KT)):
        place = (frames[:, system.mapping("backbone").atoms] - one.x[7]).abs().amax((1, 2)).argmin()
        torch.testing.assert_close(one.score[7], forces(frames)[place] / kT, rtol=1e-4, atol=1e-2)


def test_batches_bring_the_score_of_each_frame_in_the_units_of_the_model(folder):
    frames = load_cases(folder, Peptide("GA"), scores=True)
    drawn = Drawing(frames, 310.0, 0.5, scale=0.15)(40, torch.Generator().manual_seed(1))
    known = torch.cat([one.x - one.x.mean(1, keepdim=True) for one in frames]) / 0.15
    scores = torch.cat([one.score for one in frames]) * 0.15
    filled = drawn.rows["pos"].mask[0]
    for y, score in zip(drawn.state["pos"], drawn.given[score_name("pos")], strict=True):
        frame = (known - y[filled]).abs().amax((1, 2)).argmin()
        torch.testing.assert_close(score[filled], scores[frame], rtol=2e-3, atol=0.05)
        assert not score[~filled].any()


def test_the_beginning_of_every_chain_may_be_left_out(folder, shaken):
    system, x = shaken
    atoms = system.mapping("backbone").atoms
    cool, hot = load_cases(folder, Peptide("GA"), discard=0.4)
    torch.testing.assert_close(cool.x, x[12:30][:, atoms])
    torch.testing.assert_close(hot.x, x[42:][:, atoms])


def test_without_forces_there_are_no_scores(folder):
    frames = load_cases(folder, Peptide("GA"))
    drawn = Drawing(frames, 310.0, 0.5, scale=0.15)(4, torch.Generator())
    assert score_name("pos") not in drawn.given
