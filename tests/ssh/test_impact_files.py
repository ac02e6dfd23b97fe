"""What a held operation would do to files of a real target: asked by SFTP, and never by running anything."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.adapters.ssh.impact.files import FOUND_MOST
from gateway.core.impact import Impact, ImpactQuestion
from gateway.core.operation import Operation
from gateway.core.ports import Approval
from gateway.session.files import FilePath, file_operation
from tests.policy.conftest import run
from tests.ssh.house import House
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("sshd")]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def question(
    house: House, sshd: Sshd, operation: Operation, masks: frozenset[str] = frozenset(), **facts: str
) -> ImpactQuestion:
    target = house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    approval = Approval(
        *("req-1", "s-1", "alice@example.com", "web-1", operation.verb, operation.text, operation.sha256),
        *("ask-first", "", frozenset({"sre"}), 1, NOW, NOW + timedelta(minutes=1)),
        facts={"login": sshd.user, "person": "alice", **facts},
    )
    return ImpactQuestion(approval, target, operation, masks)


async def found(house: House, asked: ImpactQuestion) -> Impact:
    assert house.adapter is not None
    assert house.adapter.impact.can(asked) is None
    return await house.adapter.impact.measure(asked, dry_run=False)


def names(impact: Impact) -> list[list[str]]:
    return [[row[0].rsplit("/", 1)[-1] for row in table.rows] for table in impact.tables]


async def test_what_a_pattern_stands_for(house: House, sshd: Sshd) -> None:
    log = sshd.home / "log"
    log.mkdir()
    for name in ("a.log", "b.log", "c.txt", ".hidden.log", "$(touch made).log", "n\nl.log"):
        (log / name).write_text("12345")
    impact = await found(house, question(house, sshd, run(f"cd {sshd.home} && rm -f log/*.log")))
    assert names(impact) == [["$(touch made).log", "a.log", "b.log", "n\nl.log"]]
    assert impact.lines[0].sign == "-"
    assert impact.lines[0].text == "removes log/*.log: 4 entries, 20 bytes in files"
    assert impact.rows == 4
    assert not (sshd.home / "made").exists()
    assert (log / "a.log").exists()


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        ("?.log", ["a.log", "b.log"]),
        ("[ab].log", ["a.log", "b.log"]),
        ("[!a].log", ["b.log"]),
        ("'*'.log", ["*.log"]),
        ("{a,b}.log", ["a.log", "b.log"]),
        (".*", [".x"]),
    ],
)
async def test_patterns_as_shells_read_them(pattern: str, there: list[str], house: House, sshd: Sshd) -> None:
    for name in ("a.log", "b.log", "ab.log", ".x"):
        (sshd.home / name).touch()
    if "'" in pattern:
        (sshd.home / "*.log").touch()
    impact = await found(house, question(house, sshd, run(f"cd {sshd.home}; rm {pattern}")))
    assert sorted(name for table in names(impact) for name in table) == there


async def test_a_tree_is_counted_and_what_is_overwritten_is_shown(house: House, sshd: Sshd) -> None:
    tree = sshd.home / "tree" / "deep"
    tree.mkdir(parents=True)
    (tree / "x").write_text("123")
    (sshd.home / "old").write_text("what was there: carol@example.com\n")
    (sshd.home / "into").mkdir()
    (sshd.home / "into" / "new").write_text("7")
    line = f"cd {sshd.home}; sudo rm -rf tree; cp new old; mv new into; echo x > old"
    impact = await found(house, question(house, sshd, run(line), frozenset({"email"})))
    said = "\n".join(line.text for line in impact.lines)
    assert "tree has 2 entries with all that is in it" in said
    assert "what will be written is not known before it is" in said
    assert names(impact) == [["tree"], ["old"], ["new"], ["old"]]
    assert "what was there" in impact.texts[0].text
    assert "carol@example.com" not in impact.texts[0].text
    assert (sshd.home / "old").read_text().startswith("what was there")


@pytest.mark.parametrize("line", ["cp new.conf app.conf", "sudo mv new.conf app.conf", "install new.conf ."])
async def test_what_changes_between_a_file_and_the_one_in_its_place(
    line: str, house: House, sshd: Sshd
) -> None:
    name = "new.conf" if line.startswith("install") else "app.conf"
    place = sshd.home / "there"
    place.mkdir()
    (sshd.home / "new.conf").write_text("a = 1\nb = 3\nmail = carol@example.com\n")
    (place / name).write_text("a = 1\nb = 2\n")
    line = line.replace("new.conf", f"{sshd.home}/new.conf")
    impact = await found(house, question(house, sshd, run(f"cd {place}; {line}"), frozenset({"email"})))
    (text,) = impact.texts
    assert "there/" in text.title
    assert ": - as it is now, + as " in text.title
    assert text.text.splitlines()[:4] == ["@@ -1,3 +1,4 @@", " a = 1", "-b = 2", "+b = 3"]
    assert "carol@example.com" not in text.text
    said = [each.text for each in impact.lines]
    assert sum("is sha256" in each for each in said) == 2
    assert "what will be written is not known before it is" not in said


async def test_what_can_not_be_compared_is_shown_as_it_is(house: House, sshd: Sshd) -> None:
    (sshd.home / "old").write_text("one\n")
    (sshd.home / "raw").write_bytes(b"\0\1")
    (sshd.home / "long").write_text("x\n" * 500)
    (sshd.home / "latin").write_bytes(b"gr\xfc\xdf\n")
    for source in ("raw", "long", "latin", "gone", "$X", "l*"):
        impact = await found(house, question(house, sshd, run(f"cd {sshd.home}; cp {source} old")))
        assert [text.text for text in impact.texts] == ["one\n"]
        assert "what will be written is not known before it is" in [each.text for each in impact.lines]
    impact = await found(house, question(house, sshd, run(f"cd {sshd.home}; cp old ./old")))
    assert impact.texts[0].text == "nothing: they are the same\n"
    (sshd.home / "dos").write_bytes(b"one\r\n")
    impact = await found(house, question(house, sshd, run(f"cd {sshd.home}; cp dos old")))
    assert impact.texts[0].text.split("\n")[1:3] == ["-one", "+one\r"]


async def test_a_file_operation(house: House, sshd: Sshd) -> None:
    path = sshd.home / "report"
    path.write_text("the present one\n")
    operation = file_operation("upload", FilePath("report", str(path)), program="sftp")
    impact = await found(house, question(house, sshd, operation))
    ((name, kind, size, mode, owner, _),) = impact.tables[0].rows
    assert (name, kind, size, mode) == (str(path), "file", "16", f"{path.stat().st_mode & 0o7777:04o}")
    assert owner == f"{path.stat().st_uid}:{path.stat().st_gid}"
    assert impact.texts[0].text == "the present one\n"


async def test_bounds(house: House, sshd: Sshd) -> None:
    many = sshd.home / "many"
    many.mkdir()
    for number in range(FOUND_MOST + 50):
        (many / f"{number}.log").touch()
    impact = await found(house, question(house, sshd, run(f"rm {many}/*.log")))
    assert len(impact.tables[0].rows) == FOUND_MOST
    assert impact.lines[-1].text == "there is more than was looked at: these are not all"


def test_what_nothing_can_be_said_of(house: House, sshd: Sshd) -> None:
    assert house.adapter is not None
    can = house.adapter.impact.can
    nothing = "the line names no files that it plainly removes, moves or overwrites"
    assert can(question(house, sshd, run("systemctl restart nginx"))) == nothing
    assert can(question(house, sshd, Operation("shell", ""))) == "nothing can be found out about shell"


async def test_where_nobody_knows(house: House, sshd: Sshd) -> None:
    (sshd.home / "x").touch()
    typed = Operation("typed", "rm x; rm $Y")
    impact = await found(house, question(house, sshd, typed))
    assert [line.text for line in impact.lines] == [
        "removes x: the directory is not known",
        "removes $Y: its name is not known before it runs",
    ]
    impact = await found(house, question(house, sshd, typed, directory=str(sshd.home)))
    assert names(impact) == [["x"]]
