"""The training loop: one for every pillar, on any device, resumable to the bit.

The averaged weights are what is validated and shipped. A run folder holds the log, TensorBoard
events and the checkpoint; see `molgen.run` and `molgen.checkpoint`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from molgen import checkpoint
from molgen.config import Recipe, TrainConfig
from molgen.core.ema import EMA
from molgen.core.models import Compilable
from molgen.errors import MolgenError, UsageError
from molgen.files import locked
from molgen.objective import Objective, validate
from molgen.run import CHECKPOINT, Run, open_run
from molgen.task import Task

Progress = Callable[[str, int, int], None]


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    resume: bool = False,
    accelerator: str = "auto",
    devices: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Train by a recipe; returns the checkpoint folder.

    Args:
        recipe: what to train.
        folder: run folder; a run already there is only continued with `resume`.
        resume: go on from the folder's checkpoint; the result equals an uninterrupted run to the
            bit on one CPU. With other devices than before, random numbers differ from here on.
        accelerator: Fabric's name of the device: auto, cpu, cuda, ...
        devices: how many; each draws `batch_size` of its own.
        progress: called with (what, steps done, steps in all).

    Raises:
        UsageError: the recipe, its data, the folder or the device cannot be used.
        MolgenError: the loss is not finite; the last good checkpoint is kept.
    """
    try:
        fabric = Fabric(accelerator=accelerator, devices=devices, precision=recipe.train.precision)
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition(". ")[0]
        raise UsageError(f"cannot train on {devices} x {accelerator}: {reason}") from None
    task = recipe.task_module().build(recipe)
    if recipe.train.start and not checkpoint.exists(Path(folder) / CHECKPOINT):
        _begin_with(checkpoint.load(recipe.train.start), recipe, task)
    _require_gradient(recipe, task)
    with torch.no_grad():  # what the losses refuse shows before there is a folder
        Objective(task)(2, torch.Generator().manual_seed(0))
    # The first process claims the folder before there are others, which then find it claimed.
    run = None
    if fabric.is_global_zero:
        run = Run.start(folder, {"command": "train", "recipe": recipe.tables()})
        if checkpoint.exists(run.checkpoint) and not resume:
            raise UsageError(f"{folder}: holds this run already; continue it with --resume")
    with locked(run.folder) if run else nullcontext():
        fabric.launch()
        run = run or open_run(folder)
        trainer = Trainer(recipe, task, fabric, run)
        if checkpoint.exists(run.checkpoint):
            trainer.restore(checkpoint.load(run.checkpoint))
        trainer.run_to_end(progress if fabric.is_global_zero else None)
    return run.checkpoint


def _begin_with(other: checkpoint.Checkpoint, recipe: Recipe, task: Task) -> None:
    """Take the weights of another run; what was measured on data stays this run's own.

    Raises:
        UsageError: it is of another task, system or model; what differs is named.
    """
    for what, own, theirs in (
        ("task", recipe.task, other.recipe.task),
        ("model", recipe.model.kind, other.recipe.model.kind),
        ("system", task.meta.get("system"), other.meta.get("system")),
    ):
        if own != theirs:
            raise UsageError(f"{other.folder}: of {what} '{theirs}', not of '{own}'")
    if task.translate is not None:
        other = replace(other, weights=task.translate(other.weights, other.meta))
    measured = {name: value.clone() for name, value in task.model.named_buffers()}
    other.load_into(task.model, widened=True)
    for name, value in task.model.named_buffers():
        value.copy_(measured[name])


def _require_gradient(recipe: Recipe, task: Task) -> None:
    """Of the very first step.

    Raises:
        UsageError: every loss has weight zero or comes in later.
    """
    counted = [term.loss for term in task.losses if term.weight > 0]
    if not counted:
        raise UsageError(f"{recipe.source}: [[loss]] needs a term of weight above zero")
    if all(loss.asleep(0.0) for loss in counted):
        raise UsageError(
            f"{recipe.source}: [[loss]] needs a term of weight above zero that is there from the "
            "start: what there is comes 'after' a part of the training"
        )


