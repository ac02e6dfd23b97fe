"""The entry point of `hoop-gateway`: runs one command and turns how it ends into an exit code.

A person never sees a traceback; HOOP_DEBUG=1 shows it.
"""

import os
import sys
from types import TracebackType
from typing import NoReturn

from gateway import __version__
from gateway.cli.commands import GROUPS, PROGRAM, build_app, help_for


def main() -> NoReturn:
    """Run the command of this process's arguments."""
    if os.environ.get("HOOP_DEBUG", "") in ("", "0"):
        sys.excepthook = _one_sentence
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_left()
    except OSError as problem:
        code = code or _could_not_print(problem)
        _reader_left()
    raise SystemExit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    asked = arguments[:-1] if arguments and arguments[-1] in ("--help", "-h") else arguments
    if asked in ([], ["help"]):
        sys.stdout.write(help_for())
        return 0
    if len(asked) == 1 and asked[0] in GROUPS:
        sys.stdout.write(help_for(asked[0]))
        return 0
    if arguments == ["--version"]:
        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        return 0
    return _run_parsed(arguments)


def _run_parsed(arguments: list[str]) -> int:
    from cyclopts import CycloptsError

    from gateway.cli import exits
    from gateway.cli.talk import complain, say
    from gateway.core.errors import HoopError, Misconfigured

    debug = os.environ.get("HOOP_DEBUG", "") not in ("", "0")
    try:
        code = build_app()(arguments)
        return code if isinstance(code, int) else 0
    except CycloptsError as problem:
        complain(str(problem).strip().replace("\n", " "))
        complain(f"see {PROGRAM} --help")
        return exits.USAGE
    except HoopError as problem:
        if debug:
            raise
        # A wrong configuration speaks for itself: each line starts with the file.
        (say if isinstance(problem, Misconfigured) else complain)(problem.sentence)
        return exits.code_of(problem)
    except KeyboardInterrupt:
        complain("interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except OSError as problem:
        if debug:
            raise
        reason = (problem.strerror or str(problem) or type(problem).__name__).lower()
        complain(f"{problem.filename}: {reason}" if problem.filename else reason)
        return exits.ERROR


def _reader_left() -> int:
    """Whoever read our output has gone (`| head`). Say nothing, and let the interpreter's last flush do so too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1


def _could_not_print(problem: OSError) -> int:
    """The last words did not fit where they were to go."""
    from gateway.cli.talk import complain

    complain((problem.strerror or str(problem)).lower())
    return 1


def _one_sentence(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    from gateway.cli.talk import complain

    complain(f"this is a mistake in the program ({kind.__name__}); HOOP_DEBUG=1 shows where")


if __name__ == "__main__":
    main()
