"""Frames of many peptides at several temperatures, and balanced batches of them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from molgen.core.batch import Batch, DenseRows
from molgen.core.losses.target_score import score_name
from molgen.errors import UsageError
from molgen.md.data.dataset import META, FrameSet
from molgen.md.evaluation.ensemble import evenly
from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.network import CASE
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import SLOTS, slot_labels
from molgen.md.peptides.statistics import Case
from molgen.md.potentials.bead_forces import BeadForces
from molgen.md.system import PEPTIDE, load_system
from molgen.md.system.collective import dihedral
from molgen.resources import find
from molgen.units import KB


@dataclass(frozen=True)
class CaseFrames:
    """Frames of one peptide at one temperature.

    Attributes:
        case: which.
        x: `[n, beads, 3]` float32 nm, the slots that it fills.
        cis: how many frames more there were with a peptide bond that is cis, left out.
        score: like `x`, 1/nm: forces on the beads over kT, whose mean is grad log q; None if they
            were not asked for.
    """

    case: Case
    x: Tensor
    cis: int
    score: Tensor | None = None


def read_peptides(source: str | Sequence[str]) -> tuple[Peptide, ...]:
    """Peptides by name, or those of a file, one a line; `#` begins a comment.

    Args:
        source: names, in a list or between commas, or a path, which may begin with the name of a
            shipped data set.

    Raises:
        UsageError: no such file, an empty one, or a name that is no peptide.
    """
    if isinstance(source, str) and not set("/.") & set(source):
        source = [text.strip() for text in source.split(",")]
    elif isinstance(source, str):
        path = find("data", source)
        lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
        source = [line for line in lines if line]
        if not source:
            raise UsageError(f"{path}: names no peptides")
    return tuple(Peptide.parse(text) for text in source)


def load_cases(
    folder: str | Path,
    peptide: Peptide,
    *,
    discard: float = 0.0,
    limit: int | None = None,
    without_K: Sequence[float] = (),
    scores: bool = False,
) -> tuple[CaseFrames, ...]:
    """The frames of a peptide in `folder/NAME`, by temperature, at most `limit` of each.

    Frames with a cis peptide bond are left out: they are rare, come and go more slowly than any
    simulation here lasts, and the closed form of the model takes bonds for trans.

    Args:
        folder: with a folder of `molgen md generate` for each peptide.
        peptide: which.
        discard: share of the time of the chains that is left out, from its beginning on.
        limit: how many, spread evenly.
        without_K: temperatures that are left out, to the degree.
        scores: compute forces, too.

    Raises:
        UsageError: there are none, or of another molecule.
    """
    path = find("data", folder) / peptide.text
    if not (path / META).is_file():
        raise UsageError(f"{path}: no frames of peptide {peptide} ({META} is missing)")
    frames = FrameSet.open(path).at_levels()
    labels = slot_labels(peptide)
    try:
        mapping = frames.atoms.choose("backbone", [frames.atoms.index(one) for one in labels])
    except UsageError as error:
        raise UsageError(f"{path}: not of peptide {peptide}: {error}") from None
    level, step, forces = frames.level(), frames.step(), None
    later = step >= discard * step.max()
    if scores:
        system = load_system(f"{PEPTIDE}{peptide}")
        if [one.label for one in frames.atoms.beads] != [one.label for one in system.atoms.beads]:
            raise UsageError(
                f"{path}: forces need frames of all atoms, in the order of {system.name}"
            )
        forces = BeadForces(system, mapping)
    whole = frames.positions(None if scores else mapping)
    select = mapping.select if scores else _same
    found = []
    for number, factor in enumerate(frames.ladder):
        temperature = factor * frames.meta["temperature_K"]
        if any(abs(temperature - other) < 1 for other in without_K):
            continue
        atoms = torch.from_numpy(whole[later & (level == number)])
        if not len(atoms):
            raise UsageError(
                f"{path}: without its first {discard:.0%} no frame at {temperature:g} K"
            )
        trans = is_trans(Backbone.of(peptide), select(atoms))
        atoms = atoms[trans][torch.from_numpy(evenly(int(trans.sum()), limit))]
        score = None if forces is None else forces(atoms) / (KB * temperature)
        case, cis = Case(peptide, temperature), int((~trans).sum())
        found.append(CaseFrames(case, select(atoms), cis, score))
    return tuple(found)


def _same(x: Tensor) -> Tensor:
    return x


def is_trans(backbone: Backbone, x: Tensor) -> Tensor:
    """Whether no peptide bond of frames `[n, beads, 3]` is cis: bool `[n]`."""
    place = {slot: k for k, slot in enumerate(backbone.slots)}
    trans = torch.ones(len(x), dtype=torch.bool)
    for a, c, n, d in backbone.chains:
        if (c, n) in backbone.amides and c - a in (1, 2):  # the carbon, not the oxygen
            trans &= dihedral(x, [place[slot] for slot in (a, c, n, d)]).abs() > torch.pi / 2
    return trans


class Drawing:
    """Batches of frames on all slots: of every peptide as many, in the model's units.

    Args:
        frames: of consecutive cases of the model, in their order.
        temperature_K: the wanted one.
        share: of the frames of a peptide that are at it, where there are others.
        scale: of the model, nm.
        first_case: number of the first of these cases among the model's.
    """

    def __init__(
        self,
        frames: Sequence[CaseFrames],
        temperature_K: float,
        share: float,
        scale: float,
        first_case: int = 0,
    ) -> None:
        self.first_case = first_case
        self.counts = torch.tensor([len(one.x) for one in frames])
        self.first = self.counts.cumsum(0) - self.counts
        self.edges = torch.tensor(_shares(frames, temperature_K, share)).cumsum(0)
        self.mask = torch.zeros(len(frames), SLOTS, dtype=torch.bool)
        largest = max(float(one.x.abs().max()) for one in frames)
        self.step = largest / 32767 / scale
        self.values = torch.zeros(int(self.counts.sum()), SLOTS, 3, dtype=torch.int16)
        self.scores: Tensor | None = None
        if all(one.score is not None for one in frames):
            self.scores = torch.zeros(self.values.shape, dtype=torch.float16)
        for k, (one, start) in enumerate(zip(frames, self.first.tolist(), strict=True)):
            slots = list(Backbone.of(one.case.peptide).slots)
            self.mask[k, slots] = True
            x = (one.x * (32767 / largest)).round().to(torch.int16)
            self.values[start : start + len(x), slots] = x
            if self.scores is not None and one.score is not None:
                self.scores[start : start + len(x), slots] = (one.score * scale).half()

    def __call__(self, count: int, generator: torch.Generator) -> Batch:
        """A clean batch on the generator's device, shuffled."""
        device = generator.device
        for name in ("counts", "first", "edges", "mask", "values"):
            setattr(self, name, getattr(self, name).to(device))
        if self.scores is not None:
            self.scores = self.scores.to(device)
        u = torch.rand(2, count, generator=generator, device=device, dtype=torch.float64)
        order = torch.randperm(count, generator=generator, device=device)
        place = (order + u[0]) / count * self.edges[-1]
        case = torch.searchsorted(self.edges, place).clamp_max(len(self.edges) - 1)
        frame = self.first[case] + (u[1] * self.counts[case]).long()
        mask = self.mask[case]
        y = self.values[frame] * self.step
        centre = y.sum(1, keepdim=True) / mask.sum(1)[:, None, None]
        y = torch.where(mask[:, :, None], y - centre, 0.0)
        batch = slot_batch(y, self.first_case + case, mask)
        return batch if self.scores is None else _told(batch, self.scores[frame].float())

    @property
    def checksum(self) -> int:
        """CRC-32 of all positions."""
        return zlib.crc32(self.values.numpy(force=True).data)


def slot_batch(y: Tensor, case: Tensor, mask: Tensor) -> Batch:
    """Positions `[n, slots, 3]` of cases `[n]`; `mask` `[n, slots]`: which slots are filled."""
    rows = {"pos": DenseRows(len(y), (SLOTS,), mask), CASE: DenseRows(len(y), ())}
    return Batch({"pos": y}, rows, {CASE: case})


def _told(batch: Batch, score: Tensor) -> Batch:
    """The batch, with the score of its data `[n, slots, 3]`."""
    name = score_name("pos")
    rows = {**batch.rows, name: batch.rows["pos"]}
    return replace(batch, rows=rows, given={**batch.given, name: score})


def _shares(frames: Sequence[CaseFrames], temperature_K: float, share: float) -> list[float]:
    """Weight of each case in a batch: one for each peptide."""
    wanted = [abs(one.case.temperature_K - temperature_K) < 0.5 for one in frames]
    shares = []
    for one, at in zip(frames, wanted, strict=True):
        own = [w for k, w in zip(frames, wanted, strict=True) if k.case.peptide == one.case.peptide]
        both = any(own) and not all(own)
        part = (share if at else 1 - share) if both else 1.0
        shares.append(part / own.count(at))
    return shares