class Trainer:
    """A model in training: everything that changes from step to step.

    Args:
        recipe: what to train.
        task: built from it.
        fabric: launched.
        run: its folder.
    """

    def __init__(self, recipe: Recipe, task: Task, fabric: Fabric, run: Run) -> None:
        self.recipe, self.task, self.fabric, self.run = recipe, task, fabric, run
        config = recipe.train
        optimiser = torch.optim.AdamW(
            task.model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            foreach=True,
        )
        self.objective, self.optimiser = fabric.setup(Objective(task), optimiser)
        self.ema = EMA(task.model, config.ema_decay)
        self.generator = torch.Generator(fabric.device)
        self.generator.manual_seed(recipe.seed + 1 + fabric.global_rank)
        self.step, self.seconds = 0, 0.0
        self.saved: int | None = None
        self.sums: dict[str, Tensor] = {}
        self.metrics: dict[str, float] = {}

    def run_to_end(self, progress: Progress | None) -> None:
        """Train, validate, log and save until the last step.

        Raises:
            MolgenError: the loss is not finite.
        """
        config, model = self.recipe.train, self.task.model
        writer = None
        if self.fabric.is_global_zero:
            self.run.rewind(self.step)
            events = self.run.folder / "tensorboard"
            writer = SummaryWriter(str(events), purge_step=self.step + 1)
        if config.compile and isinstance(model, Compilable):
            model.accelerate()
        started = time.perf_counter() - self.seconds
        while self.step < config.steps:
            self.advance()
            self.seconds = time.perf_counter() - started
            last = self.step == config.steps
            if self.step % config.log_every == 0:
                self.check()
                means = {name: v.item() / config.log_every for name, v in self.sums.items()}
                self.sums = {}
                self.record(writer, means)
            if progress is not None:
                progress("training", self.step, config.steps)
            if self.step % config.validate_every == 0 or last:
                self.metrics = validate(self.task, self.ema, self.fabric.device)
                self.record(writer, self.metrics)
            if self.step % config.checkpoint_every == 0 or last:
                self.check()
                self.save()
        if writer is not None:
            writer.close()
            summary = {"steps": self.step, "seconds": self.seconds, **self.metrics}
            self.run.finish({"training": summary})

    def advance(self) -> None:
        """One step of the optimiser; nothing here waits for the device."""
        config = self.recipe.train
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(config, self.step)
        loss, log = self.objective(config.batch_size, self.generator, self.step / config.steps)
        self.fabric.backward(loss)
        log["gradient_norm"] = self.fabric.clip_gradients(
            self.objective, self.optimiser, max_norm=config.clip_norm, error_if_nonfinite=False
        )
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.ema.update(self.task.model)
        self.step += 1
        for name, value in log.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def check(self) -> None:
        """Stops a run whose loss or gradient has not been finite since the last log entry.

        Raises:
            MolgenError: it names the term, the steps and what is left.
        """
        bad = [name for name, value in self.sums.items() if not math.isfinite(value.item())]
        if bad:
            first = (self.step - 1) // self.recipe.train.log_every * self.recipe.train.log_every + 1
            kept = f"the checkpoint of step {self.saved} is kept" if self.saved else "none is saved"
            name = next((name for name in bad if name != "loss"), bad[0])
            raise MolgenError(
                f"{self.run.folder}: {name} is not finite between steps {first} and {self.step}; "
                f"{kept}; train into another folder with a lower train.learning_rate"
            )

    def record(self, writer: SummaryWriter | None, values: Mapping[str, float]) -> None:
        """Log and plot values of this step."""
        if writer is None:
            return
        self.run.log(self.step, seconds=round(self.seconds, 2), **values)
        for name, value in values.items():
            writer.add_scalar(name, value, self.step)

    def save(self) -> None:
        """Write the checkpoint; every process takes part."""
        states = self.generator.get_state()[None]
        if self.fabric.world_size > 1:
            gathered = self.fabric.all_gather(states[0])
            assert isinstance(gathered, Tensor)
            states = gathered.cpu()
        self.saved = self.step
        if not self.fabric.is_global_zero:
            return
        meta = {"step": self.step, "training_seconds": self.seconds, "metrics": self.metrics}
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "weights": self.task.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.state(),
            "sums": self.sums,
            "device": self.fabric.device.type,
            "generators": states,
        }
        folder = self.run.checkpoint
        checkpoint.save(folder, self.recipe, self.ema.shadow, {**self.task.meta, **meta}, state)

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Go on from a checkpoint of this run.

        Raises:
            UsageError: the data have changed since, or the checkpoint is damaged.
        """
        if saved.meta.get("data") != self.task.meta.get("data"):
            raise UsageError(
                f"{self.run.folder}: the training data have changed since the run began "
                f"({saved.meta.get('data')}, now {self.task.meta.get('data')}); "
                "train into another folder"
            )
        state = saved.train_state()
        self.step = self.saved = state["step"]
        self.seconds, self.metrics = state["seconds"], saved.meta["metrics"]
        self.task.model.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.ema.restore(state["ema"])
        self.sums = {name: value.to(self.fabric.device) for name, value in state["sums"].items()}
        generators, rank = state["generators"], self.fabric.global_rank
        before = (state["device"], len(generators))
        if before == (self.fabric.device.type, self.fabric.world_size):
            self.generator.set_state(generators[rank])
        else:
            self.generator.manual_seed(hash((self.recipe.seed, self.step, rank)) % 2**63)


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then the schedule from `learning_rate` to `final_learning_rate`."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    if config.schedule == "constant":
        return config.learning_rate
    low = config.final_learning_rate
    if config.schedule == "trapezoid":
        left = min(1.0, (config.steps - step) / max(1, config.cooldown))
        return low + left * (config.learning_rate - low)
    part = (step - config.warmup) / max(1, config.steps - config.warmup)
    return low + 0.5 * (config.learning_rate - low) * (1 + math.cos(math.pi * part))
