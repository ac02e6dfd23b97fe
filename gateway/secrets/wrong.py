"""The faults of places that keep secrets. Which of them it is decides whether a value from before may still be used.

Each carries a sentence that names the reference and what to do, and never any part of a value or of an answer.
"""

from gateway.core.errors import Fault


class NotAnswering(Fault):
    """It could not be asked: down, slow or overloaded. What it said before may still be true."""


class NotAllowed(Fault):
    """It was asked and does not let the gateway have this."""


class NotTaken(Fault):
    """It was asked and does not take the question: what it is about is wrong, or is no more."""


class NothingThere(Fault):
    """It was asked and has nothing under that name."""
