"""Reference dihedrals of many peptides, small enough to ship."""

from collections.abc import Iterable
from pathlib import Path

from molgen.files import read_json, write_json
from molgen.md.data.dataset import FrameSet
from molgen.md.data.packing import POINTS, PROVENANCE, pack
from molgen.md.evaluation.ensemble import Ensemble, evenly
from molgen.md.peptides.definition import TEMPERATURE_K
from molgen.md.peptides.generate import ROW
from molgen.md.peptides.sequence import Peptide
from molgen.md.system import PEPTIDE, load_system


def pack_references(
    frames: Path, output: Path, cases: Iterable[tuple[Peptide, float]], count: int
) -> None:
    """Pack the compared dihedrals of peptides at temperatures, each into a folder of its own.

    output/KS/reference_points.npz        `count` frames, spread evenly, with their groups
    output/KS@350/reference_points.npz    the same at another temperature
    output/provenance.json                how they were made, and how well each is sampled

    Args:
        frames: folder with a frame folder for each peptide, of `molgen md generate`.
        output: folder.
        cases: peptides with temperatures, K.
        count: frames of each; all if there are fewer.

    Raises:
        UsageError: frames of a peptide or a temperature are missing.
    """
    facts: dict[str, dict[str, object]] = {}
    rows = {}
    for peptide, temperature_K in cases:
        system = load_system(f"{PEPTIDE}{peptide}@{temperature_K:g}")
        found = FrameSet.open(frames / peptide.text).at_temperature(temperature_K)
        x, groups = found.positions(), found.group()
        chosen = evenly(len(x), count)
        points = Ensemble.from_positions(x[chosen], system.compared).points
        name = peptide.text if temperature_K == TEMPERATURE_K else f"{peptide}@{temperature_K:g}"
        (output / name).mkdir(parents=True, exist_ok=True)
        pack(output / name / POINTS, points, list(system.compared), groups[chosen])
        facts[name] = {"frames": len(x), "packed": len(chosen)}
        rows[peptide.text] = read_json(frames / peptide.text / ROW)
        shared = {
            key: found.meta[key]
            for key in ("molgen", "potential", "timestep_ps", "stride_ps", "options")
        }
    write_json(
        output / PROVENANCE,
        {"last": shared, "counts": facts, "convergence": list(rows.values())},
    )
