"""Checkpoints: a folder that rebuilds its model with no other input, whole at every moment.

config.toml         the full recipe
model.safetensors   the averaged (EMA) weights; no pickle on the way to a sample
meta.json           format, versions, system, fields, metrics, training time, checksums
train.pt            only for resuming: optimiser, raw weights, random states, step
"""

import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

import molgen
from molgen import toml
from molgen.config import Recipe
from molgen.errors import MolgenError, UsageError
from molgen.files import read_json, write_json
from molgen.resources import find
from molgen.weights import fitted

FORMAT = 1
"""Number of the folder's layout; a reader refuses any other."""

CONFIG, WEIGHTS, META, TRAIN = "config.toml", "model.safetensors", "meta.json", "train.pt"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read: everything needed to rebuild the model."""

    folder: Path
    recipe: Recipe
    weights: dict[str, Tensor]
    """EMA weights by the model's parameter names."""
    meta: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """What tells it from all others: the checksum of its weights."""
        return str(self.meta["files"][WEIGHTS]["sha256"])

    def require(self, task: str) -> None:
        """Refuse a model of another pillar.

        Raises:
            UsageError: the checkpoint is of another task.
        """
        if self.recipe.task != task:
            binds = self.meta.get("binds")
            hint = f"; name {binds} after a colon" if binds else ""
            raise UsageError(
                f"{self.folder}: a model for {self.recipe.task}; this needs one for {task}{hint}"
            )

    def load_into(self, model: nn.Module, *, widened: bool = False) -> None:
        """Puts the weights into a model built from `recipe`.

        Args:
            model: its weights are overwritten.
            widened: it may have more; see `molgen.weights.fitted`.

        Raises:
            UsageError: names or shapes differ; the first is named.
        """
        where = f"{self.folder}/{WEIGHTS}"
        model.load_state_dict(fitted(self.weights, model, where, widened=widened))

    def train_state(self) -> dict[str, Any]:
        """What resuming needs, on the CPU.

        Raises:
            UsageError: the checkpoint was saved without it, or it is damaged.
        """
        path = self.folder / TRAIN
        _verify(path, self.meta)
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a bad file
            raise UsageError(f"{path}: not readable ({_first_line(error)})") from None
        if not isinstance(state, dict):
            raise UsageError(f"{path}: expected a dict, found {type(state).__name__}")
        return state


