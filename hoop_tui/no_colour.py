"""Textual reads NO_COLOR when an app is made, from the environment and nowhere else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def colours(wanted: bool) -> Iterator[None]:
    """Within this an app is made without colours where none are wanted. Where they are, its owner decides."""
    before = os.environ.get("NO_COLOR")
    if not wanted:
        os.environ["NO_COLOR"] = "1"
    try:
        yield
    finally:
        os.environ.pop("NO_COLOR", None)
        if before is not None:
            os.environ["NO_COLOR"] = before
