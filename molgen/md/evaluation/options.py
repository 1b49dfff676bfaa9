"""What a recipe may say about its evaluation, and the published numbers it is set beside."""

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from molgen import toml
from molgen.resources import shipped
from molgen.sampler import SampleTable

Quoted = dict[str, dict[str, dict[str, float]]]
"""Publication -> "iid" or "simulation" -> {"js": nats, "pmf": (kT)^2}."""


class EvaluateTable(SampleTable):
    """`[evaluate]` of a recipe; how samples are drawn (steps, solver, grid) is in `SampleTable`.

    Attributes:
        samples: independent samples drawn, and simulation frames taken.
        published_size: frames at which values are set beside published ones.
        reference: held-out frames with positions to use; all there are if None.
        chains: simulated chains, each started from one of the samples.
        time_ps: length of each chain, without its equilibration.
        equilibration_ps: dropped at the start of each chain.
        ladder: temperatures of parallel tempering as factors from 1; without, plain chains, which
            may be too short to cross high barriers.
        lowest: chains of a tempered group at the wanted temperature, one at each higher.
        exchange_every: steps between rounds of exchange, about.
        curve_solvers: solvers whose quality is measured against network evaluations.
        curve_evaluations: how many evaluations.
        curve_samples: samples for each point of that curve; none if 0.
        residual_points: conformers at which the Fokker-Planck residual is measured.
        repeats: draws for floors and intervals.
        compile: fuse the model; worth the wait for more than a minute of work.
        threads: of the processor; see `molgen.core.threads`.
    """

    samples: PositiveInt = 200_000
    published_size: PositiveInt = 50_000
    reference: PositiveInt | None = None
    chains: PositiveInt = 500
    time_ps: PositiveFloat = 200.0
    equilibration_ps: NonNegativeFloat = 50.0
    ladder: tuple[PositiveFloat, ...] = (1.0,)
    lowest: PositiveInt = 5
    exchange_every: PositiveInt = 50
    curve_solvers: tuple[str, ...] = ("heun", "adams")
    curve_evaluations: tuple[PositiveInt, ...] = (10, 20, 40, 60, 100)
    curve_samples: NonNegativeInt = 20_000
    residual_points: PositiveInt = 300
    repeats: PositiveInt = 100
    compile: bool = True
    threads: PositiveInt = 1


def published(system: str, mapping: str) -> Quoted:
    """Numbers that publications give for a system and beads, quoted in data/published.toml."""
    everything = toml.read(shipped("data") / "published.toml")
    quoted: Quoted = everything.get(system, {}).get(mapping, {})
    return quoted
