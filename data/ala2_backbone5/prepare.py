"""Packs frames of `molgen md generate` into this folder, and counts them in its README.

python data/ala2_backbone5/prepare.py FRAMES [OUTPUT]
"""

import sys
from pathlib import Path

from molgen.md.data.dataset import FrameSet
from molgen.md.data.packing import pack_folder
from molgen.md.system import load_system

SYSTEM, MAPPING, FRAMES_OF_EACH_HALF = "ala2", "backbone5", 200_000

here = Path(__file__).parent
frames = FrameSet.open(sys.argv[1])
output = Path(sys.argv[2]) if len(sys.argv) > 2 else here
system = load_system(SYSTEM)
table = pack_folder(frames, output, system, system.mapping(MAPPING), FRAMES_OF_EACH_HALF)
print(table)
text = (here / "README.md").read_text()
(output / "README.md").write_text(text.partition("## Counts")[0] + "## Counts\n\n" + table)
