"""The double well that an evaluation is tested on, and a short evaluation."""

from molgen.md.dynamics.chains import Dynamics
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.system import load_system

SYSTEM = load_system("double_well_1d")

DYNAMICS = Dynamics(
    SYSTEM.masses, SYSTEM.kT, SYSTEM.timestep_ps, SYSTEM.friction_per_ps, free=False
)

OPTIONS = EvaluateTable(
    samples=10_000,
    published_size=5000,
    steps=20,
    chains=200,
    time_ps=40.0,
    equilibration_ps=10.0,
    curve_evaluations=(5, 40),
    curve_samples=2000,
    compile=False,
)
