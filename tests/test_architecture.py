"""The import rules that keep the house's rooms apart, read from the source."""

import ast
import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "molgen"
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
FILES = sorted(PACKAGE.rglob("*.py"))

HOUSE = {
    "arrays",
    "errors",
    "units",
    "toml",
    "files",
    "resources",
    "config",
    "config_layers",
    "families",
    "checkpoint",
    "weights",
    "parts",
    "evaluation",
    "memory",
    "results",
    "run",
}
"""Modules beside the packages that a pillar may use; none of them knows a pillar."""

PILLARS = {"graphs", "docking", "md"}

MAY_IMPORT = {
    # package or module: what of molgen it may import besides itself
    "core": {"errors"},
    "nn": {"core", "errors"},
    "chem": {"errors", "files", "units"},
    **{
        pillar: {
            "core",
            "nn",
            "chem",
            "task",
            "sampler",
            "likelihood",
            "consistency",
            "members",
            "trained",
            "effort",
            "steering",
            "rewards",
            *HOUSE,
        }
        for pillar in PILLARS
    },
    **{module: HOUSE for module in HOUSE},
    "task": {"core"},
    "solver": {"core", *HOUSE},
    "grid": {"core", *HOUSE},
    "sampler": {"core", "grid", "solver", "tuned", *HOUSE},
    "tuned": {"core", *HOUSE},
    "likelihood": {"core", "grid", "trained", *HOUSE},
    "consistency": {"core", "likelihood", "sampler", "trained", *HOUSE},
    "effort": {"core", "solver", *HOUSE},
    "members": HOUSE,
    "rewards": {"core", *HOUSE},
    "steering": {"core", "rewards", "sampler", "solver", *HOUSE},
    "trained": {"core", "sampler", *HOUSE},
    "objective": {"core", "task"},
    "train": {"core", "objective", "task", *HOUSE},
}

OWNERS = {
    # heavy library: the only files that import it
    "openmm": [
        "md/forcefield/*.py",
        "md/*/openmm*.py",
        "md/system/build.py",
        "md/peptides/structure.py",
        "bench/md.py",
        "bench/peptides.py",
    ],
    "openmmml": ["md/*/openmm*.py"],
    "pymbar": ["md/mbar.py"],
    "mdtraj": ["md/output.py", "md/system/build.py"],
    "matplotlib": ["report/*.py"],
    "lightning": ["train.py"],
    "tensorboard": ["train.py"],
    "rdkit": ["chem/*.py"],
    "meeko": ["chem/pdbqt.py"],
    "vina": ["docking/evaluation/vina.py"],
    "rustina": ["docking/evaluation/rustina.py"],
    "fcd": ["graphs/metrics/fcd.py"],
    "torch_geometric": ["graphs/convert.py"],
    "typer": ["cli/*.py"],
}

OPTIONAL = {"meeko", "openmmml", "rustina", "torch_geometric", "vina"}
"""Imported by an adapter that only its own users load; not installed with molgen."""

CORE_MAY_USE = {"torch", "numpy", "scipy", "molgen", *sys.stdlib_module_names}


def imports(path: Path) -> Iterator[str]:
    """Full names of everything a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write it in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    """The package below molgen that a file is in, or its own name."""
    return relative(path).split("/")[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_file_imports_only_what_its_place_allows(path):
    here = room(path)
    for name in imports(path):
        top, *inner = name.split(".")
        if here == "core":
            assert top in CORE_MAY_USE, f"core knows only torch and numbers: {name}"
        if top == "molgen" and inner and here in MAY_IMPORT:
            target = inner[0]
            is_room = (PACKAGE / target).is_dir() or (PACKAGE / f"{target}.py").is_file()
            assert not is_room or target in {here, *MAY_IMPORT[here]}, f"{here} imports {name}"
        owners = OWNERS.get(top.removesuffix("_fabric"), ["*"])
        assert any(fnmatch.fnmatch(relative(path), owner) for owner in owners), (
            f"{name} is imported only in {', '.join(owners)}"
        )


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_public_name_is_explained(path):
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"line {node.lineno}: {node.name} has no docstring"


@pytest.mark.parametrize("module", ["molgen", "molgen.cli.main"])
def test_the_command_line_starts_without_anything_heavy(module):
    code = f"import {module}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    heavy = {"torch", "numpy", "scipy", "pydantic", "openmm", "mdtraj", "matplotlib", "lightning"}
    assert not loaded & (heavy | {"lightning_fabric", "safetensors"})


def test_every_public_name_of_the_package_exists():
    import molgen

    for name in molgen.__all__:
        assert getattr(molgen, name) is not None


def test_what_is_imported_is_what_is_declared():
    declared = {
        re.match(r"[\w-]+", requirement)[0].replace("-", "_")
        for requirement in PROJECT["dependencies"]
    }
    names = {name for path in FILES for name in imports(path)}
    used = {name.split(".")[0] for name in names} - {"molgen", *sys.stdlib_module_names} - OPTIONAL
    if any(name.startswith("torch.utils.tensorboard") for name in names):
        used.add("tensorboard")  # which torch imports for us
    assert used == declared


def test_every_entry_point_of_the_package_leads_to_a_definition():
    """Without importing it: a wrong one would break `import openmmml` for everybody."""
    groups = [PROJECT["scripts"], *PROJECT["entry-points"].values()]
    for target in (target for group in groups for target in group.values()):
        module, _, name = target.partition(":")
        tree = ast.parse((PACKAGE.parent / f"{module.replace('.', '/')}.py").read_text())
        assert name in {getattr(node, "name", None) for node in tree.body}, target
