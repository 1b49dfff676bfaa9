"""Training of the confidence in poses."""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, PositiveInt

from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table
from molgen.core.batch import Batch
from molgen.docking.confidence import RIGHT_NM, Confidence, Ranking, poses
from molgen.docking.evidence import EVIDENCE
from molgen.docking.models import build_network
from molgen.docking.moves import Jitter, moved
from molgen.docking.pose_set import PoseSet
from molgen.docking.split import held_apart, integers
from molgen.docking.system import Vocabulary
from molgen.errors import UsageError
from molgen.families import build as build_part
from molgen.resources import find
from molgen.task import Task, WeightedLoss


class DataTable(Table):
    """`[data]` of a recipe.

    Attributes:
        poses: folders of judged poses; see `molgen data judge-poses`.
        held_out: share of the complexes that only validate.
        of_each: poses of a complex in a batch.
        jitter: see `Jitter`; the centre stays.
    """

    poses: list[str] = Field(min_length=1)
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    of_each: PositiveInt = 16
    jitter: Jitter = Jitter(centre=0.0)


def build(recipe: Recipe) -> Task:
    """The task of a recipe. Reads the judged poses.

    Raises:
        UsageError: data, process, model or loss of the recipe cannot be used.
    """
    table = recipe.table("data", DataTable)
    if recipe.train.batch_size % table.of_each:
        raise UsageError(
            f"{recipe.source} [train]: batch_size {recipe.train.batch_size} is no multiple of "
            f"of_each = {table.of_each} in [data]"
        )
    sets = [PoseSet.load(Path(find("data", name))) for name in table.poses]
    every = [(part.system(k), part.judged[k]) for part in sets for k in range(len(part))]
    held_out, train = held_apart(every, table.held_out, recipe)
    torch.manual_seed(recipe.seed)  # initial weights
    vocabulary = sets[0].systems.vocabulary
    model = build_confidence(recipe, vocabulary)

    def draw(count: int, generator: torch.Generator) -> Batch:
        systems, positions, evidence, right = [], [], [], []
        for k in integers(len(train), -(-count // table.of_each), generator):
            system, judged = train[k]
            turned, turn, shift = moved(system, table.jitter, generator)
            good = judged.rmsd < RIGHT_NM
            chosen = _chosen(good, table.of_each, generator)
            systems += [turned] * len(chosen)
            positions += list((judged.positions[chosen] + shift) @ turn.T)
            evidence.append(judged.evidence[chosen])
            right.append(good[chosen].float())
        batch = _labelled(poses(systems, positions, torch.cat(evidence)), torch.cat(right))
        return batch if batch.graphs == count else batch.take(torch.arange(count))

    return Task(
        processes=model.processes,
        model=model,
        losses=[
            WeightedLoss(build_part(part, {"ranking": Ranking}, recipe.source), part.weight)
            for part in recipe.loss
        ],
        draw=draw,
        held_out=_labelled(
            poses(
                [system for system, judged in held_out for _ in judged.rmsd[: table.of_each]],
                [x for _, judged in held_out for x in judged.positions[: table.of_each]],
                torch.cat([judged.evidence[: table.of_each] for _, judged in held_out]),
            ),
            torch.cat([(j.rmsd[: table.of_each] < RIGHT_NM).float() for _, j in held_out]),
        ),
        meta={
            "vocabulary": dataclasses.asdict(vocabulary),
            "evidence": list(EVIDENCE),
            "data": {
                "complexes": len(every),
                "crc32": zlib.crc32(b"".join(j.rmsd.numpy().tobytes() for _, j in every)),
            },
        },
    )


def build_confidence(recipe: Recipe, vocabulary: Vocabulary) -> Confidence:
    """The untrained model of a recipe.

    Raises:
        UsageError: the recipe's processes or model cannot be used.
    """
    processes, network = build_network(recipe, vocabulary)
    return Confidence(processes, network, len(EVIDENCE))


def restore(checkpoint: Checkpoint) -> Confidence:
    """The trained model of a checkpoint.

    Raises:
        UsageError: a model of something else, or one that wants other evidence.
    """
    checkpoint.require("confidence")
    if checkpoint.meta["evidence"] != list(EVIDENCE):
        raise UsageError(
            f"{checkpoint.folder}: was trained on other evidence than this version gathers; train "
            "it again"
        )
    model = build_confidence(checkpoint.recipe, Vocabulary(**checkpoint.meta["vocabulary"]))
    checkpoint.load_into(model)
    return model.requires_grad_(False).eval()


def _chosen(good: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Poses drawn with repeats, right ones half of the time where there are any."""
    shares = torch.ones(len(good))
    if 0 < int(good.sum()) < len(good):
        shares = torch.where(good, 0.5 / good.sum(), 0.5 / (~good).sum())
    return torch.multinomial(
        shares.to(generator.device), count, replacement=True, generator=generator
    ).cpu()


def _labelled(batch: Batch, right: torch.Tensor) -> Batch:
    return Batch(
        batch.state,
        {**batch.rows, "right": batch.rows["system"]},
        {**batch.given, "right": right},
    )
