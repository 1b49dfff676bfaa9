"""What a recipe may say about the evaluation of its graphs."""

from pydantic import NonNegativeInt, PositiveInt

from molgen.sampler import SampleTable


class EvaluateTable(SampleTable):
    """`[evaluate]` of a recipe; how graphs are drawn (steps, solver, grid) is in `SampleTable`.

    Attributes:
        samples: graphs drawn; if None 10,000 molecules, or as many plain graphs as there are for
            testing, as published evaluations do.
        reference: test graphs to compare with; a random part if there are more.
        pool: training graphs, a random part if there are more, that floors are drawn from and
            histograms show.
        floor_draws: sets of real graphs drawn for each floor.
        repeats: of each bootstrap.
        curve_solvers: solvers whose quality is measured against network evaluations.
        curve_evaluations: how many evaluations.
        curve_samples: graphs for each point of that curve, but no more than real graphs that floors
            are drawn from, nor than are drawn if nobody says; none if 0.
        validity: of plain graphs: planar, tree, sbm, grid or connected; by the name of the set if
            None.
        batch_size: graphs drawn at a time.
        threads: of the processor; see `molgen.core.threads`.
    """

    samples: PositiveInt | None = None
    reference: PositiveInt = 30_000
    pool: PositiveInt = 20_000
    floor_draws: PositiveInt = 10
    repeats: PositiveInt = 50
    curve_solvers: tuple[str, ...] = ("ancestral",)
    curve_evaluations: tuple[PositiveInt, ...] = (5, 10, 20, 50, 100)
    curve_samples: NonNegativeInt = 1000
    validity: str | None = None
    batch_size: PositiveInt = 500
    threads: PositiveInt = 1
