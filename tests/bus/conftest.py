"""The PostgreSQL that the contract tests use, too."""

from tests.contracts.conftest import postgres

__all__ = ["postgres"]
