"""Reads the line that somebody is about to run in an interactive program, from what both sides of a terminal sent.

Its central type is `LineWatch` (`line.py`). Witnesses: the screen (`screen.py`), the keys (`keys.py`), and what a
shell says of itself (`zones.py`). It is an aid and no evidence; it never waits, never writes, and never raises.
"""
