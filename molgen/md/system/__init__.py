"""What is simulated: read from a folder with a `system.toml` (and a PDB file for molecules)."""

from molgen.md.system.loading import PEPTIDE, load_system
from molgen.md.system.system import System

__all__ = ["PEPTIDE", "System", "load_system"]
