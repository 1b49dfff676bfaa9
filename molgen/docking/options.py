"""How a ligand is docked, as a recipe or a user wants it."""

from __future__ import annotations

from pydantic import NonNegativeInt, PositiveInt

from molgen.config import Recipe, Table, validate


class DockTable(Table):
    """How a ligand is docked.

    Attributes:
        poses: drawn by the model.
        shapes: different conformers and cuts of the ligand among them.
        chains: of Monte Carlo; three in four start from drawn poses, the rest from random ones.
        steps: of each chain; 0: the drawn poses are minimised and nothing else.
        found: different poses to keep, at most.
        scoring: vina or vinardo.
        confidence: the model that ranks, with the energy: a shipped name, a checkpoint, or a run
            folder; if empty the energy ranks alone.
    """

    poses: PositiveInt = 40
    shapes: PositiveInt = 8
    chains: PositiveInt = 320
    steps: NonNegativeInt = 40
    found: PositiveInt = 30
    scoring: str = "vinardo"
    confidence: str = ""

    @classmethod
    def of(cls, recipe: Recipe, **changes: int | str | None) -> DockTable:
        """`[evaluate.docking]` of a recipe, with changes that are not None."""
        own = dict(recipe.evaluate.get("docking", {}))
        own |= {key: value for key, value in changes.items() if value is not None}
        return validate(cls, own, recipe.source, "evaluate.docking")
