"""Training by several processes, or on a GPU, is the training that one CPU does."""

import os
import subprocess
import sys

import pytest
import torch

from molgen import checkpoint
from molgen.objective import Objective
from molgen.train import learning_rate, train
from tests.runs import Interrupted, interrupt_at, log_of


def launch(path, folder, *words):
    command = [sys.executable, "-m", "molgen.cli.main", "train", path, "-o", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--accelerator", "cpu", *words],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_mean_of_their_gradients(
    well_recipe, write_recipe, tmp_path
):
    launch(write_recipe(), tmp_path / "two", "--devices", "2")
    saved = checkpoint.load(tmp_path / "two").train_state()
    assert len(saved["generators"]) == 2
    assert not torch.equal(*saved["generators"])  # each draws batches of its own
    assert [line["step"] for line in log_of(tmp_path / "two") if "loss" in line] == [
        7 * k for k in range(1, 6)
    ]
    assert len((tmp_path / "two" / "starts.jsonl").read_text().splitlines()) == 1

    config, task = well_recipe.train, well_recipe.task_module().build(well_recipe)
    objective = Objective(task)
    optimiser = torch.optim.AdamW(task.model.parameters(), weight_decay=0.0)
    generators = [torch.Generator().manual_seed(well_recipe.seed + 1 + rank) for rank in range(2)]
    for step in range(config.steps):
        optimiser.param_groups[0]["lr"] = learning_rate(config, step)
        losses = [objective(config.batch_size, generator)[0] for generator in generators]
        (0.5 * sum(losses)).backward()
        torch.nn.utils.clip_grad_norm_(task.model.parameters(), config.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
    for name, value in task.model.state_dict().items():
        # Sums in another order: float32, amplified by Adam where gradients are small.
        torch.testing.assert_close(saved["weights"][name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(well_recipe, write_recipe, tmp_path):
    with pytest.raises(Interrupted):
        train(well_recipe, tmp_path / "a", progress=interrupt_at(12))
    launch(write_recipe(), tmp_path / "a", "--devices", "2", "--resume")
    assert checkpoint.load(tmp_path / "a").meta["step"] == 40


@pytest.mark.gpu
def test_a_run_on_a_gpu_is_resumed(well_recipe, tmp_path):
    """And learns what it learns on the CPU, by other random numbers."""
    train(well_recipe, tmp_path / "whole", accelerator="cuda")
    with pytest.raises(Interrupted):
        train(well_recipe, tmp_path / "torn", accelerator="cuda", progress=interrupt_at(25))
    train(well_recipe, tmp_path / "torn", accelerator="cuda", resume=True)
    whole, torn = checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "torn")
    for name, value in whole.weights.items():
        # Sums on a GPU may come in another order.
        torch.testing.assert_close(torn.weights[name], value, atol=1e-4, rtol=1e-3)
    train(well_recipe, tmp_path / "cpu", accelerator="cpu")
    cpu = checkpoint.load(tmp_path / "cpu").meta["metrics"]["held_out/denoising/pos"]
    assert whole.meta["metrics"]["held_out/denoising/pos"] == pytest.approx(cpu, rel=0.2)
