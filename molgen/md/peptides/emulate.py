"""`molgen emulate KS`: conformers of a peptide by one model of all, and how far to trust them."""

from __future__ import annotations

import re
from pathlib import Path

from molgen import checkpoint as checkpoints
from molgen.errors import UsageError
from molgen.files import read_json, write_json
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.trust import trust, verdict
from molgen.md.sample import Progress, sample
from molgen.resources import names

MODEL = "dipeptides"
"""The shipped model of peptides."""

_NAME = re.compile(r"(Ac-)?[A-Z][A-Za-z]{0,7}(-NHMe)?")


def bound_name(
    text: str, *, model: str | Path | None = None, temperature_K: float | None = None
) -> str:
    """What to load for what a user calls a model or a peptide: `KS` is `dipeptides:KS`.

    A path that is there and the name of a shipped checkpoint are what they are.

    Args:
        text: a peptide, or a checkpoint.
        model: of peptides; `text` is a peptide then.
        temperature_K: of a peptide, if it is not the model's own.

    Raises:
        UsageError: no peptide, or a temperature of a checkpoint that is of none.
    """
    if model is not None:
        name = f"{model}:{Peptide.parse(text)}"
    elif Path(text).exists() or text in names("checkpoints") or not _NAME.fullmatch(text):
        name = text
    else:
        name = f"{MODEL}:{Peptide.parse(text)}"
    if temperature_K is None:
        return name
    if ":" not in name or "@" in name:
        raise UsageError(f"{text}: a temperature is for a peptide that has none yet, such as KS")
    return f"{name}@{temperature_K:g}"


def emulate(
    peptide: str,
    *,
    model: str | Path = MODEL,
    temperature_K: float | None = None,
    count: int,
    output: str | Path,
    steps: int | None = None,
    checked: int = 100,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[Path, str]:
    """A file of independent conformers of a peptide, and a sentence on how far to trust them.

    The JSON beside it says the same and more under `trust`.

    Args:
        peptide: such as `KS`, `Ac-K-NHMe`.
        model: a checkpoint for many peptides.
        temperature_K: the model's own if None.
        count: how many conformers.
        output: .xtc, .dcd or .pdb.
        steps: solver steps; those of the recipe if None.
        checked: draws on which samples and forces are compared.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        UsageError: no peptide, or one that the model was not trained for; the file's format.
        MolgenError: a conformer is not finite, or the disk is full.
    """
    name = bound_name(peptide, model=model, temperature_K=temperature_K)
    found = checkpoints.load(name)
    written = sample(
        name,
        count=count,
        output=output,
        steps=steps,
        seed=seed,
        device=device,
        progress=progress,
    )
    said = trust(found, Peptide.parse(peptide), count=checked, seed=seed, device=device)
    beside, sentence = written.with_suffix(".json"), verdict(said)
    write_json(beside, {**read_json(beside), "trust": {"verdict": sentence, **said}})
    return written, sentence
