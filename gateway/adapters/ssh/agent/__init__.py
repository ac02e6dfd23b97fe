"""The person's agent, lent to a target that may have it.

`protocol.py` reads what the target asks of it, `forwarding.py` has that judged.
"""
