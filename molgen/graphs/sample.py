"""`molgen sample` for graphs: from a trained model, by a reverse-time solver from noise."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.checkpoint import WEIGHTS
from molgen.core.batch import Batch, DenseRows
from molgen.core.random import Streams
from molgen.errors import UsageError
from molgen.files import read_json, write_json
from molgen.graphs.dense import Bucket, rows_of, unpadded
from molgen.graphs.graph_set import GraphSet
from molgen.graphs.models import GraphModel
from molgen.graphs.output import Writing, join_graphs
from molgen.graphs.statistics import Statistics
from molgen.graphs.task import restore
from molgen.parts import begun, parts_of
from molgen.run import provenance
from molgen.sampler import SampleTable

Progress = Callable[[str, int, int], None]

PAIRS_A_PART = 2_000_000
"""Pairs of nodes from which on graphs are drawn in parts: minutes of work of one processor."""

COUNTS = "counts.json"
"""What is in a part."""


def sample(
    checkpoint: str | Path,
    *,
    count: int,
    output: str | Path,
    steps: int | None = None,
    solver: str | None = None,
    batch_size: int = 500,
    seed: int = 0,
    device: str = "cpu",
    repair: bool = False,
    three_d: bool = False,
    progress: Progress | None = None,
) -> Path:
    """A file of independent graphs; beside it a JSON of the same name says how they were made.

    The file is written at the end, whole. Many graphs are drawn in parts, which are kept beside it
    until then: the same call again goes on after the last of them (see `molgen.parts`), to the same
    file as without an interruption.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        count: how many are drawn.
        output: .smi or .sdf, for the molecules that are valid and connected; .npz for all graphs.
        steps: solver steps; those of the recipe if None.
        solver: name in `molgen.core.solvers.SOLVERS`; that of the recipe if None.
        batch_size: graphs at a time.
        seed: of all random numbers.
        device: where the model runs.
        repair: correct molecules that are not valid or not connected; see `Writing`.
        three_d: an .sdf has coordinates in space, instead of those of a drawing.
        progress: told (what, done, total).

    Raises:
        UsageError: the checkpoint, the solver or the file's format cannot be used, or another run
            has begun to write this file.
        MolgenError: a score is not finite, or the disk is full.
    """
    started, found = provenance(), checkpoints.load(checkpoint)
    model, statistics = restore(found)
    model = model.to(device)
    writing = Writing(repair, three_d)
    output = writing.prepare(Path(output), statistics)
    table = SampleTable.of(found.recipe, steps=steps, solver=solver)
    choices = {
        "weights": found.meta["files"][WEIGHTS]["sha256"],
        **table.model_dump(),
        "seed": seed,
        "batch_size": batch_size,
        "device": device,
        **asdict(writing),
    }

    def made(path: Path, first: int, number: int) -> dict[str, float]:
        """Some of the graphs in a file of their own: what there is, and the seconds it took."""
        start = time.perf_counter()
        drawn = draw(
            model,
            statistics,
            number,
            first=first,
            table=table,
            batch_size=batch_size,
            seed=seed,
            device=device,
            progress=_within(progress, first, count),
        )
        seconds = time.perf_counter() - start
        return {**writing.write(path, drawn, first=first), "seconds": seconds}

    def finish(counts: dict[str, float]) -> None:
        seconds = counts.pop("seconds")
        said = {
            **counts,
            "checkpoint": str(checkpoint),
            **choices,
            "seconds": round(seconds, 3),
            "graphs_per_s": float(f"{count / seconds:.4g}"),
            **({} if statistics.vocabulary is None else {"stereo": "not modelled"}),
            "provenance": started,
        }
        write_json(output.with_suffix(".json"), said)

    step = batch_size * max(1, PAIRS_A_PART // (statistics.most**2 * batch_size))
    if count <= step and not begun(output):
        finish(made(output, 0, count))
        return output
    identity = {"kind": "drawn graphs", "count": count, **choices, "recipe": found.recipe.tables()}
    with parts_of(output, identity) as parts:
        totals: Counter[str] = Counter()
        paths = []
        for number, first in enumerate(range(0, count, step)):
            if not parts.done(number):
                with parts.make(number) as folder:
                    counts = made(folder / output.name, first, min(step, count - first))
                    write_json(folder / COUNTS, counts)
            totals.update(read_json(parts[number] / COUNTS))
            paths.append(parts[number] / output.name)
        join_graphs(output, paths)
        finish(dict(totals))
    return output


def draw(
    model: GraphModel,
    statistics: Statistics,
    count: int,
    *,
    first: int = 0,
    sizes: Tensor | None = None,
    table: SampleTable | None = None,
    batch_size: int = 500,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> GraphSet:
    """Independent graphs.

    Graph k of a seed is the same whatever is drawn with it: its noise is a stream of its own, and
    its size is drawn from that of its number.

    Args:
        model: trained on graphs.
        statistics: of those graphs.
        count: how many.
        first: number of the first.
        sizes: `[count]` nodes of each; as frequent as in training if None.
        table: how they are drawn.
        batch_size: graphs at a time, those of like size together.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        UsageError: no such solver or grid, or sizes beyond the model's.
        MolgenError: a score is not finite.
    """
    table = table or SampleTable()
    n = sizes_of(statistics, seed, first, count) if sizes is None else sizes
    if int(n.min()) < 1 or int(n.max()) > statistics.most:
        raise UsageError(
            f"graphs of {int(n.min())} to {int(n.max())} nodes: the model was trained on 1 to "
            f"{statistics.most}"
        )
    drawn: list[GraphSet] = []
    order = torch.argsort(n, stable=True)
    done = 0
    for part in order.split(batch_size):
        streams = Streams.of(seed, first, count, device)
        streams.seeds = streams.seeds[part.to(device)]
        batch = empty(n[part].to(device), model)
        batch, t = table.integrate(model, batch, streams)
        with torch.no_grad():
            classes = model.classes(batch, t)
        drawn.append(_decoded(classes, n[part], statistics))
        done += len(part)
        if progress is not None:
            progress("sampling", done, count)
    place = torch.empty_like(order)
    place[order] = torch.arange(count)
    return GraphSet.joined(drawn).take(place.numpy())


def sizes_of(statistics: Statistics, seed: int, first: int, count: int) -> Tensor:
    """`[count]` int64: nodes of the graphs `first`, `first + 1`, ... of a seed."""
    rows = DenseRows(count, ())
    normal = Streams.of(seed, first, count).normal(torch.zeros(count, dtype=torch.float64), rows)
    uniform = 0.5 * torch.erfc(-normal * 0.5**0.5)
    share = torch.tensor(statistics.sizes, dtype=torch.float64).cumsum(0)
    return torch.searchsorted(share / share[-1], uniform, right=False)


def empty(sizes: Tensor, model: GraphModel) -> Batch:
    """A batch of graphs of these sizes, all zero."""
    n = int(sizes.max())
    rows = rows_of(sizes, n)
    state = {
        name: torch.zeros(len(sizes), *rows[name].axes, encoding.width, device=sizes.device)
        for name, encoding in model.encodings.items()
    }
    return Batch(state, rows)


def _decoded(classes: dict[str, Tensor], sizes: Tensor, statistics: Statistics) -> GraphSet:
    meta: dict[str, Any] = {"kind": "plain"}
    if statistics.vocabulary is not None:
        meta = {"kind": "molecules", "vocabulary": statistics.vocabulary.to_dict()}
    nodes, edges = (classes[name].to(torch.int8).cpu() for name in ("x", "adj"))
    return unpadded(Bucket(sizes.cpu(), nodes, edges), meta)


def _within(progress: Progress | None, first: int, total: int) -> Progress | None:
    """To report on graphs from `first` on as a share of the whole."""
    if progress is None:
        return None
    return lambda what, done, _: progress(what, first + done, total)
