"""`molgen evaluate md --peptides`: one model on many peptides, each on its own and all together.

Each peptide has a folder with results of its own (`molgen.md.evaluation`), from which a page can be
made; those that are there and were asked for just so are not made again. The table over all is the
result of the folder that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.evaluation import evaluated, options_of, origin_of
from molgen.files import read_json, write_json
from molgen.md.evaluation.evaluate import asked_of, evaluate
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.evaluation.results import Results, load_results
from molgen.md.peptides.emulate import bound_name
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.trust import trust, verdict
from molgen.results import read_results, write_results
from molgen.run import provenance

PILLAR = "peptides"
TRUST = "trust.json"
DRAWS = 100
"""On which samples and forces of a peptide are compared."""

GAP = 0.1
"""(kT)^2 of PMF between samples and simulation beyond which a peptide is called out."""

Progress = Callable[[str, int, int], None]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class PeptideResults:
    """A table over peptides.

    Attributes:
        title: of the model.
        rows: one a peptide; see `row_of`.
        provenance: facts.
    """

    title: str
    rows: tuple[dict[str, Any], ...]
    provenance: Mapping[str, Any]

    @property
    def doubts(self) -> list[str]:
        """What to read first: peptides for which the model is outside of what it knows."""
        found = []
        for row in self.rows:
            own, gap = row["trust"]["samples and forces"], row["gap"]["debiased"]
            if not own["reliable"]:
                share = 100 * own["effective share"]
                found.append(
                    f"{row['peptide']}: outside of what the model knows; {share:.0f} % of its "
                    "draws are effective under its own energy."
                )
            elif gap > GAP:
                found.append(
                    f"{row['peptide']}: samples and simulation differ by {gap:.2g} (kT)² of PMF; "
                    "do not trust its forces."
                )
        return found

    def save(self, folder: Path) -> None:
        """Into a folder; `molgen report` makes a page of it."""
        write_results(
            folder,
            PILLAR,
            {"title": self.title, "rows": list(self.rows), "provenance": dict(self.provenance)},
        )

    @classmethod
    def load(cls, folder: Path) -> PeptideResults:
        """Those of a folder.

        Raises:
            UsageError: there are none.
        """
        content = read_results(folder)
        return cls(content["title"], tuple(content["rows"]), content["provenance"])


def evaluate_peptides(
    model: str | Path,
    peptides: Sequence[Peptide],
    output: str | Path,
    *,
    temperature_K: float | None = None,
    reference: str | None = None,
    changes: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> PeptideResults:
    """The table over peptides, and in `output/NAME` what was found of each.

    Args:
        model: a checkpoint for many peptides.
        peptides: which.
        output: folder; what is there of an earlier run, asked for alike, is used.
        temperature_K: the model's own if None.
        reference: folder with frames or packed points of each; that of the recipe if None.
        changes: of `[evaluate]`, such as `samples=50000`.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total); what begins with the peptide.
        tell: told a line about each peptide that is done.

    Raises:
        UsageError: the model is of one molecule, or was not trained for a peptide.
        MolgenError: a sample or a chain is not finite.
    """
    output, begun = Path(output), provenance()
    say = tell or (lambda line: None)
    names = [
        bound_name(peptide.text, model=model, temperature_K=temperature_K) for peptide in peptides
    ]
    found = [checkpoints.load(name) for name in names]  # so that all are refused before any begins
    rows = []
    for peptide, name, bound in zip(peptides, names, found, strict=True):
        subject = bound.meta["bound"]
        folder, source = output / subject, reference and f"{reference}/{subject}"
        options = options_of(bound, EvaluateTable, changes)
        asked = asked_of(bound, options, seed, source)
        results = evaluated(name, load_results, asked, folder)
        if results is None:
            (folder / TRUST).unlink(missing_ok=True)  # of something else, as the results were

            def told(stage: str, done: int, total: int, peptide: Peptide = peptide) -> None:
                if progress is not None:
                    progress(f"{peptide} {stage}", done, total)

            results = evaluate(
                name,
                output=folder,
                options=options,
                reference=source,
                seed=seed,
                device=device,
                progress=told,
            ).results
        said = trust_of(bound, peptide, folder, seed, device)
        rows.append({"folder": subject, **row_of(peptide, results, said)})
        say(line_of(rows[-1]))
    done = PeptideResults(
        title=found[0].recipe.description.partition(": ")[2] or str(model),
        rows=tuple(rows),
        provenance={
            **origin_of(checkpoints.load(model), model),
            "peptides": len(rows),
            "evaluation": {**begun, "seed": seed, "device": device},
        },
    )
    done.save(output)
    return done


def trust_of(
    bound: Checkpoint, peptide: Peptide, folder: Path, seed: int, device: str
) -> dict[str, Any]:
    """What `molgen.md.peptides.trust` says of a peptide, kept in its folder."""
    path = folder / TRUST
    if path.is_file():
        known: dict[str, Any] = read_json(path)
        return known
    said = trust(bound, peptide, count=DRAWS, seed=seed, device=device)
    write_json(path, said)
    return said


def row_of(peptide: Peptide, results: Results, trust: Mapping[str, Any]) -> dict[str, Any]:
    """What the table says of one peptide.

    `iid` and `simulation` hold JS (nats) and PMF error ((kT)^2) by the published definitions at the
    published number of frames, their floors, and the PMF error of all frames less its floor, with
    its standard deviation; `gap` the last of samples against simulation.
    """
    row: dict[str, Any] = {
        "peptide": peptide.text,
        "trust": dict(trust),
        "verdict": verdict(trust),
    }
    for source, comparison in results.comparisons.items():
        small = comparison.get("published_size", comparison["metrics"])
        pmf = comparison["metrics"]["pmf"]
        row[source] = {
            **{name: small[name]["value"] for name in ("js", "pmf")},
            **{f"{name} floor": small[name]["floor"] for name in ("js", "pmf")},
            "debiased": pmf["debiased"],
            "sd": pmf["sd"],
        }
    certificate = results.certificate or {}
    row["gap"] = {key: certificate["pmf"][key] for key in ("debiased", "sd")}
    row["consistent"] = certificate["consistent"]
    row["chain steps a second"] = results.provenance["simulation"]["chain steps a second"]
    return row


def line_of(row: Mapping[str, Any]) -> str:
    """A row in a line of text."""
    parts = [
        f"{source} JS {row[source]['js']:.4f} PMF {row[source]['pmf']:.3f}"
        for source in ("iid", "simulation")
        if source in row
    ]
    return (
        f"{row['peptide']}: {', '.join([*parts, 'gap ' + format(row['gap']['debiased'], '.3f')])}"
    )
