"""Every implementation of Blobs, for the tests that hold for all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.blobs.local import LocalBlobs
from gateway.core.ports import Blobs

MAKERS: dict[str, Callable[[Path], Blobs]] = {
    "local": lambda scratch: LocalBlobs(scratch / "blobs", reserve_bytes=0),
}


@pytest.fixture(params=sorted(MAKERS))
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """An empty store."""
    return MAKERS[request.param](tmp_path)
