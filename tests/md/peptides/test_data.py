"""Frames of peptides: which are read, and forces as scores, handed to the losses."""

import numpy as np
import pytest
import torch

from molgen.core.losses.target_score import score_name
from molgen.errors import UsageError
from molgen.files import write_json
from molgen.md.data.dataset import write_part
from molgen.md.peptides.data import Drawing, load_cases
from molgen.md.peptides.sequence import Peptide
from molgen.md.potentials.bead_forces import BeadForces
from molgen.md.system import load_system
from molgen.units import KB

KT = KB * 310.0
# Ten moments of six chains, which trade two temperatures
CHAIN = np.tile(np.arange(6, dtype=np.int32), 10)
STEP = np.repeat(200 * np.arange(1, 11), 6)
LEVEL = ((CHAIN + STEP // 200) % 2).astype(np.int8)


@pytest.fixture(scope="module")
def shaken():
    """Glycylalanine, shaken a little: frames of all atoms."""
    system = load_system("peptide:GA")
    generator = torch.Generator().manual_seed(3)
    noise = 0.003 * torch.randn(60, *system.start.shape, generator=generator)
    return system, (system.start + noise).float()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shaken):
    return written(tmp_path_factory.mktemp("frames"), *shaken, LEVEL)


def written(folder, system, x, level):
    (folder / "GA").mkdir()
    for part, own in enumerate((slice(0, 24), slice(24, 60))):
        arrays = {"positions": x.numpy(), "chain": CHAIN, "step": STEP, "level": level}
        write_part(folder / "GA", part, {name: values[own] for name, values in arrays.items()})
    meta = {
        "format": 1,
        "atoms": system.atoms.to_dict(),
        "temperature_K": 310.0,
        "options": {"ladder": [1.0, 1.3], "all_levels": True},
        "frames": 30,
        "parts": 2,
        "groups": 1,
        "group_size": 6,
        "forces": False,
    }
    write_json(folder / "GA" / "meta.json", meta)
    return folder


def test_scores_are_forces_over_the_kt_of_each_temperature(folder, shaken):
    system, x = shaken
    cool, hot = load_cases(folder, Peptide("GA"), limit=20, scores=True)
    forces = BeadForces(system, system.mapping("backbone"))
    assert len(cool.x) == len(cool.score) == 20
    for one, frames, kT in ((cool, x[LEVEL == 0], KT), (hot, x[LEVEL == 1], 1.3 * KT)):
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
    atoms, later = system.mapping("backbone").atoms, STEP >= 800
    cool, hot = load_cases(folder, Peptide("GA"), discard=0.4)
    assert len(cool.x) == len(hot.x) == 21
    torch.testing.assert_close(cool.x, x[later & (LEVEL == 0)][:, atoms])
    torch.testing.assert_close(hot.x, x[later & (LEVEL == 1)][:, atoms])


def test_a_temperature_of_which_nothing_is_left_is_named(shaken, tmp_path):
    folder = written(tmp_path, *shaken, np.where(STEP < 800, LEVEL, np.int8(0)))
    with pytest.raises(UsageError, match="without its first 40% no frame at 403 K"):
        load_cases(folder, Peptide("GA"), discard=0.4)


def test_forces_belong_to_the_frames_that_are_left(folder):
    (few, _), (whole, _) = (
        load_cases(folder, Peptide("GA"), discard=0.4, limit=limit, scores=True)
        for limit in (9, None)
    )
    assert len(few.x) == 9
    place = (whole.x - few.x[4]).abs().amax((1, 2)).argmin()
    torch.testing.assert_close(few.x[4], whole.x[place])
    torch.testing.assert_close(few.score[4], whole.score[place])


def test_without_forces_there_are_no_scores(folder):
    frames = load_cases(folder, Peptide("GA"))
    drawn = Drawing(frames, 310.0, 0.5, scale=0.15)(4, torch.Generator())
    assert score_name("pos") not in drawn.given
