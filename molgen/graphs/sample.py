"""`molgen sample` for graphs: from a trained model, by a reverse-time solver from noise."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from molgen import checkpoint as checkpoints
from molgen.core.steering import SteeringError
from molgen.core.steering.guidance import LogLikelihood
from molgen.errors import MolgenError, UsageError
from molgen.files import read_json, write_json
from molgen.graphs.bounds import QUANTITY, write_bounds
from molgen.graphs.choosing import Choice, Everything, Likeliest, WithoutForbidden
from molgen.graphs.conditions import Conditions
from molgen.graphs.conditions.given import Given
from molgen.graphs.conditions.rejection import SHARE
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.drawing import Progress, draw
from molgen.graphs.energy import with_energy
from molgen.graphs.output import Writing, join_graphs
from molgen.graphs.rewards import REWARDS, Modelled
from molgen.graphs.task import restore
from molgen.parts import begun, parts_of
from molgen.run import provenance
from molgen.sampler import SampleTable
from molgen.steering import Record, SteerPlan, summary

PAIRS_A_PART = 2_000_000
"""Pairs of nodes from which on graphs are drawn in parts: minutes of work of one processor."""

COUNTS = "counts.json"
"""What is in a part."""

RECORD = "steered.json"
"""What was told of the steered graphs of a part."""


def sample(
    checkpoint: str | Path,
    *,
    count: int,
    output: str | Path,
    steps: int | None = None,
    solver: str | None = None,
    grid: str | None = None,
    teleport: float | None = None,
    batch_size: int = 500,
    seed: int = 0,
    device: str = "cpu",
    repair: bool = False,
    three_d: bool = False,
    likelihood: bool = False,
    likeliest: float | None = None,
    conditions: Conditions | None = None,
    terms: Sequence[LogLikelihood] = (),
    steering: SteerPlan | None = None,
    progress: Progress | None = None,
) -> Path:
    """A file of independent graphs; beside it a JSON of the same name says how they were made.

    The file is written at the end, whole. Many graphs are drawn in parts, which are kept beside it
    until then: the same call again goes on after the last of them (see `molgen.parts`), to the same
    file as without an interruption.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        count: how many are drawn; of molecules among which some are forbidden, how many are kept.
        output: .smi or .sdf, for the molecules that are valid and connected; .npz for all graphs.
        steps: solver steps; those of the recipe if None.
        solver: see `molgen.solver`; that of the recipe if None.
        grid: of its times, see `SampleTable`; that of the recipe if None.
        teleport: see `SampleTable`; that of the recipe if None.
        batch_size: graphs at a time.
        seed: of all random numbers.
        device: where the model runs.
        repair: correct molecules that are not valid or not connected; see `Writing`.
        three_d: an .sdf has coordinates in space, instead of those of a drawing.
        likelihood: tell what log P of each that was drawn is at least, in `<name>.bound.csv`; see
            `molgen.graphs.bounds`.
        likeliest: of a model with an energy, keep this share of what is drawn, those of each size
            that it finds likeliest: `count` are kept, valid or not.
        conditions: what they are asked to be.
        terms: further likelihoods that steer, as strongly as `conditions.guidance` says: any
            differentiable log p(y | state at t) `[graphs]` of a noised batch and its times, such as
            a predictor, or `molgen.core.steering.guidance.OfProbabilities` of a function of
            denoised types. A run that goes on cannot tell them from others: it is for the
            caller to give the same.
        steering: what steers them towards rewards, and how; see `molgen.steering`. If it cannot go
            on, what was drawn before is written and the JSON says why it stopped.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint, the solver or the file's format cannot be used, the conditions
            cannot be met, or another run has begun to write this file.
        MolgenError: a score is not finite, a reward cannot be had, no particle of a graph has any
            weight, or the disk is full.
    """
    started, found = provenance(), checkpoints.load(checkpoint)
    model, statistics = restore(found)
    model = model.to(device)
    conditions = conditions or Conditions()
    given = conditions.ready(model, statistics, name=found.recipe.name, terms=terms)
    if repair and (given.scaffold or given.patterns):
        raise UsageError("repairing may break a scaffold or make what is forbidden: leave it out")
    if likelihood and (steering or given != Given(statistics.sizes)):
        raise UsageError(
            "likelihood: graphs drawn under conditions (known atoms, steering, what is forbidden) "
            "are not of the model's own distribution, which is what a bound is of: leave one out"
        )
    if likeliest is not None:
        with_energy(model)
        if not 0 < likeliest <= 1:
            raise UsageError(f"likeliest: {likeliest:g} is no share between 0 and 1")
        if likelihood or steering or given.patterns:
            raise UsageError(
                "likeliest: leave it out, or what is forbidden, steering and the likelihood"
            )
    writing = Writing(repair, three_d)
    output = writing.prepare(Path(output), statistics)
    steerer, at_once = None, batch_size
    if steering is not None:
        solver = steering.solver(found.recipe, solver)
        subject = Modelled(model, statistics)
        steerer = steering.ready(REWARDS, subject, by_score=True)
        at_once = max(1, batch_size // steering.particles)
    table = SampleTable.of_checkpoint(
        found, steps=steps, solver=solver, grid=grid, teleport=teleport
    )
    choices = {
        "weights": found.fingerprint,
        **table.model_dump(),
        "seed": seed,
        "batch_size": batch_size,
        "device": device,
        **asdict(writing),
        **given.said(conditions),
        **({"terms": len(terms)} if terms else {}),
        **({"likelihood": QUANTITY} if likelihood else {}),
        **({"likeliest": likeliest} if likeliest else {}),
        **({"steering": steering.said()} if steering else {}),
    }
    choice: Choice = Everything(count)
    if given.patterns:
        most = conditions.most_draws or SHARE * count
        choice = WithoutForbidden(count, given.patterns, most)
    elif likeliest is not None:
        choice = Likeliest(count, likeliest, with_energy(model), statistics, device)

    def some(first: int, number: int, tell: Progress | None) -> GraphSet:
        return draw(
            model,
            statistics,
            number,
            first=first,
            given=given,
            table=table,
            steerer=steerer,
            batch_size=at_once,
            seed=seed,
            device=device,
            progress=tell,
        )

    def made(path: Path, number: int, done: int, first: int) -> dict[str, float]:
        """So many graphs in a file of their own: what there is, and the seconds it took.

        `done`: how many are in the files before; `first`: the number of the next that is drawn.
        """
        start = time.perf_counter()
        chosen = choice.among(some, number, first, done, progress)
        counts = writing.write(
            path, chosen.graphs, first=first, refused=chosen.refused, standing=chosen.standing
        )
        if likelihood:
            write_bounds(
                path, model, statistics, chosen.graphs, first=first, seed=seed, device=device
            )
        return {**counts, **chosen.counts, "seconds": time.perf_counter() - start}

    def finish(
        counts: dict[str, float], records: Sequence[Record], failed: MolgenError | None = None
    ) -> None:
        seconds = counts.pop("seconds")
        cost = choice.cost(counts)
        if failed is not None:
            cost["stopped"] = str(failed)
        said = {
            **counts,
            **cost,
            "checkpoint": str(checkpoint),
            **choices,
            **({"steering": summary(steering, records)} if steering else {}),
            "seconds": round(seconds, 3),
            "graphs_per_s": float(f"{counts.get('kept', counts['drawn']) / seconds:.4g}"),
            **({} if statistics.vocabulary is None else {"stereo": "not modelled"}),
            "provenance": started,
        }
        write_json(output.with_suffix(".json"), said)

    step = batch_size * max(1, PAIRS_A_PART // (statistics.most**2 * batch_size))
    if steering is not None:
        step = at_once  # so that a steering that fails leaves what was drawn before
    if count <= step and not begun(output):
        finish(made(output, count, 0, 0), [steerer.noted()] if steerer else [])
        return output
    identity = {"kind": "drawn graphs", "count": count, **choices, "recipe": found.recipe.tables()}
    with parts_of(output, identity) as parts:
        totals: Counter[str] = Counter()
        paths: list[Path] = []
        records: list[Record] = []
        failed: SteeringError | None = None
        for number, done in enumerate(range(0, count, step)):
            if not parts.done(number):
                try:
                    with parts.make(number) as folder:
                        wanted = min(step, count - done)
                        counts = made(folder / output.name, wanted, done, int(totals["drawn"]))
                        write_json(folder / COUNTS, counts)
                        if steerer is not None:
                            write_json(folder / RECORD, steerer.noted())
                except SteeringError as error:
                    if not paths:
                        raise
                    failed = error
                    break
            totals.update(read_json(parts[number] / COUNTS))
            paths.append(parts[number] / output.name)
            if steerer is not None:
                records.append(read_json(parts[number] / RECORD))
            if choice.exhausted(totals["drawn"]):
                break
        join_graphs(output, paths)
        finish(dict(totals), records, failed)
    if failed is not None:
        raise SteeringError(f"{failed}; the {totals['drawn']:.0f} drawn before are in {output}")
    return output
