"""The vocabulary every other room speaks: operations, verdicts, people, targets, events, ports, errors.

Standard library only. Central type: `operation.Operation`. Every room may import from here; this room
imports nothing of ours outside itself.
"""
