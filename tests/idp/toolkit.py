"""placeholder"""
from contextlib import contextmanager
@contextmanager
def running_toolkit(p):
    yield None
