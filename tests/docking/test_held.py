"""What may turn and what is known where atoms are held, and draws given that."""

import numpy as np
import pytest
import torch
from rdkit import Chem

from molgen.chem.covalent import bonded, tail_of
from molgen.chem.holding import Held
from molgen.chem.ligand import read_ligand
from molgen.chem.receptor import read_receptor
from molgen.chem.vina_ligand import vina_ligand
from molgen.chem.vina_receptor import receptor_types
from molgen.core.grids import GRIDS
from molgen.core.random import Streams
from molgen.core.solvers import SOLVERS, prior
from molgen.docking.data.system import as_batch
from molgen.docking.held import Holding, free_rotors, known_fragments
from molgen.docking.physics import Scoring
from molgen.docking.propose import Shapes
from molgen.docking.search.torsions import place
from molgen.docking.search.tree import build_tree
from molgen.docking.target import Site, Target
from tests.docking.complexes import complexes
from tests.docking.toys import processes, system

PROTEIN, FILE = complexes()["1s3v"]


def tree_of(smiles: str, held: list[int]):
    molecule = Chem.MolFromSmiles(smiles)
    seen = vina_ligand(molecule)
    rotors, root = free_rotors(seen, np.array(held))
    return build_tree(len(seen.types), seen.bonds, rotors, held=root), rotors.tolist()


@pytest.mark.parametrize(
    ("smiles", "held", "free"),
    [
        ("c1ccccc1CCO", [0, 1, 2], [[5, 6], [6, 7]]),
        ("c1ccccc1CCO", [5, 6, 7], [[5, 6], [6, 7]]),  # both axes end in held atoms
        ("c1ccccc1CCO", [5, 6, 8], [[5, 6]]),  # what lies between is not free to turn
        ("c1ccccc1CCO", [6, 7, 8], [[5, 6], [6, 7]]),
        ("c1ccccc1CCO", [0, 1, 8], []),
        ("CCCCCC", [0, 1, 2, 3], [[2, 3], [3, 4]]),
    ],
)
def test_rotors_are_free_that_move_nothing_held(smiles, held, free):
    tree, rotors = tree_of(smiles, held)
    assert rotors == free
    for k, (_, far) in enumerate(tree.axes.tolist()):
        beyond = tree.moved[k].nonzero()[:, 0].tolist()
        assert not set(beyond) - {far} & set(held)


@pytest.mark.parametrize("held", [[0, 1, 2], [5, 6, 7], [6, 7, 8], [0, 1, 8]])
def test_held_atoms_stay_in_every_motion_of_the_rest(held, generator):
    tree, rotors = tree_of("c1ccccc1CCO", held)
    start = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    motion = torch.randn(20, tree.freedom, generator=generator, dtype=torch.float64) * tree.free
    moved = place(tree.to(start), start, motion)
    torch.testing.assert_close(moved[:, held], start[held].expand(20, -1, -1))
    others = [k for k in range(9) if k not in held and rotors]
    assert not others or (moved[:, others] - start[others]).abs().amax() > 0.1


def held_crystal(smarts: str):
    ligand = read_ligand(FILE)
    target = Target.of(PROTEIN, Site(reference=FILE))
    atoms = np.array(sorted(ligand.molecule.GetSubstructMatch(Chem.MolFromSmarts(smarts))))
    return target.pocket, ligand, Held(atoms, ligand.pose[atoms][None])


