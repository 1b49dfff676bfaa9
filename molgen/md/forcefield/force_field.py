"""Any OpenMM force field without cutoff as a batched, differentiable torch potential.

Energies and forces are one plain torch function of the positions, `evaluate`, with the forces
written out beside the energies. In single precision on a CPU the same terms run as C (see
`native`); elsewhere `torch.compile` fuses the function into a few loops over atom pairs and
replicas; without a compiler it runs as it is.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import torch
import torch.fx.experimental._config
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.forcefield.gbsa import GBSA, gb_pairs
from molgen.md.forcefield.native import KINDS, NativeForceField, library
from molgen.md.forcefield.terms import (
    Bonded,
    Nonbonded,
    bonded_energies_and_forces,
    dot,
    nonbonded_pairs,
)

if TYPE_CHECKING:
    import openmm

STATE_FORMAT = 1
CACHE_BYTES = 2**19  # of a pair matrix; a core has 1 MB of second-level cache or more
GROUPS: dict[str, type] = {"bonded": Bonded, "nonbonded": Nonbonded, "gb": GBSA}


def evaluate(
    bonded: Bonded, nonbonded: Nonbonded, gb: GBSA | None, x: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Energy of each term and the total force; a pure function of tensors.

    All pair terms are functions of the squared distances, so their forces are those of one
    matrix of pulls: F_i = sum_j pull_ij (x_i - x_j).

    Args:
        bonded: bonds, angles, torsions, maps.
        nonbonded: Coulomb and Lennard-Jones.
        gb: implicit solvent, or None.
        x: [3, N, n], nm, replicas innermost.

    Returns:
        energies by term, each [n], kJ/mol; forces [3, N, n], kJ/mol/nm.
    """
    components = x.unbind()
    energies, bonded_forces = bonded_energies_and_forces(bonded, components)
    differences = tuple(c.unsqueeze(1) - c.unsqueeze(0) for c in components)
    r_square = dot(differences, differences)
    diagonal = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).unsqueeze(-1)
    energies["nonbonded"], pull = nonbonded_pairs(nonbonded, r_square, diagonal)
    if gb is not None:
        energies["gb"], solvent_pull = gb_pairs(gb, r_square, diagonal)
        pull = pull + solvent_pull
    pair_forces = [(pull * d).sum(1) for d in differences]
    return energies, torch.stack([p + b for p, b in zip(pair_forces, bonded_forces, strict=True)])


