import numpy as np
import pytest
import torch

from molgen.errors import UsageError
from molgen.md.data.dataset import FrameSet
from molgen.md.data.frames import load_points
from molgen.md.peptides.generate import generate_peptides
from molgen.md.peptides.packing import pack_references
from molgen.md.peptides.sequence import Peptide
from molgen.md.system import load_system
from molgen.md.system.collective import dihedral

pytestmark = pytest.mark.openmm


def test_packed_dihedrals_are_those_of_the_frames_at_each_temperature(tmp_path):
    peptide, system = Peptide.parse("GG"), load_system("peptide:GG")
    options = {
        "all_levels": True,
        "burn_in_ps": 0.1,
        "groups": 2,
        "stride": 50,
        "frames": 20,
    }
    generate_peptides([peptide], tmp_path / "frames", options)
    cases = [(peptide, 310.0), (peptide, 350.0)]
    pack_references(tmp_path / "frames", tmp_path / "packed", cases, 15)
    frames = FrameSet.open(tmp_path / "frames" / "GG")
    for name, temperature_K, count in (("GG", 310.0, 15), ("GG@350", 350.0, 10)):
        found = load_points(tmp_path / "packed" / name, system)
        assert found is not None
        assert found.values.shape == (count, 2)
        x = torch.from_numpy(frames.at_temperature(temperature_K).positions())
        every = dihedral(x, system.collective_variables["psi"]).numpy()
        away = np.abs(found.values[:, 1:] - every).min(1)  # each is one of the frames
        assert away.max() < 1e-4
    with pytest.raises(UsageError, match="no frames at 333 K, only at 310, 350, 415, 500, 610 K"):
        pack_references(tmp_path / "frames", tmp_path / "packed", [(peptide, 333.0)], 15)
