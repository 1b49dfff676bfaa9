"""A model of all peptides becomes the model of one: an ordinary checkpoint of one molecule."""

from __future__ import annotations

from dataclasses import replace

import torch

from molgen.checkpoint import WEIGHTS, Checkpoint
from molgen.config import Recipe
from molgen.core.models import NormalisedEnergy
from molgen.errors import UsageError
from molgen.md.models.kinds import build_model as build_bound
from molgen.md.models.statistics import Statistics
from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.closed_form import ClosedForm
from molgen.md.peptides.coordinates import Present
from molgen.md.peptides.models import build_model
from molgen.md.peptides.network import BOUND, BoundCorrection, PeptideCorrection
from molgen.md.peptides.sequence import ACETYL, AMIDE, Peptide
from molgen.md.peptides.slots import RESIDUES
from molgen.md.peptides.statistics import Case, PeptideStatistics
from molgen.md.system import PEPTIDE, System, load_system


def bind(checkpoint: Checkpoint, subject: str) -> Checkpoint:
    """The checkpoint of one peptide, from one of all: `KS`, or `KS@350` at 350 K.

    It says task "md" and holds weights and sizes of its own, so that whatever takes a checkpoint of
    a molecule takes it, and could be saved as such.

    Raises:
        UsageError: no such peptide, or one that the model was not trained for; why is said.
    """
    known = PeptideStatistics.from_dict(checkpoint.meta["statistics"])
    system = load_system(f"{PEPTIDE}{subject}")
    peptide = Peptide.parse(subject.partition("@")[0])
    assert system.temperature_K is not None
    case = Case(peptide, system.temperature_K)
    require_known(known, case, checkpoint.recipe.name)
    whole = build_model(checkpoint.recipe, known, [case])
    checkpoint.load_into(whole)
    correction = whole.correction
    assert isinstance(correction, PeptideCorrection)
    statistics = _statistics(system, known.scale)
    recipe = _recipe(checkpoint.recipe, system, peptide, correction)
    bound = build_bound(recipe, statistics)
    assert isinstance(bound, NormalisedEnergy)
    own = bound.correction
    assert isinstance(own, BoundCorrection)
    present = Present.of(Backbone.of(peptide))
    own.closed_form = ClosedForm.of_one(known.of(case), present)
    own.network = correction.folded(present)
    own.handedness = correction.handedness.restricted(torch.tensor(present.slots))
    files = checkpoint.meta["files"]
    named = {**files[WEIGHTS], "sha256": f"{checkpoint.fingerprint}:{system.name}"}
    return replace(
        checkpoint,
        recipe=recipe,
        weights=bound.state_dict(),
        meta={
            **checkpoint.meta,
            "system": system.name,
            "statistics": statistics.to_dict(),
            "bound": subject,
            "peptides": list(known.peptides),
            "files": {**files, WEIGHTS: named},
        },
    )


def require_known(known: PeptideStatistics, case: Case, name: str) -> None:
    """Refuse what a model was not trained for.

    Raises:
        UsageError: it is too long, has ends or amino acids that were never seen, or is too hot.
    """
    peptide, seen = case.peptide, [Peptide.parse(text) for text in known.peptides]
    where = f"{name}: peptide '{peptide}'"
    if len(peptide) > RESIDUES:
        raise UsageError(
            f"{where} has {len(peptide)} residues; the model was trained on up to {RESIDUES}"
        )
    forms = {_form(one) for one in seen}
    if _form(peptide) not in forms:
        raise UsageError(
            f"{where}: the model was trained on {', '.join(sorted(forms))}, not on {_form(peptide)}"
        )
    letters = {letter for one in seen for letter in one.residues}
    for letter in peptide.residues:
        if letter not in letters:
            raise UsageError(f"{where}: the model was trained without {letter}")
    low, high = known.temperatures_K
    if not low - 0.5 <= case.temperature_K <= high + 0.5:
        raise UsageError(
            f"{where}: the model was trained at {low:g} to {high:g} K, "
            f"not at {case.temperature_K:g} K"
        )


def _form(peptide: Peptide) -> str:
    """Its ends and length, with X for any residue."""
    return f"{ACETYL * peptide.acetyl}{'X' * len(peptide)}{AMIDE * peptide.amide}"


def _statistics(system: System, scale: float) -> Statistics:
    """Those of the molecule; stiff modes are among the weights."""
    return Statistics(
        system=system.name,
        mapping=system.mapping("backbone"),
        kT=system.kT,
        scale=scale,
        offset=(0.0, 0.0, 0.0),
        centred=True,
        pairs=(),
        mean=(),
        modes=(),
        variance=(),
    )


def _recipe(
    recipe: Recipe, system: System, peptide: Peptide, correction: PeptideCorrection
) -> Recipe:
    """The recipe of a bound model."""
    from molgen.md.peptides.task import DataTable

    tables = recipe.tables()
    reference = recipe.table("data", DataTable).reference
    own = {
        "task": "md",
        "name": f"{recipe.name}:{system.name.removeprefix(PEPTIDE)}",
        "description": f"{system.description}: {recipe.name}",
        "data": {
            "system": system.name,
            "mapping": "backbone",
            "frames": f"{reference}/{system.name.removeprefix(PEPTIDE)}",
        },
        "model": {
            "kind": BOUND,
            "peptide": peptide.text,
            "hidden": correction.network.hidden,
            "layers": correction.network.layers,
            "volumes": correction.volumes,
            "strength": correction.strength,
            "floor": correction.floor,
        },
    }
    return Recipe.parse({**tables, **own}, recipe.source)
