import errno

import pytest

import molgen
from molgen.cli import list_shipped
from molgen.cli.main import main
from molgen.errors import MolgenError, UsageError
from molgen.resources import names

COMMANDS = [
    ["demo"],
    ["list"],
    ["train"],
    ["sample"],
    ["sample", "graphs"],
    ["sample", "md"],
    ["simulate"],
    ["dock"],
    ["evaluate"],
    ["evaluate", "md"],
    ["report"],
    ["md"],
    ["md", "generate"],
    ["data"],
    ["data", "prepare"],
    ["data", "prepare-complexes"],
    ["bench"],
    ["bench", "md"],
    ["bench", "graphs"],
]


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_command_explains_itself(command, capsys):
    assert main([*command, "--help"]) == 0
    assert "Usage: molgen" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"molgen {molgen.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sampel"], "No such command"),
        (["train"], "Missing argument"),
        (["train", "no_such_recipe"], "no recipe named 'no_such_recipe'"),
        (["train", "x", "--stpes", "3"], "No such option"),
        (["sample", "md", "-m", "ala2", "-n", "many"], "--count"),
        (["sample", "graphs", "-m", "ala2", "-n", "0"], "--count"),
        (["simulate", "ala2"], "--ps"),
        (["simulate", "ala2", "--ps", "1", "--ns", "1"], "--ps"),
        (["simulate", "ala2", "--ps", "1", "--engine", "gromacs"], "gromacs"),
        (["list", "everything"], "everything"),
    ],
)
def test_input_that_cannot_be_used_gives_exit_2_and_one_line(words, message, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("molgen: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("a.toml: bad"), 2, "molgen: a.toml: bad\n"),
        (
            MolgenError("chain 3 left at step 7,\n  t = 0.1 ps"),
            1,
            "chain 3 left at step 7, t = 0.1",
        ),
        (KeyboardInterrupt(), 130, "molgen: interrupted\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.xtc"), 1, "a.xtc: No space left"),
        (ModuleNotFoundError("No module named 'openmm'", name="openmm"), 1, "needs openmm"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_failure_is_one_line_and_an_exit_code(error, code, line, monkeypatch, capsys):
    def fail(_):
        raise error

    monkeypatch.setattr(list_shipped, "described", fail)
    assert main(["list", "systems"]) == code
    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.err.count("\n") == 1


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(list_shipped, "described", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # a defect is never hidden
        main(["list", "systems"])
    with pytest.raises(UsageError):
        main(["--debug", "train", "no_such_recipe"])


@pytest.mark.parametrize(
    ("what", "kind"),
    [("systems", "systems"), ("recipes", "simulations"), ("checkpoints", "checkpoints")],
)
def test_list_shows_every_shipped_name(what, kind, capsys):
    assert main(["list", what]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == names(kind)


def test_md_generate_makes_a_frame_folder_and_refuses_another_run_in_it(tmp_path, capsys):
    folder = str(tmp_path / "frames")
    words = ["md", "generate", "double_well_1d", "-o", folder, "--set", "burn_in_ps=1"]
    assert main([*words, "--frames", "500"]) == 0
    assert capsys.readouterr().out.strip() == folder
    assert (tmp_path / "frames" / "meta.json").is_file()
    assert main([*words, "--frames", "500", "--seed", "1"]) == 2
    assert "another run" in capsys.readouterr().err
    assert main([*words, "--set", "burnin_ps=1"]) == 2
    assert "did you mean 'burn_in_ps'" in capsys.readouterr().err
