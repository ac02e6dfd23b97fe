"""Fetches the credentials that the gateway uses toward targets, at the moment they are used.

Central type: `references.ReferenceSecrets`. Only the composition root may enter; nothing here is logged, and only
what comes over a network is kept, for a moment (`cached.py`).
"""
