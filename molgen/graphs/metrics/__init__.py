"""How far drawn graphs and molecules are from real ones, each number beside its floor."""
