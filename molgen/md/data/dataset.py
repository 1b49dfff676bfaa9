"""Frame folders: equilibrium frames with energies and forces, written in whole parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from molgen.arrays import Array, write_arrays
from molgen.errors import UsageError
from molgen.files import read_json
from molgen.md.system.beads import BeadMapping

FORMAT = 1
META = "meta.json"


def part_path(folder: Path, number: int) -> Path:
    """`part-000000.npz` and so on."""
    return folder / f"part-{number:06d}.npz"


def write_part(folder: Path, number: int, arrays: Mapping[str, Array]) -> None:
    """Write one part whole; the arrays are those of `FrameSet`."""
    write_arrays(part_path(folder, number), arrays)


@dataclass(frozen=True)
class FrameSet:
    """Frames of one system at equilibrium, on disk; read part by part.

    Every frame has `positions` [atoms, dims] float32 nm, `energies` float64 kJ/mol, `forces`
    [atoms, dims] float32 kJ/mol/nm (if kept), `chain` int32 and `step` int64. Chains of one group
    traded temperatures with each other, chains of different groups never met. Where frames of
    every temperature were kept, each has a `level`, and those of level 0, the wanted temperature,
    are visible; see `at_levels`.

    Attributes:
        folder: Where the parts are.
        meta: Provenance and counts; see `molgen.md.data.generate`.
        groups: The groups that are visible; frames of others are left out.
        levels: The temperature levels that are visible.
    """

    folder: Path
    meta: dict[str, Any]
    groups: tuple[int, ...]
    levels: tuple[int, ...] = (0,)

    @classmethod
    def open(cls, folder: str | Path) -> "FrameSet":
        """The frames of a folder that `molgen md generate` wrote, finished or still growing.

        Raises:
            UsageError: it is no such folder, or of another format.
        """
        folder = Path(folder)
        if not (folder / META).is_file():
            raise UsageError(f"{folder}: no frames here ({META} is missing)")
        meta = read_json(folder / META)
        if meta.get("format") != FORMAT:
            raise UsageError(
                f"{folder / META}: frame format {meta.get('format')}, this molgen reads {FORMAT}"
            )
        return cls(folder, meta, tuple(range(meta["groups"])))

    @property
    def atoms(self) -> BeadMapping:
        """Every atom of a frame, with bonds."""
        return BeadMapping.from_dict(self.meta["atoms"])

    def halves(self) -> tuple["FrameSet", "FrameSet"]:
        """The frames of the first and of the second half of the groups: independent sets.

        Raises:
            UsageError: there is only one group.
        """
        middle = len(self.groups) // 2
        if middle == 0:
            raise UsageError(f"{self.folder}: one group of chains cannot be split in halves")
        first, second = self.groups[:middle], self.groups[middle:]
        return replace(self, groups=first), replace(self, groups=second)

    @property
    def ladder(self) -> tuple[float, ...]:
        """Temperature of each level that was kept over the wanted one, ascending from 1."""
        options = self.meta.get("options", {})
        return tuple(options["ladder"]) if options.get("all_levels") else (1.0,)

    def at_levels(self, *levels: int) -> "FrameSet":
        """The frames of some temperature levels; of all that were kept if none is given.

        Raises:
            UsageError: there are no frames of such a level.
        """
        kept = len(self.ladder)
        for level in levels:
            if not 0 <= level < kept:
                raise UsageError(
                    f"{self.folder}: has no frames of temperature level {level}, only of "
                    f"{', '.join(map(str, range(kept)))}; generate with --all-levels"
                )
        return replace(self, levels=tuple(levels) or tuple(range(kept)))

    def at_temperature(self, temperature_K: float) -> "FrameSet":
        """The frames of a molecule that were drawn at a temperature.

        Raises:
            UsageError: there are none.
        """
        kept = self._temperatures_K
        level = int(np.abs(kept - temperature_K).argmin())
        if abs(kept[level] - temperature_K) > 0.1:
            raise UsageError(
                f"{self.folder}: has no frames at {temperature_K:g} K, only at "
                f"{', '.join(f'{T:g}' for T in kept)} K; generate with --all-levels"
            )
        return self.at_levels(level)

    @property
    def _temperatures_K(self) -> Array:
        """Temperature of each level."""
        return np.round(self.meta["temperature_K"] * np.array(self.ladder), 6)

    def __len__(self) -> int:
        if len(self.groups) == self.meta["groups"] and self.levels == (0,):
            return int(self.meta["frames"])
        return len(self.chain())

    def positions(
        self, mapping: BeadMapping | None = None, stride: int = 1, limit: int | None = None
    ) -> Array:
        """Coordinates [frames, beads, dims] float32 nm, in the order in which they were written.

        Args:
            mapping: Beads to keep; every atom by default.
            stride: Every how many-th frame.
            limit: At most so many frames.
        """
        columns = None if mapping is None else mapping.atoms
        return self._read("positions", stride, limit, columns)

    def forces(
        self, mapping: BeadMapping | None = None, stride: int = 1, limit: int | None = None
    ) -> Array:
        """Forces on atoms [frames, beads, dims] float32 kJ/mol/nm; arguments as in `positions`.

        Raises:
            UsageError: forces were not kept.
        """
        if not self.meta["forces"]:
            raise UsageError(f"{self.folder}: forces were not kept when the frames were made")
        return self._read("forces", stride, limit, None if mapping is None else mapping.atoms)

    def energies(self, stride: int = 1, limit: int | None = None) -> Array:
        """Potential energies [frames] float64 kJ/mol."""
        return self._read("energies", stride, limit)

    def chain(self, stride: int = 1, limit: int | None = None) -> Array:
        """Chain that each frame comes from, [frames] int32."""
        return self._read("chain", stride, limit)

    def group(self, stride: int = 1, limit: int | None = None) -> Array:
        """Group of chains that each frame comes from, [frames] int32."""
        return self.chain(stride, limit) // np.int32(self.meta["group_size"])

    def level(self, stride: int = 1, limit: int | None = None) -> Array:
        """Temperature level of each frame, [frames] int8."""
        if len(self.ladder) == 1:
            return np.zeros(len(self.chain(stride, limit)), dtype=np.int8)
        return self._read("level", stride, limit)

    def temperature_K(self, stride: int = 1, limit: int | None = None) -> Array:
        """Temperature at which each frame of a molecule was drawn, [frames] float64."""
        return self._temperatures_K[self.level(stride, limit)]

    def step(self, stride: int = 1, limit: int | None = None) -> Array:
        """Integration step of each frame, counted from the end of burn-in, [frames] int64."""
        return self._read("step", stride, limit)

    def _read(
        self, name: str, stride: int, limit: int | None, columns: list[int] | None = None
    ) -> Array:
        pieces: list[Array] = []
        seen = taken = 0
        for values in self._parts(name):
            piece = values[(-seen) % stride :: stride]
            seen += len(values)
            if limit is not None:
                piece = piece[: limit - taken]
            pieces.append(piece if columns is None else piece[:, columns])
            taken += len(piece)
            if limit is not None and taken >= limit:
                break
        if not pieces:
            raise UsageError(f"{self.folder}: holds no frames yet")
        return np.concatenate(pieces)

    def _parts(self, name: str) -> Iterator[Array]:
        all_groups = len(self.groups) == self.meta["groups"]
        for number in range(self.meta["parts"]):
            path = part_path(self.folder, number)
            try:
                with np.load(path, allow_pickle=False) as content:
                    values = content[name]
                    chain = None if all_groups else content["chain"]
                    level = content["level"] if len(self.ladder) > 1 else None
            except FileNotFoundError:
                raise UsageError(f"{path}: is missing; generate the frames again") from None
            except Exception as error:  # zipfile, numpy and OS errors of a damaged file
                raise UsageError(f"{path}: is damaged: {error}") from error
            visible = np.ones(len(values), dtype=bool)
            if chain is not None:
                visible &= np.isin(chain // self.meta["group_size"], self.groups)
            if level is not None:
                visible &= np.isin(level, self.levels)
            yield values if visible.all() else values[visible]