class ForceField:
    """Energy and forces of many replicas of one molecule.

    Units: nm, kJ/mol. Positions are [n, atoms, 3], energies [n], forces [n, atoms, 3]. Forces lie
    in memory with the replicas innermost, as the loops want them; positions that lie so too
    (sums of such tensors do) are taken without a copy.

    Args:
        bonded: bonds, angles, torsions, maps.
        nonbonded: Coulomb and Lennard-Jones.
        gb: implicit solvent, or None.
        compile: C in single precision on a CPU, ready in a second; else torch.compile, whose first
            call takes a minute, the first one of a later process seconds; molecules share the
            program. False runs eagerly.
    """

    def __init__(
        self, bonded: Bonded, nonbonded: Nonbonded, gb: GBSA | None, compile: bool = True
    ) -> None:
        self.bonded, self.nonbonded, self.gb = bonded, nonbonded, gb
        self.compiled = compile

    @classmethod
    def from_openmm(
        cls,
        system: "openmm.System",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        compile: bool = True,
    ) -> "ForceField":
        """The force field of an OpenMM System.

        Raises:
            UsageError: naming a force, cutoff or constraint that is not supported.
        """
        from molgen.md.forcefield.openmm_reader import read_system

        return cls(*read_system(system), compile=compile).to(dtype, device)

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return len(self.nonbonded.coulomb)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the parameters; positions must have it too."""
        return self.nonbonded.coulomb.dtype

    @property
    def device(self) -> torch.device:
        """Where the parameters are; positions must be there too."""
        return self.nonbonded.coulomb.device

    def to(
        self, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> "ForceField":
        """The same force field in another precision or on another device."""
        state = {
            name: value.to(device=device, dtype=dtype if value.is_floating_point() else None)
            for name, value in self.state().items()
        }
        return self.from_state(state, compile=self.compiled)

    def state(self) -> dict[str, Tensor]:
        """Everything as named tensors, to be saved without pickle and loaded without OpenMM."""
        state = {"format": torch.tensor(STATE_FORMAT)}
        for group in GROUPS:
            terms = getattr(self, group)
            if terms is not None:
                for field in fields(terms):
                    value = torch.as_tensor(getattr(terms, field.name))
                    state[f"{group}.{field.name}"] = value.contiguous()
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], compile: bool = True) -> "ForceField":
        """The force field whose `state` this is.

        Raises:
            UsageError: for a state of another format or with missing tensors.
        """
        found = int(state["format"]) if "format" in state else None
        if found != STATE_FORMAT:
            raise UsageError(
                f"force-field state: format {found}, expected {STATE_FORMAT}; prepare it again"
            )
        groups: dict[str, Any] = {}
        for group, kind in GROUPS.items():
            names = [field.name for field in fields(kind)]
            missing = [f"{group}.{name}" for name in names if f"{group}.{name}" not in state]
            if group == "gb" and len(missing) == len(names):
                groups[group] = None
            elif missing:
                raise UsageError(f"force-field state: no {', '.join(missing)}; prepare it again")
            else:
                groups[group] = kind(**{name: state[f"{group}.{name}"] for name in names})
        if groups["gb"] is not None:
            groups["gb"] = replace(groups["gb"], engulfed=bool(groups["gb"].engulfed))
        return cls(**groups, compile=compile)

    def planar(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """`evaluate` at x [3, atoms, n], not compiled: for use inside a function that is."""
        return evaluate(self.bonded, self.nonbonded, self.gb, x)

    @property
    def term_names(self) -> list[str]:
        """What the energy consists of: bonds, angles, torsions, cmap, nonbonded, gb, if present."""
        counted = {
            "bonds": self.bonded.bonds,
            "angles": self.bonded.angles,
            "torsions": self.bonded.torsions,
            "cmap": self.bonded.map_index,
        }
        names = [name for name, rows in counted.items() if len(rows)]
        return [*names, "nonbonded", *(["gb"] if self.gb is not None else [])]

    def energy(self, x: Tensor) -> Tensor:
        """Potential energy [n], kJ/mol, of positions [n, atoms, 3], nm; differentiable."""
        return self._call("energy", x)[0]

    def forces(self, x: Tensor) -> Tensor:
        """Forces [n, atoms, 3], kJ/mol/nm, at positions [n, atoms, 3], nm."""
        return self._call("forces", x)[0].permute(2, 1, 0)

    def energy_and_forces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Energies [n], kJ/mol, and forces [n, atoms, 3], kJ/mol/nm."""
        energy, forces = self._call("energy_and_forces", x)
        return energy, forces.permute(2, 1, 0)

    def terms(self, x: Tensor) -> dict[str, Tensor]:
        """Energies [n], kJ/mol, by the names of `term_names`; differentiable."""
        return dict(zip(self.term_names, self._call("terms", x), strict=True))

    def _call(self, what: str, x: Tensor) -> tuple[Tensor, ...]:
        """One of the results above, as tensors with the replicas innermost."""
        if x.ndim != 3 or x.shape[1:] != (self.atoms, 3) or x.dtype != self.dtype:
            raise UsageError(
                f"positions are {list(x.shape)} {x.dtype}; this force field takes "
                f"[n, {self.atoms}, 3] {self.dtype}"
            )
        x = x.permute(2, 1, 0)
        differentiated = x.requires_grad and torch.is_grad_enabled()
        if differentiated or torch.compiler.is_compiling():
            return self._eager(what, x.contiguous())
        if self.compiled and self._native is not None:
            energies, forces = self._native(x.contiguous())
            if what == "terms":
                return tuple(energies[KINDS.index(name)] for name in self.term_names)
            return _chosen(what, energies.sum(0), forces)
        run = self._run_compiled if self.compiled else self._eager
        with torch.no_grad():
            parts = [run(what, part.contiguous()) for part in x.split(self._block(x), 2)]
        if len(parts) == 1:
            return parts[0]
        return tuple(torch.cat(part, -1) for part in zip(*parts, strict=True))

    @cached_property
    def _native(self) -> NativeForceField | None:
        """The same in C, where that can be."""
        suits = self.device.type == "cpu" and self.dtype == torch.float32
        if not suits or len(self.bonded.map_index) or library() is None:
            return None
        return NativeForceField(self.bonded, self.nonbonded, self.gb)

    def _block(self, x: Tensor) -> int:
        """How many replicas to take at once: on a CPU, pair matrices should fit its cache."""
        replicas = max(1, x.shape[2])
        if x.device.type != "cpu":
            return replicas
        most = max(1, CACHE_BYTES // (16 * self.atoms**2 * x.element_size()))
        blocks = -(-replicas // (16 * most))
        return 16 * -(-replicas // (16 * blocks))  # whole vectors, blocks of about one size

    def _eager(self, what: str, x: Tensor) -> tuple[Tensor, ...]:
        energies, forces = self.planar(x)
        if what == "terms":
            return tuple(energies.values())
        return _chosen(what, torch.stack(list(energies.values())).sum(0), forces)

    def _run_compiled(self, what: str, x: Tensor) -> tuple[Tensor, ...]:
        if x.shape[2] == 1:  # torch.compile would make a program of its own for one replica
            return tuple(both[..., :1] for both in self._run_compiled(what, x.repeat(1, 1, 2)))
        torch._dynamo.mark_dynamic(x, 2)  # any number of replicas is one program
        try:
            with _one_program_for_all():
                energies, forces = _program()(self.bonded, self.nonbonded, self.gb, x)
        except torch._dynamo.exc.TorchDynamoException as error:
            self.compiled = False
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"force field runs uncompiled, slower: {reason}", stacklevel=4)
            return self._eager(what, x)
        if what == "terms":
            return tuple(energies)
        return _chosen(what, energies.sum(0), forces)


def _chosen(what: str, energy: Tensor, forces: Tensor) -> tuple[Tensor, ...]:
    return {"energy": (energy,), "forces": (forces,)}.get(what, (energy, forces))


def _evaluate_stacked(
    bonded: Bonded, nonbonded: Nonbonded, gb: GBSA | None, x: Tensor
) -> tuple[Tensor, Tensor]:
    """`evaluate` with the energies stacked, [terms, n]."""
    energies, forces = evaluate(bonded, nonbonded, gb, x)
    return torch.stack(list(energies.values())), forces


@cache
def _program() -> Callable[..., tuple[Tensor, Tensor]]:
    """`evaluate` compiled with every size left open: one program serves all molecules."""
    return torch.compile(_evaluate_stacked, dynamic=True)


@contextmanager
def _one_program_for_all() -> Iterator[None]:
    """Sizes that happen to agree in the first molecule may differ in the next."""
    with (
        torch.fx.experimental._config.patch(use_duck_shape=False),  # type: ignore[attr-defined]
        torch._dynamo.config.patch(recompile_limit=1000),  # with solvent and without, by dtype
    ):
        yield