def save(
    folder: str | Path,
    recipe: Recipe,
    weights: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    train_state: Mapping[str, Any] | None = None,
) -> None:
    """The folder, whole: written beside its place, flushed, then renamed into it.

    The previous checkpoint is kept until the new one is whole; after a kill -9 at any point
    `load` finds one of the two.

    Args:
        folder: replaced if it is there.
        recipe: written as `config.toml`.
        weights: name -> tensor on any device, the EMA weights.
        meta: JSON-able: system, fields or bead table, metrics, training time ...
        train_state: tensors, numbers, strings, lists and dicts only (read without pickle).

    Raises:
        MolgenError: the disk is full or the folder may not be written; the previous one is kept.
    """
    folder = Path(folder).absolute()
    new, old = _beside(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _settle(folder)
    new.mkdir()
    try:
        (new / CONFIG).write_text(recipe.to_toml())
        tensors = {name: _own_copy(tensor) for name, tensor in weights.items()}
        (new / WEIGHTS).write_bytes(safetensors.torch.save(tensors, metadata={"format": "pt"}))
        if train_state is not None:
            buffer = io.BytesIO()  # so that a full disk is an OSError, whoever serialises
            torch.save(dict(train_state), buffer)
            (new / TRAIN).write_bytes(buffer.getbuffer())
        files = {path.name: _fingerprint(path) for path in _tensor_files(new)}
        own = {"format": FORMAT, "molgen": molgen.__version__, "task": recipe.task, "files": files}
        for path in new.iterdir():
            _flush(path)
        write_json(new / META, {**meta, **own})  # last: its presence says the folder is whole
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, OSError):
            raise MolgenError(f"{folder}: cannot be written: {error.strerror or error}") from error
        raise
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def load(name_or_path: str | Path, *, system: str | None = None) -> Checkpoint:
    """A checkpoint by shipped name, by its folder, or by the run folder that holds it.

    A model of many systems is bound to one by a colon: `dipeptides:KS`, `runs/a:KS@350`; what comes
    is a checkpoint of that one.

    Args:
        name_or_path: such as `alanine_dipeptide`, `runs/a/checkpoint` or `runs/a`.
        system: refuse a checkpoint of any other system.

    Raises:
        UsageError: nothing there, a file missing, damaged or of another format, another system.
    """
    whole, colon, subject = str(name_or_path).rpartition(":")
    if colon and not Path(name_or_path).exists():
        return _bound(load(whole), subject)
    folder = _whole(Path(name_or_path)) or find("checkpoints", name_or_path)
    folder = _whole(folder) or _whole(folder / "checkpoint") or folder
    if not (folder / META).is_file():
        raise UsageError(f"{folder}: not a checkpoint ({META} is missing)")
    meta = read_json(folder / META)
    if meta.get("format") != FORMAT:
        raise UsageError(
            f"{folder}: format {meta.get('format')} written by molgen {meta.get('molgen')}, but "
            f"molgen {molgen.__version__} reads format {FORMAT}; use the molgen that wrote it"
        )
    if system is not None and meta.get("system") != system:
        raise UsageError(f"{folder}: a checkpoint of '{meta.get('system')}', not of '{system}'")
    recipe = Recipe.parse(toml.read(folder / CONFIG), str(folder / CONFIG))
    _verify(folder / WEIGHTS, meta)
    try:
        weights = safetensors.torch.load_file(folder / WEIGHTS)
    except (safetensors.SafetensorError, OSError) as error:
        raise UsageError(f"{folder / WEIGHTS}: not readable ({_first_line(error)})") from None
    return Checkpoint(folder, recipe, weights, meta)


def _bound(found: Checkpoint, subject: str) -> Checkpoint:
    """A checkpoint of many systems, bound to one.

    Raises:
        UsageError: it is of one system only, or not for this one.
    """
    bind = getattr(found.recipe.task_module(), "bind", None)
    if bind is None:
        raise UsageError(f"{found.folder}: a model of one system; leave out ':{subject}'")
    bound: Checkpoint = bind(found, subject)
    return bound


def exists(folder: str | Path) -> bool:
    """Whether a whole checkpoint is to be found in `folder`."""
    return _whole(Path(folder)) is not None


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")


def _whole(folder: Path) -> Path | None:
    """Where the newest whole checkpoint of `folder` lies: in place, or beside it after a kill."""
    places = (folder, *_beside(folder)) if folder.name else (folder,)
    for place in places:
        if (place / META).is_file():
            return place
    return None


def _settle(folder: Path) -> None:
    """Finishes the renaming that a kill interrupted and clears what it left."""
    new, old = _beside(folder)
    if not folder.exists():
        survivor = _whole(folder)
        if survivor is not None:
            os.rename(survivor, folder)
    for leftover in (new, old):
        if leftover.exists():
            shutil.rmtree(leftover)


def _flush(path: Path) -> None:
    """Returns once a file's content, or a folder's names, have reached the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tensor_files(folder: Path) -> Iterator[Path]:
    return (folder / name for name in (WEIGHTS, TRAIN) if (folder / name).exists())


def _own_copy(tensor: Tensor) -> Tensor:
    """On the CPU, dense, sharing memory with no other: what safetensors asks for."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _fingerprint(path: Path) -> dict[str, Any]:
    with open(path, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _verify(path: Path, meta: Mapping[str, Any]) -> None:
    """Refuses a tensor file that is missing or not what was saved."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file in the checkpoint")
    saved = meta.get("files", {}).get(path.name)
    found = _fingerprint(path)
    if saved is None or saved == found:
        return
    if saved["bytes"] != found["bytes"]:
        raise UsageError(f"{path}: damaged ({found['bytes']} bytes, saved as {saved['bytes']})")
    raise UsageError(f"{path}: damaged (its checksum is not the saved one)")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
