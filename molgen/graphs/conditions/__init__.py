"""What drawn graphs are asked to be, as a user says it, and made ready for a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from molgen import checkpoint as checkpoints
from molgen.chem.substructure import Pattern, scaffold_of
from molgen.config import Table, validate
from molgen.core.steering.guidance import LogLikelihood
from molgen.errors import UsageError
from molgen.graphs.conditions.aim import Aim
from molgen.graphs.conditions.given import Given
from molgen.graphs.conditions.scaffold import KeptScaffold
from molgen.graphs.models.kinds import GraphModel
from molgen.graphs.models.statistics import Statistics


class Conditions(Table):
    """What drawn graphs are asked to be; all of it together.

    Attributes:
        scaffold: SMILES that every graph contains exactly. Further atoms may be bonded wherever it
            has a hydrogen or, where it has attachment points `*`, to those alone. How frequent such
            graphs are is not quite as the model has it: see `molgen.graphs.conditions.scaffold`.
        atoms: fewest and most nodes; within them sizes are as frequent as in training, or as likely
            as the properties make them.
        properties: values aimed at, by name; graphs come near them.
        guidance: how much these, and other likelihoods, steer; 1 is Bayes' rule.
        predictor: a checkpoint that predicts them from noised graphs; the model's name with
            `_properties` if None.
        forbid: SMARTS that no molecule may match. Others are drawn in their place, so that with
            any the count is that of valid, connected molecules without them.
        most_draws: how many are drawn at most for that; twenty times the count if None.
    """

    scaffold: str | None = None
    atoms: tuple[PositiveInt, PositiveInt] | None = None
    properties: Mapping[str, float] = Field(default_factory=dict)
    guidance: NonNegativeFloat = 1.0
    predictor: str | None = None
    forbid: tuple[str, ...] = ()
    most_draws: PositiveInt | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.most_draws is not None and not self.forbid:
            raise UsageError("a limit of draws is for what is forbidden; nothing is")
        if self.predictor is not None and not self.properties:
            raise UsageError("a predictor is for properties; none is asked for")
        return self

    @classmethod
    def parse(
        cls, *, atoms: str | None = None, properties: Sequence[str] = (), **others: Any
    ) -> Conditions:
        """Those of a command line: atoms such as `9` or `7-9`, properties such as `logp=2.0`.

        Raises:
            UsageError: text that says neither, or a property that is named twice.
        """
        values: dict[str, float] = {}
        for name, value in map(_assigned, properties):
            if name in values:
                raise UsageError(f"property '{name}' is asked to be {values[name]:g} and {value:g}")
            values[name] = value
        said = {"atoms": None if atoms is None else _range(atoms), "properties": values}
        return validate(cls, {**said, **others}, "conditions")

    def ready(
        self,
        model: GraphModel,
        statistics: Statistics,
        *,
        name: str = "",
        terms: Sequence[LogLikelihood] = (),
    ) -> Given:
        """The conditions for a model.

        Args:
            model: trained on graphs.
            statistics: of those.
            name: of its recipe, after which its predictor is named.
            terms: further likelihoods that steer, such as those of
                `molgen.core.steering.guidance.OfProbabilities`.

        Raises:
            UsageError: they cannot be met by this model.
        """
        vocabulary, scaffold, weights = statistics.vocabulary, None, ""
        if vocabulary is None and (self.scaffold is not None or self.forbid):
            raise UsageError("scaffolds and SMARTS are of molecules; these graphs are none")
        if self.scaffold is not None and vocabulary is not None:
            scaffold = KeptScaffold(scaffold_of(self.scaffold, vocabulary))
        patterns = tuple(Pattern.of(text) for text in self.forbid)
        steering = list(terms)
        if self.properties:
            named = self.predictor or f"{name}_properties"
            loaded = checkpoints.load(named)
            weights = loaded.fingerprint
            steering.append(Aim.at(self.properties, loaded, model, statistics))
        if self.guidance != 1 and not steering:
            raise UsageError(
                f"guidance {self.guidance:g} is for properties (or terms); none is asked for"
            )
        sizes = self._sizes(statistics, scaffold)
        given = Given(sizes, scaffold, tuple(steering), self.guidance, patterns, weights)
        return given.weighed(model)

    def _sizes(self, statistics: Statistics, scaffold: KeptScaffold | None) -> tuple[float, ...]:
        """How frequent each size is: `statistics.sizes` where the conditions allow it, else 0."""
        least, most = self.atoms or (1, statistics.most)
        if most < least or most > statistics.most:
            raise UsageError(
                f"atoms {least}-{most}: the model draws graphs of 1 to {statistics.most} nodes"
            )
        if scaffold is not None:
            if not scaffold.scaffold.open.any():  # it cannot grow
                most = min(most, max(least, len(scaffold)))
            least = max(least, len(scaffold))
            scaffold.scaffold.require_room(most)
        sizes = tuple(
            frequency if least <= n <= most else 0.0 for n, frequency in enumerate(statistics.sizes)
        )
        if not any(sizes):
            raise UsageError(f"atoms {least}-{most}: none of the training graphs is of such a size")
        return sizes


def _range(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    if not low.isdecimal() or not (high.isdecimal() if dash else True) or int(low) < 1:
        raise UsageError(f"atoms '{text}': write a number such as 9, or a range such as 7-9")
    ends = int(low), int(high or low)
    if ends[1] < ends[0]:
        raise UsageError(f"atoms '{text}': {ends[1]} is less than {ends[0]}")
    return ends


def _assigned(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise UsageError(f"property '{text}': write it as logp=2.0") from None
