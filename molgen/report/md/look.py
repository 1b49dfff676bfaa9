"""How sources of conformers look and are called, and the colours of free energies."""

from matplotlib.colors import LinearSegmentedColormap

UNSEEN = "#eef0f3"
"""Bins that no frame visited."""

COLOURS = {"reference": "#3a4454", "iid": "#0072b2", "simulation": "#d55e00"}
"""Source -> colour (Okabe & Ito 2008)."""
LABELS = {"reference": "Reference", "iid": "Samples", "simulation": "Simulation"}
SYMBOLS = {"phi": "φ", "psi": "ψ", "omega": "ω", "chi1": "χ₁"}

ENERGY = LinearSegmentedColormap.from_list(
    "energy",
    ["#08142e", "#0c3a66", "#11648c", "#2c909c", "#74bda0", "#bfe0b8", "#eef7dd"],
)
"""Free energy: deep where frames are many, pale where few; lightness rises monotonically."""

DIFFERENCE = LinearSegmentedColormap.from_list(
    "difference",
    ["#0b3c7d", "#2f7fc1", "#9cc9e8", "#fbfaf7", "#f6bd8a", "#d9691f", "#8a2f06"],
)
"""Differences: blue below, orange above, white at none."""


def symbol(name: str) -> str:
    """A coordinate's name as it is printed: phi -> φ."""
    return SYMBOLS.get(name, name)
