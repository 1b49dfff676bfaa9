"""Generation for several peptides: what is kept, what is told, who makes what."""

import re

import numpy as np
import pytest
import torch

from molgen.errors import MolgenError, UsageError
from molgen.files import locked
from molgen.md.data.dataset import FrameSet
from molgen.md.peptides.definition import TEMPERATURES_K
from molgen.md.peptides.generate import TABLE, generate_peptides
from molgen.md.peptides.sequence import Peptide
from molgen.md.system import load_system

pytestmark = pytest.mark.openmm

SHORT = {
    "all_levels": True,
    "keep_forces": True,
    "burn_in_ps": 0.3,
    "groups": 2,
    "stride": 50,
    "frames": 40,
    "frames_per_part": 20,
}
PEPTIDES = (Peptide.parse("GG"), Peptide.parse("Ac-A-NHMe"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    told = []
    generate_peptides(PEPTIDES, folder, SHORT, tell=told.append)
    return folder, told


def test_each_peptide_has_frames_of_every_temperature(made):
    folder, _ = made
    for peptide in PEPTIDES:
        frames = FrameSet.open(folder / peptide.text)
        assert len(frames) == 40
        assert (frames.level() == 0).all()
        every = frames.at_levels()
        assert len(every) == len(every.positions()) == 40 * 6 // 2
        temperatures, counts = np.unique(every.temperature_K(), return_counts=True)
        assert temperatures.tolist() == list(TEMPERATURES_K)
        assert counts.tolist() == [40, 20, 20, 20, 20]
        assert len(frames.at_levels(1)) == 20
        with pytest.raises(UsageError, match="no frames of temperature level 5"):
            frames.at_levels(5)


def test_energies_and_forces_are_those_of_the_force_field(made):
    folder, _ = made
    for peptide in PEPTIDES:
        frames = FrameSet.open(folder / peptide.text).at_levels()
        potential = load_system(f"peptide:{peptide}").potential(torch.float64, compile=False)
        x = torch.from_numpy(frames.positions()).double()
        energy, forces = potential.energy_and_forces(x)
        # positions were kept in single precision: 1e-7 nm at 1e5 kJ/mol/nm^2 and below
        np.testing.assert_allclose(frames.energies(), energy.numpy(), rtol=1e-5, atol=0.01)
        np.testing.assert_allclose(frames.forces(), forces.numpy(), rtol=1e-3, atol=1.0)


def test_hotter_levels_have_higher_energies(made):
    folder, _ = made
    frames = FrameSet.open(folder / "Ac-A-NHMe").at_levels()
    energy, level = frames.energies(), frames.level()
    assert energy[level == 4].mean() > energy[level == 0].mean() + 20  # 33 K/kT apart: 60 kJ/mol


def test_a_table_says_how_well_each_is_sampled(made):
    folder, told = made
    lines = (folder / TABLE).read_text().splitlines()
    assert [re.split(r" *\| *", line)[1] for line in lines[2:]] == ["Ac-A-NHMe", "GG"]
    assert {"effective", "halves z", "drift z"} <= set(re.split(r" *\| *", lines[0]))
    assert len(told) == 2
    assert "replica-steps/s" in told[0]


def test_a_finished_run_makes_nothing_and_a_longer_one_goes_on(made):
    folder, _ = made
    before = FrameSet.open(folder / "GG").positions()
    told = []
    generate_peptides(PEPTIDES[:1], folder, SHORT, tell=told.append)
    assert "replica-steps/s" not in told[0]
    generate_peptides(PEPTIDES[:1], folder, {**SHORT, "frames": 60})
    after = FrameSet.open(folder / "GG").positions()
    assert len(after) == 60
    assert np.array_equal(after[:40], before)


def test_what_another_process_has_in_hand_is_passed_over(made, tmp_path):
    told = []
    (tmp_path / "GG").mkdir()
    with locked(tmp_path / "GG"):
        generate_peptides(PEPTIDES[:1], tmp_path, SHORT, tell=told.append)
    assert told == ["GG: another process has it in hand"]


def test_a_chain_that_explodes_is_named_with_its_peptide(tmp_path):
    with pytest.raises(MolgenError, match=r"peptide GG: chain \d+.* blew up by step \d+ \("):
        generate_peptides(PEPTIDES[:1], tmp_path, {**SHORT, "timestep_ps": 0.02})


def test_random_numbers_differ_from_peptide_to_peptide(tmp_path):
    """One seed for all would move the same atoms of two peptides alike."""
    generate_peptides(PEPTIDES, tmp_path, {**SHORT, "frames": 4, "seed": 3})
    seeds = [FrameSet.open(tmp_path / p.text).meta["options"]["seed"] for p in PEPTIDES]
    assert len(set(seeds)) == 2
