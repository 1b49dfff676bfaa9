"""ForceField against OpenMM's Reference platform, term by term, and against itself."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from molgen.errors import UsageError
from molgen.md.forcefield.force_field import ForceField
from tests.md.forcefield.amber import (
    MODELS,
    NAMES,
    assert_agrees,
    force_field,
    make_system,
    shaken,
)

pytestmark = pytest.mark.openmm


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_openmm_term_by_term(name, model):
    assert_agrees(make_system(name, model), force_field(name, model), shaken(name, 2))


@pytest.mark.parametrize("name", NAMES)
def test_forces_are_minus_the_gradient(name):
    ff = force_field(name, "amber19-cmap-obc2")
    x = shaken(name, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(ff.energy(x).sum(), x)
    forces = ff.forces(x.detach())
    # both in float64; the written-out gradient and autograd differ in the order of operations
    torch.testing.assert_close(forces, -gradient, rtol=0, atol=1e-10 * float(forces.abs().max()))


def test_forces_are_the_finite_difference():
    ff, x, h = force_field("pro-his", "amber19-cmap-obc2"), shaken("pro-his", 1), 1e-5
    shifts = h * torch.eye(x[0].numel(), dtype=torch.float64).reshape(-1, *x[0].shape)
    difference = (ff.energy(x + shifts) - ff.energy(x - shifts)) / (2 * h)
    forces = ff.forces(x)
    # E ~ 1e3 with 1e-16 relative rounding over 2e-5: 1e-8; h^2 E'''/6 with E''' ~ 1e8: 1e-3
    torch.testing.assert_close(-difference.reshape(x.shape), forces, rtol=0, atol=5e-3)


def test_energy_ignores_translation_and_rotation():
    ff, x = force_field("trp"), shaken("trp", 1)
    generator = torch.Generator().manual_seed(3)
    R, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=generator))
    R = R * torch.sign(torch.linalg.det(R))
    energy, forces = ff.energy_and_forces(x)
    moved_energy, moved_forces = ff.energy_and_forces(x @ R.T + 3.0)
    # rounding at 3 nm: 1e-16 * 3 nm * force 1e4
    torch.testing.assert_close(moved_energy, energy, rtol=0, atol=1e-9)
    torch.testing.assert_close(moved_forces, forces @ R.T, rtol=0, atol=1e-8)


def test_many_replicas_are_as_each_alone():
    ff, x = force_field(), shaken("ala2", 500)  # more than one block
    energy, forces = ff.energy_and_forces(x)
    for k in (0, 1, 250, 499):
        alone_energy, alone_forces = ff.energy_and_forces(x[k : k + 1])
        # a matrix product may sum in another order for another width
        torch.testing.assert_close(alone_energy[0], energy[k], rtol=1e-13, atol=0)
        torch.testing.assert_close(alone_forces[0], forces[k], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_float32_forces_are_good_to_five_digits(name):
    x = shaken(name, 20)
    energy, forces = force_field(name).energy_and_forces(x)
    single = ForceField.from_openmm(make_system(name), torch.float32, compile=False)
    rough_energy, rough_forces = single.energy_and_forces(x.float())
    # positions rounded at 1e-8 nm times bond constants of 3e5 kJ/mol/nm^2, over forces of ~ 3e3
    error = (rough_forces.double() - forces).norm() / forces.norm()
    assert error < 3e-6
    assert (rough_energy.double() - energy).abs().max() < 5e-3  # kJ/mol; kT is 2.5


def test_forces_stay_finite_where_an_angle_is_straight():
    ff, x = force_field(), shaken("ala2", 1)
    first, centre, last = 1, 4, 5  # CH3, C, O of the acetyl
    x[0, last] = 2 * x[0, centre] - x[0, first]
    assert torch.isfinite(ff.forces(x)).all()


def test_planar_memory_gives_the_same_and_stays_planar():
    ff, x = force_field(), shaken("ala2", 3)
    planar = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    forces = ff.forces(planar)
    assert torch.equal(forces, ff.forces(x))
    assert forces.stride() == planar.stride()


def test_state_travels_without_openmm(tmp_path):
    from safetensors.torch import save_file

    x = shaken("ala2", 2)
    save_file(force_field().state(), tmp_path / "state.safetensors")
    save_file({"x": x, "forces": force_field().forces(x).contiguous()}, tmp_path / "case.st")
    script = """
import sys
sys.modules["openmm"] = None
import torch
from safetensors.torch import load_file
from molgen.md.forcefield.force_field import ForceField
ff = ForceField.from_state(load_file("state.safetensors"), compile=False)
case = load_file("case.st")
assert torch.equal(ff.forces(case["x"]), case["forces"])
"""
    root = Path(__file__).parents[3]
    env = {"PYTHONPATH": str(root), "PATH": ""}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, check=True)


def test_incomplete_state_is_refused():
    state = force_field().state()
    del state["nonbonded.coulomb"]
    with pytest.raises(UsageError, match=r"no nonbonded\.coulomb"):
        ForceField.from_state(state)
    with pytest.raises(UsageError, match="format None"):
        ForceField.from_state({})


@pytest.mark.parametrize("shape", [(2, 21, 3), (22, 3), (2, 22, 2)])
def test_positions_of_another_shape_are_refused(shape):
    with pytest.raises(UsageError, match="22, 3"):
        force_field().energy(torch.zeros(shape, dtype=torch.float64))


def test_without_a_compiler_it_warns_once_and_runs(monkeypatch, no_compiler):
    monkeypatch.setattr("molgen.md.forcefield.force_field._program", lambda: no_compiler(None))
    ff = ForceField.from_openmm(make_system(), torch.float64)
    x = shaken("ala2", 2)
    with pytest.warns(UserWarning, match="uncompiled, slower: no working C"):
        forces = ff.forces(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ff.energy(x)
    assert torch.equal(forces, force_field().forces(x))


@pytest.mark.slow
def test_compiled_is_as_eager():
    ff = ForceField.from_openmm(make_system(model="amber19-cmap-obc2"), torch.float64)
    eager = force_field(model="amber19-cmap-obc2")
    # one program for any number: one, a part of a vector, vectors and a part, blocks
    for replicas in (7, 1, 33, 700):
        x = shaken("ala2", replicas)
        for found, expected in zip(
            ff.energy_and_forces(x), eager.energy_and_forces(x), strict=True
        ):
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-8)
    assert ff.compiled
