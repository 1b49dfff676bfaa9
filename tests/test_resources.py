import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import molgen
from molgen import resources
from molgen.errors import UsageError

ROOT = Path(__file__).parent.parent


def test_every_shipped_system_is_found_by_name_and_by_path():
    known = resources.names("systems")
    assert "ala2" in known
    for name in known:
        folder = resources.find("systems", name)
        assert (folder / "system.toml").is_file()
        assert resources.find("systems", folder) == folder
        assert resources.find("systems", folder / "system.toml") == folder


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(UsageError, match="no system named 'alaa2'; did you mean 'ala2'"):
        resources.find("systems", "alaa2")


def test_a_missing_path_is_named_as_it_was_given(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere/at_all.toml: no such recipe"):
        resources.find("simulations", "nowhere/at_all.toml")


def test_a_users_folder_does_not_hide_a_shipped_name(tmp_path, monkeypatch):
    (tmp_path / "ala2").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resources.find("systems", "ala2") == resources.shipped("systems") / "ala2"
    assert resources.find("systems", "./ala2") == Path("ala2")
    assert resources.find("systems", "mine") == Path("mine")


def test_the_users_data_directory_follows_the_environment(monkeypatch):
    for name in ("MOLGEN_DATA", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    assert resources.user_data() == Path("/home/ann/.local/share/molgen")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert resources.user_data() == Path("/data/molgen")
    monkeypatch.setenv("MOLGEN_DATA", "/big/sets")
    assert resources.user_data() == Path("/big/sets")


def test_prepared_data_is_found_by_name_after_what_is_shipped(tmp_path, monkeypatch):
    monkeypatch.setenv("MOLGEN_DATA", str(tmp_path))
    for name in ("qm9", "mueller_brown", "unfinished"):
        (tmp_path / name).mkdir()
        if name != "unfinished":
            (tmp_path / name / "meta.json").write_text("{}")
    assert resources.prepared() == ["mueller_brown", "qm9"]
    assert resources.find("data", "qm9") == tmp_path / "qm9"
    assert resources.find("data", "mueller_brown") == resources.shipped("data") / "mueller_brown"
    with pytest.raises(UsageError, match="no data set named 'unfinished'"):
        resources.find("data", "unfinished")


def test_a_wheel_carries_the_shipped_files_and_only_molgen(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    assert {path.name for path in installed.iterdir()} == {
        "molgen",
        f"molgen-{molgen.__version__}.dist-info",
    }
    listed = subprocess.run(
        [sys.executable, "-m", "molgen.cli.main", "list", "systems"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert [line.split()[0] for line in listed.stdout.splitlines()] == resources.names("systems")
