"""Rules as people write them, over scp -O, rsync and git with the stock programs: each way to a file counts."""

from pathlib import Path

import pytest

from gateway.policy.decide import decide
from gateway.policy.loader import load_policy
from tests.ssh.client import Ran, StockSsh
from tests.ssh.house import House
from tests.ssh.test_git import git
from tests.ssh.test_rsync import rsync
from tests.ssh.test_scp import scp, there

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "scp", "rsync", "git", "sshd")]


def rules(house: House, text: str) -> None:
    """Have the house judge by these."""
    policy = load_policy([("rules.toml", text)], ("card",))
    house.decide = lambda operation, session: decide(policy, operation, session)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """`open` may be read and written, `closed` not; `open/way` is a link to `closed`."""
    directory = tmp_path / "work"
    for name in ("open", "closed", "open/tree", "here"):
        (directory / name).mkdir(parents=True)
    (directory / "open" / "file").write_text("open")
    (directory / "open" / "tree" / "leaf").write_text("leaf")
    (directory / "closed" / "file").write_text("closed")
    (directory / "open" / "way").symlink_to("../closed")
    (directory / "open" / "alias").symlink_to("../closed/file")
    (directory / "here" / "mine").write_text("mine")
    return directory


def only_open(work: Path) -> str:
    return f"""
    [[rule]]
    id = "open"
    match = {{ verb = ["upload", "download", "list", "mkdir"], path = ["{work}/open", "{work}/open/*"] }}
    do = "allow"
    """


def is_stopped(ran: Ran) -> bool:
    return ran.status != 0 and "hoop: blocked by " in ran.said


async def test_only_what_is_below_a_directory(ssh: StockSsh, house: House, work: Path) -> None:
    rules(house, only_open(work))
    mine = work / "here" / "mine"
    for passes in (
        await scp(ssh, mine, there(work / "open")),
        await scp(ssh, "-r", work / "here", there(work / "open" / "new")),
        await scp(ssh, there(work / "open" / "file"), work / "here" / "got"),
        await scp(ssh, there(f"{work}/open/f*"), work / "here" / "got"),
        await scp(ssh, "-r", there(work / "open" / "tree"), work / "here" / "tree"),
        await rsync(ssh, "-a", f"{work}/here/", there(work / "open" / "synced")),
        await rsync(ssh, "-a", there(work / "open" / "tree"), work / "here" / "synced"),
    ):
        assert (passes.status, passes.said) == (0, "")
    for stopped in (
        await scp(ssh, mine, there(work / "closed")),
        await scp(ssh, mine, there(work / "open" / "way")),
        await scp(ssh, mine, there(work / "open" / "alias")),
        await scp(ssh, mine, there(work / "open" / "way" / "new")),
        await scp(ssh, mine, there(work / "open" / ".." / "new")),
        await scp(ssh, there(work / "open" / "alias"), work / "here" / "stolen"),
        await scp(ssh, there(work / "open" / "way" / "file"), work / "here" / "stolen"),
        await scp(ssh, there(f"{work}/*/file"), work / "here" / "stolen"),
        await scp(ssh, there(f"{work}/open/w*/file"), work / "here" / "stolen"),
        await scp(ssh, "-r", there(work / "open" / "way"), work / "here" / "stolen"),
        await rsync(ssh, "-a", mine, there(f"{work}/open/way/")),
        await rsync(ssh, "-a", there(f"{work}/open/way/"), work / "here" / "stolen"),
        await rsync(ssh, "-aL", there(f"{work}/open/tree/"), work / "here" / "stolen"),
        await rsync(ssh, "-a", "--delete", f"{work}/here/", there(work / "open" / "tree")),
        await rsync(
            ssh, "-a", f"--backup-dir={work}/closed", "-b", f"{work}/here/", there(work / "open" / "tree")
        ),
        await rsync(ssh, "-a", "-s", there(f"{work}/open/tree/"), work / "here" / "stolen"),
    ):
        assert is_stopped(stopped), stopped
    assert not (work / "here" / "stolen").exists()
    assert [path.name for path in (work / "closed").iterdir()] == ["file"]
    assert (work / "closed" / "file").read_text() == "closed"


async def test_a_tree_with_a_forbidden_place_in_it(ssh: StockSsh, house: House, work: Path) -> None:
    everything = '[[rule]]\nid = "all"\nmatch = { user = "*" }\ndo = "allow"\n'
    rules(
        house,
        f'{everything}[[rule]]\nid = "not-closed"\nmatch = {{ path = "{work}/closed/*" }}\ndo = "block"\n',
    )
    assert is_stopped(await rsync(ssh, "-a", there(work), work / "here" / "got"))
    assert is_stopped(await rsync(ssh, "-a", work / "here" / "mine", there(f"{work}/closed/")))
    assert is_stopped(await rsync(ssh, there(f"{work}/cl*"), work / "here" / "got"))
    assert (await rsync(ssh, "-a", there(work / "open"), work / "here" / "got")).status == 0
    through = await scp(ssh, "-r", there(work / "open"), work / "here" / "copied")
    assert is_stopped(through)
    assert (work / "here" / "copied" / "tree" / "leaf").read_text() == "leaf"
    assert not (work / "here" / "copied" / "way").exists()
    assert not (work / "here" / "copied" / "alias").exists()


async def test_reading_only(ssh: StockSsh, house: House, work: Path) -> None:
    rules(
        house,
        f'[[rule]]\nid = "r"\nmatch = {{ effect = "read", path = ["{work}", "{work}/*"] }}\ndo = "allow"\n',
    )
    assert (await git(ssh, "init", "-q", "--bare", work / "project.git")).status == 0
    assert (await git(ssh, "clone", "-q", f"web-1@gw:{work}/project.git", work / "here" / "p")).status == 0
    assert (await git(ssh, "commit", "-q", "--allow-empty", "-m", "x", at=work / "here" / "p")).status == 0
    for stopped in (
        await git(ssh, "push", "-q", "origin", "HEAD", at=work / "here" / "p"),
        await scp(ssh, work / "here" / "mine", there(work / "open")),
        await rsync(ssh, "-a", work / "here", there(work / "open")),
        await rsync(ssh, "-a", "--remove-source-files", there(work / "open"), work / "here" / "gone"),
    ):
        assert is_stopped(stopped), stopped
    assert (work / "open" / "file").exists()


async def test_a_rule_about_commands_binds_transfers(ssh: StockSsh, house: House, work: Path) -> None:
    everything = '[[rule]]\nid = "all"\nmatch = { user = "*" }\ndo = "allow"\n'
    rules(house, f'{everything}[[rule]]\nid = "no-rsync"\nmatch = {{ command = "rsync *" }}\ndo = "block"\n')
    assert is_stopped(await rsync(ssh, "-a", there(work / "open"), work / "here" / "got"))
    assert (await scp(ssh, there(work / "open" / "file"), work / "here" / "got")).status == 0
