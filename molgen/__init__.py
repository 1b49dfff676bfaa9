"""molgen: scientific diffusion for molecules. One model that samples and simulates."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module:name. Loaded on first use, so that `import molgen` needs no torch.
_PUBLIC = {
    "MolgenError": "molgen.errors:MolgenError",
    "UsageError": "molgen.errors:UsageError",
    "Recipe": "molgen.config:Recipe",
    "load_recipe": "molgen.config:load_recipe",
    "Checkpoint": "molgen.checkpoint:Checkpoint",
    "load_checkpoint": "molgen.checkpoint:load",
    "System": "molgen.md.system:System",
    "load_system": "molgen.md.system:load_system",
    "sample": "molgen.sampler:sample",
    "Conditions": "molgen.graphs.conditions:Conditions",
    "load_graphs": "molgen.graphs.convert:load_graphs",
    "prepare_pyg": "molgen.graphs.data.prepare_graphs:prepare_pyg",
    "to_rdkit": "molgen.graphs.convert:to_rdkit",
    "to_networkx": "molgen.graphs.convert:to_networkx",
    "to_pyg": "molgen.graphs.convert:to_pyg",
    "simulate": "molgen.md.simulate:simulate",
    "emulate": "molgen.md.peptides.emulate:emulate",
    "LadderOptions": "molgen.md.dynamics.levels:LadderOptions",
    "reweight": "molgen.md.reweight:reweight",
    "dock": "molgen.docking.run:dock",
    "diagnose": "molgen.diagnosis:diagnose",
    "SteerPlan": "molgen.steering:SteerPlan",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'molgen' has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
