"""molgen: scientific diffusion for molecules. One model that samples and simulates."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> where it lives. Loaded on first use, so that `import molgen` needs no torch.
_PUBLIC = {
    "MolgenError": "molgen.errors",
    "UsageError": "molgen.errors",
    "Recipe": "molgen.config",
    "load_recipe": "molgen.config",
    "Checkpoint": "molgen.checkpoint",
    "load_checkpoint": "molgen.checkpoint",
    "System": "molgen.md.system",
    "load_system": "molgen.md.system",
    "sample": "molgen.md.sample",
    "simulate": "molgen.md.simulate",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'molgen' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
