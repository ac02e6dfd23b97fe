"""The reference terminal, in a process of its own as everywhere."""

from collections.abc import Iterator

import pytest

from hoop_tui.replay.worker import WorkerEmulator


@pytest.fixture(scope="session")
def reference() -> Iterator[WorkerEmulator]:
    with WorkerEmulator() as made:
        yield made
