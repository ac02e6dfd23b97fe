"""The operator's command, `hoop-gateway`. Central module: `main`; each command is a function in its own module.

Nothing imports from here. Commands import what they need when they run, so that `--help` stays instant.
"""
