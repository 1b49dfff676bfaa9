"""ForceField against OpenMM's Reference platform, term by term, and against itself."""

import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from openmm import app, unit
from openmm.app.internal.customgbforces import GBSAOBC1Force

from molgen.errors import UsageError
from molgen.md.forcefield.force_field import ForceField
from molgen.md.forcefield.gbsa import descreening_integral
from molgen.md.forcefield.native import library

pytestmark = pytest.mark.openmm

PEPTIDES = Path(__file__).parent / "peptides"
ALANINE = Path(__file__).parents[3] / "systems" / "ala2" / "ala2.pdb"
NAMES = ["ala2", "asp-lys", "trp", "pro-his"]  # small; charged; aromatic; proline
MODELS = {
    "amber99sb-obc2": ("amber99sbildn.xml", "amber99_obc.xml"),
    "amber14-obc1": ("amber14-all.xml", "implicit/obc1.xml"),
    "amber19-cmap-obc2": ("amber19/protein.ff19SB.xml", "implicit/obc2.xml"),
    "amber14-vacuum": ("amber14-all.xml",),
}
TERMS = {
    openmm.HarmonicBondForce: "bonds",
    openmm.HarmonicAngleForce: "angles",
    openmm.PeriodicTorsionForce: "torsions",
    openmm.CMAPTorsionForce: "cmap",
    openmm.NonbondedForce: "nonbonded",
    openmm.GBSAOBCForce: "gb",
    openmm.CustomGBForce: "gb",
}


@cache
def peptide(name):
    """Topology and positions [atoms, 3] nm, hydrogens by OpenMM's Modeller."""
    pdb = app.PDBFile(str(ALANINE if name == "ala2" else PEPTIDES / f"{name}.pdb"))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    if name != "ala2":
        reference = openmm.Platform.getPlatformByName("Reference")
        modeller.addHydrogens(app.ForceField("amber14-all.xml"), pH=7.0, platform=reference)
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    return modeller.topology, torch.tensor(positions)


def make_system(name="ala2", model="amber99sb-obc2", **options):
    options = {"nonbondedMethod": app.NoCutoff, "constraints": None, "rigidWater": False} | options
    return app.ForceField(*MODELS[model]).createSystem(peptide(name)[0], **options)


@cache
def force_field(name="ala2", model="amber99sb-obc2"):
    return ForceField.from_openmm(make_system(name, model), torch.float64, compile=False)


def shaken(name, replicas, size_nm=0.01):
    """Replicas [n, atoms, 3] around the given structure; ~ thermal strain of bonds and angles."""
    x = peptide(name)[1]
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(replicas, *x.shape, dtype=torch.float64, generator=generator)
    return x + size_nm * noise


def openmm_terms(system, positions):
    """Energies [n] and forces [n, atoms, 3] by term, and in total, of the Reference platform."""
    groups = {"total": set()}
    for k, force in enumerate(system.getForces()):
        force.setForceGroup(k)
        if type(force) in TERMS:
            groups[TERMS[type(force)]] = {k}
            groups["total"].add(k)
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    energies = {term: [] for term in groups}
    forces = {term: [] for term in groups}
    for x in positions.numpy():
        context.setPositions(x)
        for term, group in groups.items():
            state = context.getState(energy=True, forces=True, groups=group)
            energies[term].append(state.getPotentialEnergy()._value)
            forces[term].append(state.getForces(asNumpy=True)._value)
    return (
        {term: torch.tensor(values, dtype=torch.float64) for term, values in energies.items()},
        {term: torch.tensor(np.array(values)) for term, values in forces.items()},
    )


def assert_agrees(system, ff, positions, tolerance=1e-9):
    """Energy and force of each term, and in total.

    Both sides compute in float64; 1e-9 relative leaves room for the order of sums and for small
    differences of large pair energies.
    """
    x = positions.clone().requires_grad_()
    terms = ff.terms(x)
    energies, forces = openmm_terms(system, positions)
    assert set(terms) == set(energies) - {"total"}
    for term, energy in terms.items():
        (gradient,) = torch.autograd.grad(energy.sum(), x, retain_graph=True)
        size = forces[term].abs().max()
        torch.testing.assert_close(energy.detach(), energies[term], rtol=tolerance, atol=1e-8)
        torch.testing.assert_close(-gradient, forces[term], rtol=0, atol=tolerance * float(size))
    energy, force = ff.energy_and_forces(positions)
    size = float(forces["total"].abs().max())
    torch.testing.assert_close(energy, energies["total"], rtol=tolerance, atol=1e-8)
    torch.testing.assert_close(force, forces["total"], rtol=0, atol=tolerance * size)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_openmm_term_by_term(name, model):
    assert_agrees(make_system(name, model), force_field(name, model), shaken(name, 2))


def test_agrees_with_any_torsion_phase_and_exception():
    system = make_system()
    rng = np.random.default_rng(2)
    for force in system.getForces():
        if isinstance(force, openmm.PeriodicTorsionForce):
            for i in range(force.getNumTorsions()):
                *atoms, _, _, _ = force.getTorsionParameters(i)
                force.setTorsionParameters(
                    i, *atoms, int(rng.integers(1, 7)), rng.uniform(-4, 4), rng.normal()
                )
        if isinstance(force, openmm.NonbondedForce):
            for i in range(force.getNumExceptions()):
                first, second, *_ = force.getExceptionParameters(i)
                sigma, epsilon = rng.uniform(0.05, 0.1), rng.uniform(0, 1)
                force.setExceptionParameters(i, first, second, rng.normal(), sigma, epsilon)
    ff = ForceField.from_openmm(system, torch.float64, compile=False)
    assert_agrees(system, ff, shaken("ala2", 2))


