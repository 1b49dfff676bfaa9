import errno
import multiprocessing

import pytest

from molgen.errors import MolgenError, UsageError
from molgen.files import claim_folder, locked, read_json, write_json, write_text, written_whole


def test_an_interrupted_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def stop_halfway():
        with written_whole(path) as temporary:
            temporary.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line_that_names_the_file(tmp_path):
    with (
        pytest.raises(MolgenError, match=r"a\.npz: cannot be written: No space left"),
        written_whole(tmp_path / "a.npz"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_broken_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UsageError, match=r"a\.json: is not JSON"):
        read_json(tmp_path / "a.json")


def test_a_folder_belongs_to_one_run(tmp_path):
    folder = tmp_path / "run"
    assert claim_folder(folder, {"seed": 1, "levels": (1, 2)}) is False
    assert claim_folder(folder, {"seed": 1, "levels": (1, 2)}) is True
    with pytest.raises(UsageError, match=r"holds another run \(seed is 1 there, 2 here\)"):
        claim_folder(folder, {"seed": 2, "levels": (1, 2)})
    with pytest.raises(UsageError, match=r"levels is \[1, 2\] there, None here"):
        claim_folder(folder, {"seed": 1})


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    write_json(tmp_path / "thesis.json", {})
    with pytest.raises(UsageError, match="holds no run"):
        claim_folder(tmp_path, {})
    with pytest.raises(UsageError, match="is not an empty folder"):
        claim_folder(tmp_path / "thesis.json", {})


def _try_lock(folder, answer):
    try:
        with locked(folder):
            answer.put("free")
    except UsageError as error:
        answer.put(str(error))


def test_two_processes_never_write_into_one_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    with locked(tmp_path):
        other = context.Process(target=_try_lock, args=(tmp_path, answer))
        other.start()
        other.join()
        assert "another process is writing here" in answer.get(timeout=5)
    other = context.Process(target=_try_lock, args=(tmp_path, answer))
    other.start()
    other.join()
    assert answer.get(timeout=5) == "free"
