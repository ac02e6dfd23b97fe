"""psql inside the gateway, in a cage: it can use its terminal and speak to its one target, and do nothing else.

Its central type is `run_caged`. `launch.py` is what runs in the new process; it shuts the cage around itself and
becomes psql. docs/psql-in-the-bastion.md says what the cage keeps in, and what it does not.
"""
