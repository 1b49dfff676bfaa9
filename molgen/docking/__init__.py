"""Docking: rigid fragments of a ligand that diffuse on SE(3) into a protein's pocket."""
