"""A process that has settled in keeps what it frees for a moment, and does not collect what it has loaded."""

import ctypes
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
    import gc, resource
    from gateway.app.settling import settle_in

    def faults():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    settle_in()
    loaded = gc.get_freeze_count()
    before = faults()
    for _ in range(200):
        pieces = [bytes(1 << 20) for _ in range(4)]
        del pieces
    print(loaded > 1000, faults() - before < 5000)  # without settling in: 20,000
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_large_pieces_are_not_asked_for_page_by_page() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", "True"]
