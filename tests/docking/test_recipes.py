"""The recipes of docking train in smoke size, one upon the other, and what they make docks."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from molgen import checkpoint
from molgen.chem.ligand import read_ligand
from molgen.chem.pocket import centre_of_ligand, cut_pocket
from molgen.chem.receptor import read_receptor
from molgen.cli.main import main
from molgen.config import load_recipe
from molgen.core.models import EnergyModel
from molgen.demo_docking import demo_docking
from molgen.docking import task
from molgen.docking.confidence.evidence import EVIDENCE
from molgen.docking.confidence.task import restore
from molgen.docking.data.judge_poses import judge_poses
from molgen.docking.data.pose_set import PoseSet
from molgen.docking.data.prepare import prepare
from molgen.docking.data.system_set import SystemSet
from molgen.docking.dock import Docker
from molgen.docking.options import DockTable
from tests.docking.complexes import complexes, lay_out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Crystal complexes, prepared in a file beside their folder."""
    folder = tmp_path_factory.mktemp("crystals")
    assert not prepare(lay_out(folder / "pdb"), folder / "set.npz", variants=2)
    return folder


def trained(name: str, run: Path, *changes: str) -> dict[str, Any]:
    """The last line of the log of a recipe trained in smoke size into a folder."""
    words = [word for change in changes for word in ("--set", change)]
    assert main(["train", name, "--smoke", *words, "-o", str(run), "--accelerator", "cpu"]) == 0
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert all(math.isfinite(value) for line in log for value in line.values())
    last: dict[str, Any] = log[-1]
    return last


@pytest.fixture(scope="module")
def drawer(folder: Path) -> Path:
    """A run of the shipped recipe."""
    last = trained("docking", folder / "run", f'data.complexes=["{folder}/set.npz"]')
    assert {"held_out/denoising/trans", "held_out/fokker_planck"} <= last.keys()
    return folder / "run"


def test_a_score_trains_by_denoising_alone(folder: Path) -> None:
    data = f'data.complexes=["{folder}/set.npz"]'
    last = trained("ablation/docking_score", folder / "score", data)
    assert {"held_out/denoising/trans", "held_out/denoising/rot"} <= last.keys()
    assert "held_out/fokker_planck" not in last
    assert not isinstance(task.restore(checkpoint.load(folder / "score")), EnergyModel)


def test_a_trained_model_docks_and_the_same_seed_gives_the_same(drawer: Path) -> None:
    protein, file = complexes()["1s3v"]
    ligand = read_ligand(file)
    pocket = cut_pocket(read_receptor(protein), centre_of_ligand(ligand), 1.0)
    docker = Docker.load(drawer, DockTable(poses=3, shapes=2, chains=4, steps=1, found=3))
    one, again, other = (docker.dock(pocket, ligand, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.poses, again.poses)
    assert not np.allclose(one.poses[0], other.poses[0])
    assert (np.diff(one.energy) >= 0).all()


def test_confidence_trains_on_judged_poses(drawer: Path, folder: Path) -> None:
    docker = Docker.load(drawer, DockTable(poses=4, shapes=2, chains=4, steps=1, found=3))
    assert not judge_poses(docker, folder / "pdb", folder / "poses")
    found = PoseSet.load(folder / "poses")
    for judged in found.judged:
        assert judged.evidence.shape == (len(judged.rmsd), len(EVIDENCE))
        assert (judged.evidence[:, 1] >= 0).all()  # energies above the best
        assert judged.evidence[0, 1] == judged.evidence[0, 2] == 0
        assert judged.evidence[:, EVIDENCE.index("disfavour above the least")].min() == 0
    last = trained("docking_confidence", folder / "confidence", f'data.poses=["{folder}/poses"]')
    assert {"held_out/log_loss", "held_out/choice", "held_out/top_1"} <= last.keys()
    restore(checkpoint.load(folder / "confidence"))

    protein, file = complexes()["1s3v"]
    ligand = read_ligand(file)
    pocket = cut_pocket(read_receptor(protein), centre_of_ligand(ligand), 1.0)
    table = DockTable(poses=3, shapes=2, steps=0, confidence=str(folder / "confidence"))
    docked = Docker.load(drawer, table).dock(pocket, ligand)
    assert docked.confidence is not None
    assert ((docked.confidence > 0) & (docked.confidence < 1)).all()
    assert (np.diff(docked.confidence) <= 0).all()


def test_poses_to_learn_confidence_from_may_be_of_complexes_that_the_model_has_not_seen(
    drawer: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "judge-poses", str(folder / "pdb"), "--held-out", "--poses=2", "--search=0"]
    assert main([*words, "--model", str(drawer), "-o", str(tmp_path / "poses")]) == 0
    names = list(SystemSet.load(folder / "set.npz").names)
    unseen = list(PoseSet.load(tmp_path / "poses").systems.names)
    assert unseen == task.held_out_of(checkpoint.load(drawer))
    assert len(unseen) == round(0.3 * len(names))

    older = shutil.copytree(drawer / "checkpoint", tmp_path / "older")
    meta = json.loads((older / "meta.json").read_text())
    del meta["data"]["held_out"]
    (older / "meta.json").write_text(json.dumps(meta))
    assert main([*words, "--model", str(older), "-o", str(tmp_path / "more")]) == 2
    assert "docking does not say which complexes were held out" in capsys.readouterr().err


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_said_to_be_held_out_is_never_trained_on(folder: Path, times: int) -> None:
    complexes = SystemSet.load(folder / "set.npz")
    table = ", ".join([f'"{folder}/set.npz"'] * times)  # twice: each complex by the same name
    recipe = load_recipe("docking", ["data.held_out=0.5", f"data.complexes=[{table}]"])
    built = task.build(recipe)
    generator = torch.Generator().manual_seed(0)
    drawn = {int(n) for _ in range(30) for n in built.draw(16, generator).given["atom_mask"].sum(1)}
    sizes = {
        name: len(own[0].atoms)
        for name, own in zip(complexes.names, complexes.variants, strict=True)
    }
    unseen = built.meta["data"]["held_out"]
    assert len(set(sizes.values())) == len(sizes)  # a size tells which complex it is
    assert drawn == {size for name, size in sizes.items() if name not in unseen}


def test_the_demo_docks_and_reports(drawer: Path, tmp_path: Path) -> None:
    done, report = demo_docking(tmp_path / "demo", model=str(drawer), poses=2)
    assert done.rows
    assert report.read_text().startswith("<!doctype html>")
    assert (tmp_path / "demo" / "poses.sdf").is_file()