@pytest.mark.parametrize("distance_nm", [0.005, 0.03, 0.06, 0.1, 0.2, 0.5, 2.0])
@pytest.mark.parametrize("kind", ["GBSAOBCForce", "CustomGBForce"])
def test_solvent_agrees_with_openmm_at_any_overlap(kind, distance_nm):
    # from one sphere inside the other (both ways round) over overlap to far apart
    system, charges = openmm.System(), openmm.NonbondedForce()
    gb = openmm.GBSAOBCForce() if kind == "GBSAOBCForce" else GBSAOBC1Force(SA="ACE")
    for parameters in ([0.4, 0.10, 0.8], [-0.7, 0.20, 0.9], [0.2, 0.25, 0.3]):
        system.addParticle(12.0)
        charges.addParticle(0.0, 0.1, 0.0)
        if kind == "GBSAOBCForce":
            gb.addParticle(*parameters)
        else:
            gb.addParticle(parameters)
    if kind == "CustomGBForce":
        gb.finalize()
    system.addForce(gb)
    system.addForce(charges)
    ff = ForceField.from_openmm(system, torch.float64, compile=False)
    x = torch.tensor([[[0.0, 0, 0], [distance_nm, 0, 0], [0, 0.7 * distance_nm, 0]]]).double()
    assert_agrees(system, ff, x)


def test_integral_is_that_of_one_over_r_to_the_fourth():
    # I = 1/(4 pi) int_sphere d3r / |r|^4 over the part of the sphere outside rho: quadrature in
    # the distance w from the descreened atom, where the sphere covers a cap of the shell
    r, rho, s = 0.15, 0.1, 0.12
    w = torch.linspace(max(rho, r - s), r + s, 200_001, dtype=torch.float64)
    covered = (1 - (r * r + w * w - s * s) / (2 * r * w)) / 2
    expected = torch.trapezoid(covered / w**2, w)
    tensors = [torch.tensor(v, dtype=torch.float64) for v in (r, rho, s)]
    found, _ = descreening_integral(*tensors, engulfed=True)
    # trapezoid of 2e5 steps: error of order (1e-6)^2 times the second derivative, ~ 1e5
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


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


def with_force(force):
    system = make_system()
    system.addForce(force)
    return system


def changed_gb(**change):
    """The OBC1 model of implicit/obc1.xml with one energy expression changed."""
    system = make_system(model="amber14-obc1")
    gb = next(f for f in system.getForces() if isinstance(f, openmm.CustomGBForce))
    expression, kind = gb.getEnergyTermParameters(change["term"])
    gb.setEnergyTermParameters(change["term"], expression.replace(*change["text"]), kind)
    return system


REFUSED = {
    "constraints": (lambda: make_system(constraints=app.HBonds), "constraints"),
    "cutoff": (
        lambda: make_system(
            model="amber14-vacuum",
            nonbondedMethod=app.CutoffNonPeriodic,
            nonbondedCutoff=1 * unit.nanometer,
        ),
        "NonbondedForce has a cutoff",
    ),
    "unknown force": (lambda: with_force(openmm.CustomBondForce("r")), "CustomBondForce"),
    "barostat": (lambda: with_force(openmm.MonteCarloBarostat(1, 300)), "MonteCarloBarostat"),
    "second solvent": (lambda: with_force(openmm.GBSAOBCForce()), "2 implicit-solvent forces"),
    "salt": (
        lambda: make_system(model="amber14-obc1", implicitSolventKappa=1.0 / unit.nanometer),
        "CustomGBForce is not a known OBC",
    ),
    "other surface": (
        lambda: changed_gb(term=1, text=("^6", "^5")),
        r"energy term .*\(radius/B\)\^5",
    ),
    "uneven dielectric": (
        lambda: changed_gb(term=2, text=("-138.935485", "-130.0")),
        "do not belong together",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_refused_by_name(case):
    make, message = REFUSED[case]
    with pytest.raises(UsageError, match=message):
        ForceField.from_openmm(make())


def test_gbn2_is_refused_by_name():
    topology, _ = peptide("ala2")
    system = app.ForceField("amber14-all.xml", "implicit/gbn2.xml").createSystem(topology)
    with pytest.raises(UsageError, match="CustomGBForce is not a known OBC"):
        ForceField.from_openmm(system)


@pytest.mark.parametrize("shape", [(2, 21, 3), (22, 3), (2, 22, 2)])
def test_positions_of_another_shape_are_refused(shape):
    with pytest.raises(UsageError, match="22, 3"):
        force_field().energy(torch.zeros(shape, dtype=torch.float64))


def test_without_a_compiler_it_warns_once_and_runs(monkeypatch):
    def failing(function, **options):
        def call(*args):
            raise torch._dynamo.exc.InternalTorchDynamoError("no working C++ compiler")

        return call

    monkeypatch.setattr("molgen.md.forcefield.force_field._program", lambda: failing(None))
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
