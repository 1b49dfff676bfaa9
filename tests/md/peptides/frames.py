"""Backbones of ideal bonds and angles with dihedrals that depend on the residue."""

import math

import numpy as np
import torch

from molgen.files import write_json
from molgen.md.data.dataset import write_part
from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import SLOT_ATOMS, SLOTS, slot_labels
from molgen.md.system.beads import Bead, BeadMapping

MASSES = {"C": 12.011, "N": 14.007, "O": 15.999}
MAIN = (0, 1, 3, 4, 6, 8, 9, 11, 13, 14)
"""Slots along the chain."""


def backbone_frames(peptide: Peptide, count: int, seed: int = 0, spread: float = 1.0):
    """`[count, beads, 3]` nm: bonds 0.145 nm, angles 115 degrees, trans, L-residues."""
    g = torch.Generator().manual_seed(seed)
    backbone = Backbone.of(peptide)

    def normal(sd):
        return spread * sd * torch.randn(count, generator=g, dtype=torch.float64)

    x = torch.zeros(count, SLOTS, 3, dtype=torch.float64)
    main = [slot for slot in MAIN if slot in backbone.slots]
    phi = {4: -1.4 - 0.02 * ord(peptide.residues[0]), 9: -2.0 + 0.01 * ord(peptide.residues[-1])}
    for k, slot in enumerate(main):
        length = 0.145 + normal(0.003)
        if k == 0:
            continue
        if k == 1:
            x[:, slot, 0] = length
            continue
        b, c = main[k - 2], main[k - 1]
        bond = torch.nn.functional.normalize(x[:, c] - x[:, b], dim=-1)
        if k == 2:
            side = torch.tensor([0.0, 1.0, 0.0]).expand(count, 3).double()
            turn = normal(0.0)
        else:
            side = x[:, main[k - 3]] - x[:, b]
            turn = normal(0.6) + 2.4
            if (b, c) in backbone.amides:
                turn = math.pi + normal(0.12)
            elif c in phi and b in (3, 8):
                turn = phi[c] + normal(0.4)
        x[:, slot] = _placed(x[:, c], bond, side, length, 2.0 + normal(0.04), turn)
    for carbon, oxygen in ((1, 2), (6, 7), (11, 12)):
        if oxygen in backbone.slots:
            place = main.index(carbon)
            last = place == len(main) - 1
            before, after = main[place - 1], None if last else main[place + 1]
            if after is None:
                bond = torch.nn.functional.normalize(x[:, carbon] - x[:, before], dim=-1)
                side = x[:, main[place - 2]] - x[:, before]
                turn, bend = normal(0.3) + 0.5, 2.0 + normal(0.04)
                x[:, oxygen] = _placed(x[:, carbon], bond, side, 0.123, bend, turn)
            else:
                arrows = [x[:, end] - x[:, carbon] for end in (before, after)]
                out = -sum(torch.nn.functional.normalize(arrow, dim=-1) for arrow in arrows)
                up = torch.nn.functional.normalize(torch.linalg.cross(*arrows), dim=-1)
                out = torch.nn.functional.normalize(out, dim=-1) + normal(0.03)[:, None] * up
                x[:, oxygen] = x[:, carbon] + (0.123 + normal(0.002))[:, None] * out
    for n, ca, cb, c in ((3, 4, 5, 6), (8, 9, 10, 11)):
        if cb in backbone.slots:
            first, second = x[:, n] - x[:, ca], x[:, c] - x[:, ca]
            out = torch.nn.functional.normalize(-first - second, dim=-1)
            up = torch.nn.functional.normalize(torch.linalg.cross(first, second), dim=-1)
            away = 0.6 * out + (0.8 + normal(0.03))[:, None] * up
            x[:, cb] = x[:, ca] + (0.153 + normal(0.003))[:, None] * away
    x = x[:, list(backbone.slots)]
    x = x + spread * 0.002 * torch.randn(x.shape, generator=g, dtype=torch.float64)
    return (x - x.mean(1, keepdim=True)).float()


def _placed(origin, bond, side, length, bend, turn):
    """The end of an arrow from `origin` at an angle to `bond`, at a dihedral to `side`."""
    length, bend = (torch.as_tensor(v).expand(len(origin)) for v in (length, bend))
    side = side - (side * bond).sum(-1, keepdim=True) * bond
    side = torch.nn.functional.normalize(side, dim=-1)
    across = torch.linalg.cross(bond, side)
    out = turn.cos()[:, None] * side + turn.sin()[:, None] * across
    return origin + length[:, None] * (-bend.cos()[:, None] * bond + bend.sin()[:, None] * out)


def backbone_beads(peptide: Peptide) -> BeadMapping:
    """The beads of such frames as all the atoms there are."""
    slots = Backbone.of(peptide).slots
    place = {slot: k for k, slot in enumerate(slots)}
    beads = []
    for k, (slot, label) in enumerate(zip(slots, slot_labels(peptide), strict=True)):
        number, name = label.split(":")
        residue = peptide.resnames[int(number) - 1]
        element = SLOT_ATOMS[slot][1][0]
        beads.append(Bead(name, residue, int(number), element, MASSES[element], k))
    bonds = tuple(sorted((place[a], place[b]) for a, b in Backbone.of(peptide).bonds))
    return BeadMapping("all", tuple(beads), bonds)


def write_frames(folder, text: str, count: int, ladder=(1.0, 1.3)) -> None:
    """A folder as `molgen md generate` makes it, of a peptide's backbone alone."""
    peptide = Peptide.parse(text)
    x = [backbone_frames(peptide, count, k, factor**0.5) for k, factor in enumerate(ladder)]
    (folder / text).mkdir(parents=True)
    total = len(ladder) * count
    write_part(
        folder / text,
        0,
        {
            "positions": torch.cat(x).numpy(),
            "chain": np.arange(total, dtype=np.int32) % 4,
            "step": np.tile(np.arange(count), len(ladder)),
            "level": np.repeat(np.arange(len(ladder), dtype=np.int8), count),
        },
    )
    write_json(
        folder / text / "meta.json",
        {
            "format": 1,
            "atoms": backbone_beads(peptide).to_dict(),
            "temperature_K": 310.0,
            "options": {"ladder": ladder, "all_levels": True},
            "frames": count,
            "parts": 1,
            "groups": 4,
            "group_size": 1,
            "forces": False,
        },
    )
