"""Hints between the parts of a gateway: something changed, look again. The ledger stays the truth.

Central type: `inprocess.InProcessBus`. Only the composition root makes one; everybody else sees `core.ports.Bus`.
"""
