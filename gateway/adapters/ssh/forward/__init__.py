"""Forwarded connections (`-L`, `-R`, `-D`, `-W`): named by a rule, recorded byte for byte, or refused.

Its ways in are `roads.py`, for one connection, and `session.py`, the session that all its forwards share.
"""
