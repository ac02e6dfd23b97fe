"""docs/local-people.md and docs/machines.md: what they configure is taken, and their commands do what they show."""

import itertools
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.identity import job_claims, local, machine_review, passwords, totp
from gateway.identity.password_choice import SHORTEST
from tests.cli.test_people import code_now, secret_in

Run = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("local-people.md", "machines.md")
PASSWORD = "correct horse battery"
OTHERS = """
[[person]]
name = "otto@example.com"
roles = ["person", "operator"]
"""


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[tuple[list[str], list[str]]]:
    """Each command of ours and the lines that are shown below it."""
    import shlex

    found: list[tuple[list[str], list[str]]] = []
    for line in "".join(blocks(page, "console")).splitlines():
        if line.startswith("$ "):
            program, *words = shlex.split(line[2:])
            assert program == "hoop-gateway"
            found.append((words, []))
        else:
            found[-1][1].append(line)
    return found


def written(config: Path, page: str) -> None:
    """The page's configuration, with what it takes for granted: somebody who owns machines, and a target."""
    usual, said = config.read_text(), "".join(blocks(page, "toml"))
    head, target = usual[: usual.index("[[person]]")], usual[usual.index("[[target]]") :]
    people = "" if "[[person]]" in said else '[[person]]\nname = "alice@example.com"\n' + OTHERS
    config.write_text(head + people + said + target)


class Shown:
    """Compares what is printed with a line of a page, whose `...` and random letters stand for others."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        """The ids of the page, and those that there are really."""

    def check(self, line: str, printed: str) -> None:
        expected = re.sub(r"\s{2,}", "  ", line)
        pattern = re.escape(expected).replace(r"\.\.\.", r"\S+")
        pattern = re.sub(r"m\\-[0-9A-Z]{6}", lambda found: self._id(found[0].replace("\\", "")), pattern)
        lines = [re.sub(r"\s{2,}", "  ", each) for each in printed.splitlines()]
        assert any(re.fullmatch(pattern, each) for each in lines), f"{line!r} is not in {printed!r}"

    def _id(self, on_page: str) -> str:
        return re.escape(self.ids[on_page]) if on_page in self.ids else r"m-[0-9A-Z]{6}"


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_do_what_the_page_shows(run: Run, config: Path, page: str) -> None:
    written(config, page)
    shown = Shown()
    for words, lines in commands(page):
        words = [shown.ids.get(word, word) for word in words]
        if words[:2] == ["person", "totp"]:
            continue  # It is a conversation, and has a test of its own below.
        done = run(*words, "-c", config, stdin=PASSWORD + "\n")
        assert done.code == 0, (words, done.err)
        for line in lines:
            if line.startswith("hoop_m-"):
                shown.ids[line.split("_")[1]] = done.out.split("_")[1]
            if not line.endswith(":"):  # Questions are asked at a terminal only.
                shown.check(line, done.out + done.err)


def test_the_conversation_about_a_phone(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(config, "local-people.md")
    run("person", "password", "alice@example.com", "-c", config, stdin=PASSWORD + "\n")
    ((words, lines),) = [each for each in commands("local-people.md") if each[0][:2] == ["person", "totp"]]
    address, question, said = lines
    monkeypatch.setattr(totp, "new_secret", lambda: b"12345678901234567890")
    done = run(*words, "-c", config, stdin=code_now(b"12345678901234567890") + "\n")
    assert done.code == 0, done.err
    assert done.out.startswith(address.removesuffix("..."))
    assert secret_in(done.out.strip()) == b"12345678901234567890"
    assert done.err == question.rpartition(" ")[0] + " " + said + "\n"


@pytest.mark.parametrize("page", PAGES)
def test_every_group_of_commands_is_shown(page: str) -> None:
    here = {tuple(words[:2]) for words, _ in commands(page)}
    wanted = {
        "local-people.md": {"password", "totp", "ls", "lock", "unlock"},
        "machines.md": {"secret", "revoke", "ls"},
    }[page]
    group = "person" if page == "local-people.md" else "machine"
    assert {(group, each) for each in wanted} <= here


def test_the_numbers_are_those_of_the_code() -> None:
    text = (DOCS / "local-people.md").read_text()
    assert f"at least {SHORTEST} characters, at most {passwords.LONGEST_BYTES} bytes" in text
    cost = passwords.COST
    assert f"argon2id with {cost.memory >> 10} MiB and {cost.passes} passes" in text
    assert passwords.AT_ONCE == 2
    assert (
        f"takes\n{passwords.AT_ONCE * cost.memory >> 10} MiB and no more; {passwords.WAITING} may wait"
        in text
    )
    most = local.MOST
    assert f"{most['name']} wrong sign-ins for a name, or {most['address']} from an address" in text
    assert f"{local.CODES} wrong codes" in text
    assert local.WRONG in text
    machines = (DOCS / "machines.md").read_text()
    assert f"has not signed in for {machine_review.UNUSED_AFTER.days} days" in machines
    assert f"older than {machine_review.UNROTATED_AFTER.days} days" in machines
    assert job_claims.LONGEST_LIFE == 86_400


def test_the_claims_on_the_page_fit_what_it_says_they_fit() -> None:
    (page,) = blocks("machines.md", "toml")
    claims = next(each["claims"] for each in tomllib.loads(page)["machine"] if "claims" in each)
    wanted = {name: [said] if isinstance(said, str) else said for name, said in claims.items()}
    assert not any(map(job_claims.pattern_problem, itertools.chain.from_iterable(wanted.values())))
    assert not job_claims.why_not(wanted, {"repository": "acme/shop", "ref": "refs/tags/v2"})
    refused = job_claims.why_not(wanted, {"repository": "acme/shop", "ref": "refs/heads/dev"})
    assert f"`{refused}`" in (DOCS / "machines.md").read_text()


def test_what_is_sent_is_what_the_api_takes() -> None:
    """The `jq` programs of the page make the fields that the API reads."""
    from gateway.api.schema import CertificateAsked, MachineAsked, SignedInToken, SshCertificate

    text = (DOCS / "machines.md").read_text()
    sent = [re.findall(r"(\w+):", program) for program in re.findall(r"jq -n [^']*'\{(.*?)\}'", text)]
    assert len(sent) == 3
    for fields in sent:
        model = CertificateAsked if "public_key" in fields else MachineAsked
        assert set(fields) <= set(model.model_fields)
    programs = re.findall(r"jq -r '?([^'\n]*)", "".join(blocks("machines.md", "sh")))
    read = {field for program in programs for field in re.findall(r"(?<=[ |(])\.(\w+)|^\.(\w+)", program)}
    named = {one or other for one, other in read}
    assert named == {"token", "certificate", "hosts", "host_authorities"}
    assert named <= set(SignedInToken.model_fields) | set(SshCertificate.model_fields)
