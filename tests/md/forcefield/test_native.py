"""The force field as C in single precision: the numbers of the one it was written from."""

import pytest
import torch

from molgen.md.forcefield.force_field import ForceField
from molgen.md.forcefield.native import library
from tests.md.forcefield.amber import NAMES, force_field, make_system, shaken

pytestmark = pytest.mark.openmm


@pytest.mark.parametrize("model", ["amber99sb-obc2", "amber14-obc1", "amber14-vacuum"])
@pytest.mark.parametrize("name", NAMES)
def test_c_code_is_as_eager(name, model):
    """Single precision leaves six digits of each term, five of sums of large pair energies."""
    if library() is None:
        pytest.skip("no C compiler")
    native = ForceField.from_openmm(make_system(name, model), torch.float32)
    eager = force_field(name, model)
    for replicas in (1, 16, 37):  # a part of a block, a whole one, several and a part
        x = shaken(name, replicas)
        energies, forces = native.energy_and_forces(x.float())
        expected, expected_forces = eager.energy_and_forces(x)
        torch.testing.assert_close(energies.double(), expected, rtol=1e-5, atol=0.02)
        size = float(expected_forces.abs().max())
        torch.testing.assert_close(forces.double(), expected_forces, rtol=0, atol=1e-5 * size)
        terms = eager.terms(x)
        assert list(native.terms(x.float())) == list(terms)
        for term, energy in native.terms(x.float()).items():
            torch.testing.assert_close(energy.double(), terms[term], rtol=1e-5, atol=0.02)


def test_c_code_gives_the_same_numbers_on_any_number_of_threads():
    native = ForceField.from_openmm(make_system("trp"), torch.float32)
    x = shaken("trp", 70).float()
    one = native.energy_and_forces(x)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        several = native.energy_and_forces(x)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(one, several, strict=True))
