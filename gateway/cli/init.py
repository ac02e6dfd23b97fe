"""`init`: asks what a first configuration needs, writes it, checks it, and says what comes next."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.app.settings_kinds import PERSON_NAME, TARGET_NAME, WORD
from gateway.cli.exits import BadUsage
from gateway.cli.first_config import Answers, first_config
from gateway.cli.options import Yes
from gateway.cli.talk import ask, data, is_watched, say
from gateway.core.plain import plain

_SYSTEM = Path("/etc/hoop")
_NEW = "new"
_OWN_KEYS = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


def init(
    *,
    directory: Annotated[Path, Parameter(help="Where hoop.toml is written.")] = _SYSTEM,
    name: Annotated[str, Parameter(help="The gateway's name.")] = "",
    data_dir: Annotated[str, Parameter(help="Where ledger and recordings are kept.")] = "",
    person: Annotated[str, Parameter(help="Who may sign in first, as in alice@example.com.")] = "",
    person_key: Annotated[Path | None, Parameter(help="The file with their public key.")] = None,
    target: Annotated[str, Parameter(help="The first machine's name, as people will type it.")] = "",
    to: Annotated[str, Parameter(help="Its address, as in web-1.internal:22.")] = "",
    user: Annotated[str, Parameter(help="The account on it.")] = "",
    key: Annotated[
        Path | None, Parameter(help="The private key for that account; without one, a key is made.")
    ] = None,
    ssh: Annotated[str, Parameter(help="Where people connect.")] = "0.0.0.0:2222",
    api: Annotated[str, Parameter(help="Where hoop-tui connects.")] = "127.0.0.1:8022",
    yes: Yes = False,
) -> int:
    """Write a first configuration.

    Asks what was not given as an option; with --yes it asks nothing. An existing hoop.toml is never overwritten.
    """
    path = directory / "hoop.toml"
    if path.exists():
        raise BadUsage(f"{path} exists already; nothing was written")
    questions = _Questions(yes)
    answers = Answers(
        name=questions.answer("--name", "Name of this gateway", name, _word, "gateway"),
        data_dir=questions.answer("--data-dir", "Where to store", data_dir, _path, _store(directory)),
        person=questions.answer("--person", "Who may sign in (alice@example.com)", person, _person),
        person_key=questions.answer(
            "--person-key", "File with their public key", str(person_key or ""), _key_line, _own_key()
        ),
        target=questions.answer("--target", "Name of the first target", target, _target),
        to=questions.answer("--to", "Its address (web-1.internal:22)", to, _address),
        user=questions.answer("--user", "Account on it", user, _word),
        key=questions.answer("--key", "Private key for it, or new to make one", str(key or ""), _file, _NEW),
        ssh=questions.answer("--ssh", "", ssh, _address),
        api=questions.answer("--api", "", api, _address),
    )
    questions.complain()
    return _write(answers, directory, path)


class _Questions:
    """Takes each answer from its option, or asks; collects what is missing where nobody can be asked."""

    def __init__(self, yes: bool) -> None:
        self._may_ask = not yes and is_watched()
        self._yes = yes
        self._problems: list[str] = []

    def answer(
        self, option: str, question: str, given: str, check: Callable[[str], str], default: str = ""
    ) -> str:
        """The checked answer to one question."""
        if not given and not self._may_ask:
            if not default:
                self._problems.append(f"{option} is missing")
                return ""
            given = default
        while True:
            try:
                return check(given or ask(question, default))
            except ValueError as problem:
                if given or not self._may_ask:
                    self._problems.append(f"{option}: {problem}")
                    return ""
                say(f"  {problem}")

    def complain(self) -> None:
        """Raise `BadUsage` if anything was missing or wrong."""
        if self._problems and not self._yes and not self._may_ask:
            self._problems.append("there is nobody to ask; give every answer as an option, and --yes")
        if self._problems:
            raise BadUsage("\n".join(self._problems))


def _write(answers: Answers, directory: Path, path: Path) -> int:
    from gateway.cli.config import check

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    public_line = ""
    if answers.key == _NEW:
        key = directory / f"{answers.target.replace('*', 'all')}_ed25519"
        public_line = _target_key(key, answers.name)
        answers = replace(answers, key=str(key))
    _write_new(path, first_config(answers, directory).encode())
    say(f"wrote {path}")
    check(config=path)
    data(_next_steps(answers, path, public_line))
    return 0


def _write_new(path: Path, content: bytes) -> None:
    """Only this account may read it, and nothing is overwritten."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BadUsage(f"{path} exists already; nothing was written") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _target_key(file: Path, name: str) -> str:
    """Make the gateway's key for the target unless there is one, and return its public line."""
    import asyncssh

    if file.exists():
        key = asyncssh.read_private_key(file)
    else:
        key = asyncssh.generate_private_key("ssh-ed25519", comment=f"hoop {name}")
        _write_new(file, key.export_private_key())
        say(f"wrote {file}")
    return key.export_public_key().decode().strip()


def _next_steps(answers: Answers, path: Path, public_line: str) -> str:
    config = shlex.quote(str(path.absolute()))
    beside_python = Path(sys.executable).with_name("hoop-gateway")
    program = shutil.which("hoop-gateway") or (
        str(beside_python) if beside_python.is_file() else "hoop-gateway"
    )
    program = shlex.quote(program)
    steps = []
    if public_line:
        steps.append(f"# on {answers.target}, let the gateway in, in ~{answers.user}/.ssh/authorized_keys:")
        steps.append(public_line)
    if "*" not in answers.target:
        steps.append("# pin the target's host key:")
        steps.append(f"{program} target trust {answers.target} --config {config}")
    steps += [
        "# make a token for hoop-tui:",
        f"{program} token create --person {shlex.quote(answers.person)} --config {config}",
        "# start it:",
        f"{program} serve --config {config}",
        "# or as a systemd unit ([Service], Type=notify):",
        f"ExecStart={program} serve --config {config}",
    ]
    return "\n".join(steps)


def _store(directory: Path) -> str:
    """With the system's configuration, the system's place; beside any other."""
    return "/var/lib/hoop" if directory.absolute() == _SYSTEM else "data"


def _own_key() -> str:
    places = [Path.home() / ".ssh" / name for name in _OWN_KEYS]
    return next((str(place) for place in places if place.is_file()), "")


def _fits(text: str, pattern: str, sentence: str) -> str:
    if not re.fullmatch(pattern.strip("^$"), text):
        raise ValueError(sentence)
    return text


def _word(text: str) -> str:
    return _fits(text, WORD, "may have up to 64 letters, digits and . _ @ -")


def _person(text: str) -> str:
    return _fits(text, PERSON_NAME, "may have up to 128 letters, digits and . _ @ + -")


def _target(text: str) -> str:
    return _fits(text, TARGET_NAME, "may have up to 128 letters, digits and . _ -")


def _path(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be a path")
    return text


def _address(text: str) -> str:
    from gateway.app.config_values import read_address

    return str(read_address(text))


def _key_line(text: str) -> str:
    """The public key in a file, as the one line that it is."""
    from gateway.app.config_files import read_keys_file

    keys, problems, unreadable = read_keys_file(Path(text).expanduser())
    if unreadable or problems or len(keys) != 1:
        raise ValueError(
            unreadable or (problems[0].sentence if problems else "holds no public key, or several")
        )
    key = keys[0][1]
    return f"{key.openssh} {plain(key.comment, 80)}".rstrip()


def _file(text: str) -> str:
    if text == _NEW:
        return text
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(f'there is no file {path}; "{_NEW}" makes a key')
    return str(path)
