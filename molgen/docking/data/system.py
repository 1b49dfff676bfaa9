"""What a docking model is given: pockets and fragmented ligands as tensors, some at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.batch import Batch, DenseRows

BOND, ANCHOR = 0, 2
"""Kinds of links, as `molgen.chem.fragments` has them, which needs RDKit: training does not."""

FIELDS = ("trans", "rot")
"""What diffuses: centres and orientations of the fragments."""

SITE = ("pocket", "pocket_kinds")
"""What a system is given of its pocket."""

LIGAND = ("atoms", "bonds", "body", "fragment", "atom", "links", "link_lengths")
"""What it is given of its ligand."""


@dataclass(frozen=True)
class Vocabulary:
    """Number of values of each categorical feature, see `molgen.chem.atom_features`.

    Attributes:
        pocket: of the pocket's atoms.
        ligand: of the ligand's atoms.
        bonds: kinds of bonds.
    """

    pocket: Sequence[int]
    ligand: Sequence[int]
    bonds: int


@dataclass(frozen=True)
class System:
    """One ligand in fragments, and the pocket it may bind to. Positions are relative to the centre.

    A point is an atom or a dummy, the copy of a neighbour's atom on this side of a cut bond.

    Attributes:
        pocket: `[P, 3]` nm, its atoms.
        pocket_kinds: int64 `[P, features]`, see `molgen.chem.atom_features`.
        atoms: int64 `[A, features]`, the ligand's atoms, which are its first points.
        bonds: int64 `[A, A]`, kind of the bond between two atoms, 0 where there is none.
        body: `[N, 3]` nm, the points about the centre of their fragment, in its own frame.
        fragment: int64 `[N]`.
        atom: int64 `[N]`, the atom that a point is or copies.
        links: int64 `[E, 2]`, points of different fragments whose distance no torsion changes.
        link_kinds: int64 `[E]`, see `molgen.chem.fragments`.
        link_lengths: `[E]` nm, those distances.
        trans: `[K, 3]` nm, centres of the fragments in a known pose; zeros if there is none.
        rot: `[K, 3, 3]`, their orientations.
    """

    pocket: Tensor
    pocket_kinds: Tensor
    atoms: Tensor
    bonds: Tensor
    body: Tensor
    fragment: Tensor
    atom: Tensor
    links: Tensor
    link_kinds: Tensor
    link_lengths: Tensor
    trans: Tensor
    rot: Tensor

    def replace(self, **changes: Tensor) -> System:
        """The same with some tensors replaced."""
        return dataclasses.replace(self, **changes)


def as_batch(systems: Sequence[System], copies: int = 1) -> Batch:
    """Poses of some systems, `copies` of each one after the other, from their known poses.

    What does not move is held once, padded to the largest, in given tensors that all graphs share.
    For each graph, `system` tells which of the ligands it is a pose of, and `site` which of the
    pockets it is in; systems that share the tensor of their pocket share the site. Masks are those
    of what is real: `pocket_mask [S, P]`, `atom_mask [C, A]`, `point_mask [C, N]`; `anchor_mask`
    and `loose_mask`, of the links of `molgen.docking.models.ties`: `anchor` and `loose`.
    """
    sites = {id(system.pocket): system for system in systems}
    numbers = {key: k for k, key in enumerate(sites)}
    given = {
        name: padded([getattr(system, name) for system in held])
        for held, names in ((list(sites.values()), SITE), (systems, LIGAND))
        for name in names
    }
    for name, of, held in (
        ("pocket_mask", "pocket", list(sites.values())),
        ("atom_mask", "atoms", systems),
        ("point_mask", "body", systems),
    ):
        given[name] = padded([torch.ones(len(getattr(s, of)), dtype=torch.bool) for s in held])
    for name, chosen in (("anchor", anchors), ("loose", loose_bonds)):
        links = [chosen(system).nonzero()[:, 0] for system in systems]
        given[name] = padded(links)
        given[f"{name}_mask"] = padded([torch.ones_like(link, dtype=torch.bool) for link in links])
    index = torch.arange(len(systems)).repeat_interleave(copies)
    counts = [len(system.trans) for system in systems]
    mask = padded([torch.ones(count, dtype=torch.bool) for count in counts])[index]
    rows = DenseRows(len(index), (max(counts),), None if bool(mask.all()) else mask)
    eye = torch.eye(3).expand(max(counts), 3, 3)
    rot = [torch.cat([s.rot, eye.to(s.rot)[len(s.rot) :]]) for s in systems]
    graphs = DenseRows(len(index), ())
    given["system"] = index
    given["site"] = torch.tensor([numbers[id(system.pocket)] for system in systems])[index]
    return Batch(
        state={
            "trans": padded([system.trans for system in systems])[index],
            "rot": torch.stack(rot)[index],
        },
        rows={"trans": rows, "rot": rows, "system": graphs, "site": graphs},
        given=given,
    )


def anchors(system: System) -> Tensor:
    """Which links are those of a dummy to the atom it copies: bool `[E]`."""
    return system.link_kinds == ANCHOR


def loose_bonds(system: System) -> Tensor:
    """Which links are bonds of two fragments that no anchor holds together: bool `[E]`."""
    pairs = system.fragment[system.links].sort(-1).values
    number = pairs[:, 0] * len(system.trans) + pairs[:, 1]
    return (system.link_kinds == BOND) & ~torch.isin(number, number[anchors(system)])


def whole(system: System, atoms: Tensor) -> System:
    """A ligand in one piece, at given positions of its atoms `[A, 3]` nm."""
    count = len(atoms)
    centre = atoms.mean(0, keepdim=True)
    return system.replace(
        body=atoms - centre,
        fragment=torch.zeros(count, dtype=torch.long),
        atom=torch.arange(count),
        links=system.links[:0],
        link_kinds=system.link_kinds[:0],
        link_lengths=system.link_lengths[:0],
        trans=centre,
        rot=torch.eye(3).to(atoms)[None],
    )


def padded(values: Sequence[Tensor]) -> Tensor:
    """Tensors stacked, each axis filled up with zeros to the longest."""
    shape = [max(sizes) for sizes in zip(*(value.shape for value in values), strict=True)]
    out = values[0].new_zeros(len(values), *shape)
    for row, value in zip(out, values, strict=True):
        row[tuple(slice(size) for size in value.shape)] = value
    return out


def points(state: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Tensor:
    """Where the points are, x = R_k body + T_k: `[graphs, N, 3]` nm."""
    fragment, body = given["fragment"][given["system"]], given["body"][given["system"]]
    graph = torch.arange(len(fragment), device=fragment.device)[:, None]
    rot, trans = state["rot"][graph, fragment], state["trans"][graph, fragment]
    return torch.einsum("gnij,gnj->gni", rot, body) + trans


def atom_positions(batch: Batch) -> Tensor:
    """Where the ligand's atoms are, padding included: `[graphs, A, 3]` nm."""
    return points(batch.state, batch.given)[:, : batch.given["atoms"].shape[1]]
