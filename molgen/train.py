"""The training loop: one for every pillar, on any device, resumable to the bit.

The averaged weights are what is validated and shipped. A run folder holds the log, TensorBoard events and the
checkpoint; see `molgen.run` and `molgen.checkpoint`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from molgen import checkpoint
from molgen.config import Recipe, TrainConfig
from molgen.core.batch import Batch
from molgen.core.ema import EMA
from molgen.errors import MolgenError, UsageError
from molgen.run import Run
from molgen.task import Task, WeightedLoss


class Objective(nn.Module):
    """The weighted sum of a task's losses as a module, so that any strategy of Fabric can wrap it."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = task.model
        self.processes = task.processes
        self.losses: Sequence[WeightedLoss] = task.losses

    def forward(
        self, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The scalar to minimise, and what to log."""
        total, log = torch.zeros((), device=generator.device), {}
        for term in self.losses:
            if term.weight > 0:
                value, terms = term.loss(self.model, self.processes, batch, generator)
                total = total + term.weight * value
                log.update(terms)
        return total, {"loss": total.detach(), **log}


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    resume: bool = False,
    accelerator: str = "auto",
    devices: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Train by a recipe; returns the checkpoint folder.

    Args:
        recipe: what to train.
        folder: run folder; a run already there is only continued with `resume`.
        resume: go on from the folder's checkpoint; the result equals an uninterrupted run to the bit on one CPU.
        accelerator: Fabric's name of the device: auto, cpu, cuda, ...
        devices: how many.
        progress: called with (what, steps done, steps in all).

    Raises:
        UsageError: the recipe or the folder cannot be used.
        MolgenError: the loss is not finite.
    """
    config = recipe.train
    run = Run.start(folder, {"command": "train", "recipe": recipe.tables()})
    found = checkpoint.exists(run.checkpoint)
    if found and not resume:
        raise UsageError(f"{folder}: holds this run already; continue it with --resume")
    fabric = Fabric(accelerator=accelerator, devices=devices, precision=config.precision)
    fabric.launch()
    task = recipe.task_module().build(recipe)
    objective = Objective(task)
    optimiser = torch.optim.AdamW(
        task.model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        foreach=True,
    )
    generator = torch.Generator(fabric.device).manual_seed(recipe.seed + 1 + fabric.global_rank)
    step, seconds = 0, 0.0
    wrapped, optimiser = fabric.setup(objective, optimiser)
    ema = EMA(task.model, config.ema_decay)
    if found:
        state = checkpoint.load(run.checkpoint).train_state()
        step, seconds = state["step"], state["seconds"]
        task.model.load_state_dict(state["weights"])
        optimiser.load_state_dict(state["optimiser"])
        ema.restore(state["ema"])
        generator.set_state(state["generator"])
        run.rewind(step)
    if config.compile:
        task.model.accelerate()

    def save(step: int, seconds: float, metrics: dict[str, float]) -> None:
        if fabric.is_global_zero:
            checkpoint.save(
                run.checkpoint,
                recipe,
                ema.shadow,
                {**task.meta, "step": step, "training_seconds": seconds, "metrics": metrics},
                {
                    "step": step,
                    "seconds": seconds,
                    "weights": task.model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "ema": ema.state(),
                    "generator": generator.get_state(),
                },
            )

    writer = SummaryWriter(str(run.folder / "tensorboard")) if fabric.is_global_zero else None
    started, metrics = time.perf_counter() - seconds, {}
    sums: dict[str, Tensor] = {}
    while step < config.steps:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config, step)
        loss, log = wrapped(task.draw(config.batch_size, generator), generator)
        fabric.backward(loss)
        norm = fabric.clip_gradients(objective, optimiser, max_norm=config.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
        ema.update(task.model)
        step += 1
        for name, value in {**log, "gradient_norm": norm}.items():
            sums[name] = sums.get(name, torch.zeros_like(value)) + value
        seconds = time.perf_counter() - started
        if step % config.log_every == 0:
            values = {name: value.item() / config.log_every for name, value in sums.items()}
            sums = {}
            _record(run, writer, step, seconds, values)
            if not math.isfinite(values["loss"]):
                raise MolgenError(
                    f"{folder}: the loss is not finite between steps {step - config.log_every} and "
                    f"{step}; the last good checkpoint is kept (lower train.learning_rate and --resume)"
                )
        if progress is not None:
            progress("training", step, config.steps)
        if step % config.validate_every == 0 or step == config.steps:
            metrics = validate(task, ema, fabric.device)
            _record(run, writer, step, seconds, metrics)
        if step % config.checkpoint_every == 0 or step == config.steps:
            save(step, seconds, metrics)
    if writer is not None:
        writer.close()
    run.finish({"training": {"steps": step, "seconds": seconds, **metrics}})
    return run.checkpoint


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then constant or a cosine from `learning_rate` to `final_learning_rate`."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    if config.schedule == "constant":
        return config.learning_rate
    part = (step - config.warmup) / max(1, config.steps - config.warmup)
    low = config.final_learning_rate
    return low + 0.5 * (config.learning_rate - low) * (1 + math.cos(math.pi * part))


def validate(task: Task, ema: EMA, device: torch.device) -> dict[str, float]:
    """Every loss of the averaged weights on the held-out batch, always with the same noise."""
    trained = {name: value.clone() for name, value in task.model.state_dict().items()}
    task.model.load_state_dict(ema.shadow)
    generator = torch.Generator(device).manual_seed(0)
    batch = task.held_out.to(device)
    values: dict[str, float] = {}
    with torch.no_grad():
        for term in task.losses:
            _, terms = term.loss(task.model, task.processes, batch, generator)
            values.update({f"held_out/{name}": value.item() for name, value in terms.items()})
    task.model.load_state_dict(trained)
    return values


def _record(
    run: Run, writer: SummaryWriter | None, step: int, seconds: float, values: dict[str, Any]
) -> None:
    if writer is None:
        return
    run.log(step, seconds=round(seconds, 2), **values)
    for name, value in values.items():
        writer.add_scalar(name, value, step)
