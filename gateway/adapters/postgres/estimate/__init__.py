"""About how many rows a statement is, as the server's planner guesses it, without running anything of it.

Central type: `rows.Estimates`, one for a session.
"""
