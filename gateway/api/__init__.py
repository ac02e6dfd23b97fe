"""The HTTP API that staff tools use. `schema.py` is the contract; `hoop_tui` imports that module and no other."""
