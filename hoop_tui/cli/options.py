"""Options that many commands have."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Gateway = Annotated[str, Parameter(name=["--gateway"], help="The gateway's address. Else HOOP_GATEWAY.")]
TokenFile = Annotated[
    Path | None,
    Parameter(
        name=["--token-file"],
        help="A file with the token, readable by you only. Else HOOP_TOKEN, else the kept one.",
    ),
]
Output = Annotated[
    Literal["table", "json", "jsonl"],
    Parameter(name=["--output", "-o"], help="How to print: a table, JSON, or one object a line."),
]