def test_fragments_are_known_that_held_atoms_fix():
    pocket, ligand, held = held_crystal("COc1cc(N)cc(OC)c1OC")
    shapes = Shapes.of(pocket, ligand, 4, 0, held)
    for one, known in zip(shapes.systems, shapes.known, strict=True):
        count = len(one.atoms)
        own = [set(one.atom[:count][one.fragment[:count] == k].tolist()) for k in range(len(known))]
        inside = set(held.atoms.tolist())
        # The held part is one fragment, but for the nitrogen at the end of the bond that turns,
        # and with a free atom at the end of one that was not cut.
        (scaffold,) = (atoms for atoms, is_known in zip(own, known, strict=True) if is_known)
        assert inside - scaffold <= {22}
        assert len(scaffold - inside) <= 1
        there = one.trans[:, None] + one.body  # orientations are those of the pose
        assert torch.equal(one.rot, torch.eye(3).expand_as(one.rot))
        at = torch.as_tensor(ligand.pose - pocket.centre).float()[held.atoms]
        k = int(known.nonzero()[0, 0])
        fixed = [atom not in inside - scaffold for atom in held.atoms.tolist()]
        torch.testing.assert_close(there[k][held.atoms][fixed], at[fixed], atol=1e-5, rtol=0)


def test_an_end_of_two_atoms_is_known_if_both_are_held():
    toy = system(atoms=6, fragments=3)
    assert known_fragments(toy, np.arange(6)).tolist() == [True, True, True]
    assert known_fragments(toy, np.array([0, 1, 2])).tolist() == [True, False, False]
    assert known_fragments(toy, np.array([5])).tolist() == [False, False, False]


class Flat:
    """A model that knows nothing but its base."""

    def __init__(self):
        self.processes = processes()

    def score(self, batch, t):
        return {
            name: process.base_score(batch.state[name], t, batch.rows[name])
            for name, process in self.processes.items()
        }


@pytest.mark.parametrize("solver", ["ancestral", "heun"])
def test_known_fragments_end_where_they_are_known_and_only_they(solver):
    each = as_batch([system(seed=0), system(fragments=2, seed=1)])
    known = [torch.tensor([True, False, False]), torch.tensor([False, True])]
    model = Flat()
    holding = Holding.of(model, each, known)
    batch = each.take(torch.tensor([0, 1, 0, 1]))
    streams = Streams.of(0, 0, 4)
    times = GRIDS["karras"](model.processes["trans"], 12)
    drawn = prior(model.processes, holding.told(batch), streams)
    drawn = SOLVERS[solver](model.processes, holding.score, drawn, times, streams)
    for name, noise in (("trans", 0.01), ("rot", 0.06)):
        off = (drawn.state[name] - batch.state[name])[holding.mask[batch.given["system"]]]
        assert off.abs().max() < 5 * noise  # the least noise of the processes
        settled = holding.settled(drawn).state[name]
        where = holding.mask[batch.given["system"]]
        assert torch.equal(settled[where], batch.state[name][where])
        assert torch.equal(settled[~where], drawn.state[name][~where])
    assert (drawn.state["trans"] - batch.state["trans"]).abs().max() > 0.05


def test_atoms_of_the_receptor_feel_no_pocket():
    receptor = read_receptor(complexes()["1uou"][0])
    ligand = read_ligand("O=CNCc1ccccc1")
    tail = tail_of(receptor, "A:217:OG")
    whole = vina_ligand(bonded(ligand, 1, tail).molecule)
    tree = build_tree(len(whole.types), whole.bonds, whole.rotors)
    like = torch.zeros(1, dtype=torch.float64)
    kinds = receptor_types(receptor)
    one = Scoring(receptor.coordinates, kinds, whole.types, tree.pairs, 1.0, own=10, like=like)
    other = Scoring(receptor.coordinates, kinds, whole.types[:10], tree.pairs[:0], 1.0, like=like)
    poses = torch.randn(3, 13, 3, dtype=torch.float64) * 0.3 + torch.as_tensor(tail.positions[0])
    torch.testing.assert_close(one.intermolecular(poses), other.intermolecular(poses[:, :10]))
    poses.requires_grad_()
    (gradient,) = torch.autograd.grad(one.intermolecular(poses).sum(), poses)
    assert (gradient[:, 10:] == 0).all()
    assert gradient[:, :10].abs().max() > 0
