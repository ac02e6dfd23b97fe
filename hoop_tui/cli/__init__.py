"""The commands of `hoop-tui`. `main.py` names them and imports nothing heavy; the others do the work."""
