"""Systems, recipes, data and weights that come with molgen, in a wheel or in a checkout."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from molgen.errors import MolgenError, UsageError

_PACKAGE = Path(__file__).resolve().parent

_KINDS = {
    # kind: (folder, file that marks an entry)
    "systems": ("systems", "system.toml"),
    "simulations": ("simulations", None),
    "data": ("data", "README.md"),
    "checkpoints": ("data/checkpoints", "config.toml"),
}
_NOUNS = {
    "systems": "system",
    "simulations": "recipe",
    "data": "data set",
    "checkpoints": "checkpoint",
}


def shipped(kind: str) -> Path:
    """The folder of what is shipped: `systems`, `simulations`, `data` or `checkpoints`.

    A wheel carries them as `molgen/_shipped/`; a checkout has them beside the package.
    """
    folder, _ = _KINDS[kind]
    packed = _PACKAGE / "_shipped"
    if packed.is_dir():
        return packed / folder
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        return _PACKAGE.parent / folder
    raise MolgenError(f"{_PACKAGE}: shipped files are missing; install molgen again")


def user_data() -> Path:
    """The user's own data directory, where prepared data sets go and `find("data", ...)` looks.

    `$MOLGEN_DATA`, else `$XDG_DATA_HOME/molgen`, else `~/.local/share/molgen`.
    """
    if own := os.environ.get("MOLGEN_DATA"):
        return Path(own).expanduser()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "molgen"


def prepared() -> list[str]:
    """Names of the data sets in the user's data directory, sorted; `find("data", ...)` takes them.

    A data set is a folder with a `meta.json`, which is written last.
    """
    return sorted(path.parent.name for path in user_data().glob("*/meta.json"))


def names(kind: str) -> list[str]:
    """Names of everything shipped of a kind, sorted; each is accepted by `find`.

    Recipes in a subfolder come last, as `ablation/alanine_dipeptide_plain`.
    """
    root, (_, mark) = shipped(kind), _KINDS[kind]
    if mark is None:
        found = [path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.toml")]
        return sorted(found, key=lambda name: (name.count("/"), name))
    return sorted(path.parent.name for path in root.glob(f"*/{mark}"))


def find(kind: str, name_or_path: str | Path) -> Path:
    """The path of something shipped, by its name, or of the user's own, by its path.

    A name is looked up among the shipped ones first, then (for `data`) among the prepared ones;
    anything else with a slash or a suffix is a path, which of `data` may begin with such a name.

    Args:
        kind: `systems`, `simulations`, `data` or `checkpoints`.
        name_or_path: such as `alanine_dipeptide` or `./my/system`.

    Returns:
        The recipe file for `simulations`, else the folder.

    Raises:
        UsageError: nothing there; close shipped names are suggested.
    """
    text = str(name_or_path)
    known = names(kind)
    if text in known:
        return shipped(kind) / (f"{text}.toml" if kind == "simulations" else text)
    if kind == "data":
        own = prepared()
        if text in own:
            return user_data() / text
        known = [*known, *own]
        name, slash, within = text.partition("/")
        if slash and name in known and (find(kind, name) / within).exists():
            return find(kind, name) / within
    path = Path(text).expanduser()
    if path.exists():
        is_mark = _KINDS[kind][1] is not None and path.name == _KINDS[kind][1]
        return path.parent if is_mark else path
    noun = _NOUNS[kind]
    if os.sep in text or path.suffix:
        raise UsageError(f"{text}: no such {noun} file or folder{did_you_mean(path.stem, known)}")
    hint = did_you_mean(text, known) or f" (there are: {', '.join(known) or 'none'})"
    raise UsageError(f"no {noun} named '{text}'{hint}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
