"""The API's words about what a held request would do: what is asked, and what was found out.

Clients import them from `schema.py`. Texts may hold anything that a target holds: whoever shows them makes them
harmless first.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ImpactAsked(_Model):
    """`dry_run`: also try it in a transaction that is always rolled back, where the rules allow that."""

    dry_run: bool = False


class ImpactLine(_Model):
    """`+`: comes to be. `-`: goes. A space: is so."""

    sign: Literal["+", "-", " "]
    text: str


class ImpactTable(_Model):
    """Every row has a cell for each column. What is masked is masked."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class ImpactText(_Model):
    """Something longer, such as a plan."""

    title: str
    text: str


class RequestImpact(_Model):
    """What a request would do. `refused`: nothing was found out, and why. `rows`: how many it is about, counted where
    `dry_run` is true, else estimated. `no_dry_run`: empty, or why it can not be tried."""

    id: str
    dry_run: bool = False
    lines: list[ImpactLine] = []
    tables: list[ImpactTable] = []
    texts: list[ImpactText] = []
    refused: str = ""
    took_ms: int = 0
    rows: int | None = None
    no_dry_run: str = ""
