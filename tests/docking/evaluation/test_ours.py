"""Our own docking under the judge, with a model of random weights."""

import numpy as np
import pytest

from molgen.chem.pocket import cut_pocket
from molgen.chem.pose_checks import is_valid, posebusters_checks
from molgen.chem.pose_surroundings import read_surroundings
from molgen.cli.main import main
from molgen.docking.confidence.evidence import disfavour
from molgen.docking.evaluation.cases import read_cases
from molgen.docking.evaluation.ours import DockerProgram
from molgen.docking.evaluation.results import load_results
from molgen.errors import UsageError
from molgen.steering import SteerPlan

FEW = ["docking.poses=3", "docking.shapes=2", "docking.steps=0"]


@pytest.fixture
def program(docking_checkpoint):
    return DockerProgram.load(docking_checkpoint, FEW, label="tiny")


def test_the_physics_row_is_what_docking_gives(program, folder):
    case = next(read_cases(folder, 0))
    answer = program.dock(case)["tiny-physics"]
    # nothing ranks by confidence
    assert program.rows == ("tiny-network", "tiny-physics", "tiny-valid")
    pocket = cut_pocket(case.receptor, case.centre)
    docked = program.docker.dock(pocket, case.ligand, seed=case.seed)
    assert np.array_equal(answer.poses, docked.poses)
    assert np.array_equal(answer.scores["energy"], docked.energy)


def test_the_valid_row_has_the_same_poses_those_that_pass_first(program, folder):
    case = next(read_cases(folder, 0))
    answers = program.dock(case)
    physics, valid = answers["tiny-physics"], answers["tiny-valid"]
    checks = posebusters_checks(case.ligand.molecule, valid.poses, read_surroundings(case.file))
    passed = [is_valid(one) for one in checks]
    assert passed == sorted(passed, reverse=True)
    assert sorted(valid.scores["energy"]) == sorted(physics.scores["energy"])


def test_the_network_row_holds_the_same_draws_before_physics_best_first(program, folder):
    answers = program.dock(next(read_cases(folder, 0)))
    network, physics = answers["tiny-network"], answers["tiny-physics"]
    assert len(network.poses) == 3 >= len(physics.poses)
    assert np.all(np.diff(network.scores["disfavour"]) >= 0)
    assert set(network.spent.seconds) == {"preparation", "network", "ranking"}
    assert set(physics.spent.seconds) == {"preparation", "network", "physics"}


def test_the_learned_row_holds_what_the_search_found_as_the_model_finds_each(
    docking_checkpoint, folder
):
    stages = ["physics", "learned"]
    program = DockerProgram.load(docking_checkpoint, FEW, label="tiny", stages=stages)
    case = next(read_cases(folder, 0))
    answers = program.dock(case)
    learned, physics = answers["tiny-learned"], answers["tiny-physics"]
    pocket = cut_pocket(case.receptor, case.centre)
    found = program.docker.refined(pocket, case.ligand, case.seed)
    model = program.docker.model
    alone = [disfavour(model, found.as_drawn(pose[None])).item() for pose in found.poses]
    order = np.argsort(alone, kind="stable")
    assert np.allclose(learned.scores["disfavour"], np.array(alone)[order], rtol=1e-4)
    assert np.array_equal(learned.scores["energy"], found.energy.double().numpy()[order])
    assert sorted(learned.scores["energy"]) == sorted(physics.scores["energy"])


def test_the_same_search_without_a_network_has_a_row_where_it_is_asked_for(
    docking_checkpoint, folder
):
    stages = ["physics", "random"]
    program = DockerProgram.load(docking_checkpoint, FEW, label="tiny", stages=stages)
    answer = program.dock(next(read_cases(folder, 0)))["tiny-random"]
    assert np.all(np.diff(answer.scores["energy"]) >= 0)
    assert "network" not in answer.spent.seconds


def test_steered_poses_have_rows_that_say_what_steered_them(docking_checkpoint, folder, program):
    plan = SteerPlan.of(["vinardo:5"], particles=4)
    steered = DockerProgram.load(docking_checkpoint, FEW, label="tiny", steering=plan)
    assert steered.identity["steering"]["by"] == ["vinardo:5"]
    assert "steering" not in program.identity
    case = next(read_cases(folder, 0))
    mean = {}
    for name, one in (("free", program), ("steered", steered)):
        pocket = cut_pocket(case.receptor, case.centre)
        found = one.docker.refined(pocket, case.ligand, case.seed)
        answer = one.dock(case)["tiny-physics"]
        assert np.allclose(sorted(answer.scores["energy"]), sorted(found.energy.double().numpy()))
        mean[name] = found.physics.scoring.intermolecular(found.drawn).mean().item()
    assert mean["steered"] < mean["free"]
    with pytest.raises(
        UsageError, match="feynman-kac cannot use the solver heun; choose ancestral"
    ):
        DockerProgram.load(docking_checkpoint, [*FEW, "solver=heun"], steering=plan)
    with pytest.raises(UsageError, match="vinado"):
        DockerProgram.load(docking_checkpoint, FEW, steering=SteerPlan.of(["vinado:5"]))


@pytest.mark.parametrize(
    ("stage", "message"), [("fysics", "no stage 'fysics'"), ("confidence", "docking.confidence=")]
)
def test_a_stage_that_cannot_be_is_refused(docking_checkpoint, stage, message):
    with pytest.raises(UsageError, match=message):
        DockerProgram.load(docking_checkpoint, FEW, stages=[stage])


def test_an_option_that_there_is_not_is_refused(docking_checkpoint):
    with pytest.raises(UsageError, match="posse"):
        DockerProgram.load(docking_checkpoint, ["docking.posse=3"])


def test_the_command_writes_a_table_and_goes_on(docking_checkpoint, folder, tmp_path, capsys):
    words = ["evaluate", "docking", "--complexes", str(folder), "--limit", "1", "--label", "tiny"]
    words += ["--model", str(docking_checkpoint), "-n", "2", "--set", "docking.steps=0"]
    words += ["--output", str(tmp_path / "out")]
    assert main(words) == 0
    first = load_results(tmp_path / "out").rows
    assert [row.program for row in first] == ["tiny-network", "tiny-physics", "tiny-valid"]
    assert "| tiny-physics " in capsys.readouterr().out
    assert main(words) == 0
    assert load_results(tmp_path / "out").rows == first
    assert main([*words, "--set", "docking.steps=2"]) == 2
    assert "holds another run" in capsys.readouterr().err
