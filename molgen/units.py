"""Units inside molgen: nm, ps, kJ/mol, amu, K. Files in Angstrom are converted at their readers."""

KB = 0.00831446261815324
"""Boltzmann constant, kJ/mol/K (CODATA 2018, exact)."""

ANGSTROM = 0.1
"""One Angstrom in nm."""


def kT(temperature_K: float) -> float:
    """Thermal energy k_B T in kJ/mol at a temperature in K."""
    return KB * temperature_K
