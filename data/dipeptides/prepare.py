"""Packs reference dihedrals of the test and validation peptides into this folder.

python data/dipeptides/prepare.py FRAMES [OUTPUT]
"""

import sys
from pathlib import Path

from molgen.md.peptides.data import read_peptides
from molgen.md.peptides.packing import pack_references
from molgen.md.peptides.sequence import Peptide

FRAMES_OF_EACH = 50_000
ALSO_AT_350_K = ("KS", "AT", "NY", "GS", "Ac-A-NHMe")

here = Path(__file__).parent
cases = [
    (peptide, 310.0)
    for name in ("test", "validation")
    for peptide in read_peptides(str(here / f"{name}.txt"))
]
cases += [(Peptide.parse(text), 350.0) for text in ALSO_AT_350_K]
pack_references(
    Path(sys.argv[1]),
    Path(sys.argv[2]) if len(sys.argv) > 2 else here,
    cases,
    FRAMES_OF_EACH,
)
