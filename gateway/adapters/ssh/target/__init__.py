"""A target's side: whether its host key counts, what is shown to be let in, and one channel on it.

`upstream.py`, one floor up, puts them together.
"""
