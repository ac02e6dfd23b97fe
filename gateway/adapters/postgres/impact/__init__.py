"""What a held statement would do, asked of its database on the side: plans, sizes, dependants, and dry runs.

Central type: `source.PostgresImpact`. A dry run is tried in a transaction that is always rolled back, and only where
`gateway/session/database/trying.py` and `undone.py` can tell that rolling back undoes all of it.
"""
