"""Decides what an operation may do. Pure: the same rules, operation and session always give the same verdict.

Central type: `rules.Policy`, made by `loader.load_policy`, asked by `decide.decide`. It never waits, reads no
file, and knows no clock.
"""
