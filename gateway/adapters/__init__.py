"""Doors: one package per protocol that people speak to the gateway, always `adapter.py`, `session.py`, `upstream.py`.

Central type: `base.Adapter`. An adapter only translates: it asks the Lobby who somebody is, gets a Gate, and passes
everything through it. Adapters do not know each other, and nothing below knows them.
"""
