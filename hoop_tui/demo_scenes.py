"""The recordings that tests and screenshots show: an evening at work, a refused command, a broken line."""

from hoop_tui.scenes import Scene

_GREEN, _DIM, _RED, _BOLD, _OFF = "\x1b[32m", "\x1b[2m", "\x1b[31m", "\x1b[1m", "\x1b[0m"


def _prompt(who: str, where: str, path: str = "~") -> str:
    return f"{_GREEN}{who}@{where}{_OFF}:\x1b[34m{path}{_OFF}$ "


def denied_removal() -> Scene:
    """Erin looks into a log, is away for eight minutes, then tries to remove a log and is told no."""
    log = "/var/log"
    scene = Scene().marks("login", "login erin")
    scene.waits(0.4).shows(_prompt("erin", "web-1")).waits(1.2)
    scene.marks("command", "uptime").types("uptime").waits(0.2)
    scene.shows(" 09:12:04 up 41 days,  2 users,  load average: 0.10, 0.08, 0.05\n")
    scene.shows(_prompt("erin", "web-1")).waits(3)
    scene.marks("command", "cd /var/log").types("cd /var/log")
    scene.shows(_prompt("erin", "web-1", log)).waits(2)
    scene.marks("command", "grep -c 500 nginx/access.log").types("grep -c 500 nginx/access.log").waits(0.3)
    scene.shows("17\n" + _prompt("erin", "web-1", log)).waits(1.5)
    scene.marks("command", "less nginx/error.log").types("less nginx/error.log").waits(0.2)
    scene.shows("\x1b[?1049h\x1b[H\x1b[2J")
    for number in range(1, 23):
        scene.shows(
            f"2026/11/20 09:0{number % 10}:{number + 10} {_RED}[error]{_OFF} 812#812: *{4400 + number}"
            f" upstream timed out\n"
        )
    scene.shows(f"{_BOLD}nginx/error.log lines 1-22/418 5%{_OFF}").waits(4).presses(b" ", b" ", b"q")
    scene.shows("\x1b[?1049l").shows(_prompt("erin", "web-1", log)).waits(492)
    scene.marks("command", "sudo rm nginx/app.log").types("sudo rm nginx/app.log").waits(0.1)
    scene.shows("hoop: held T9Q-4WD (rule root-delete, ask sre, 10 min) - Ctrl-C withdraws\n")
    scene.marks("held", "sudo rm nginx/app.log").waits(8)
    scene.shows('hoop: denied T9Q-4WD by bob@example.com: "rotate it, see runbook 12"\n')
    scene.marks("denied", "by bob@example.com").shows(_prompt("erin", "web-1", log)).waits(4)
    scene.marks("command", "sudo -k logrotate -f nginx").types("sudo -k logrotate -f nginx")
    scene.shows("[sudo] password for erin: ").hides(11).shows("\n").waits(1)
    scene.shows("rotating 3 logs, done\n" + _prompt("erin", "web-1", log)).waits(3)
    return scene.marks("command", "exit").types("exit").shows("logout\n").exits(0)


def waiting_restart() -> Scene:
    """Carol wants to restart a server and waits for somebody to say yes; the session is live."""
    scene = Scene().waits(0.3).shows(_prompt("carol", "web-3")).waits(1)
    scene.marks("command", "systemctl status nginx --no-pager").types("systemctl status nginx --no-pager")
    scene.waits(0.2).shows(
        f"{_GREEN}●{_OFF} nginx.service - A high performance web server and a reverse proxy\n"
        "     Loaded: loaded (/lib/systemd/system/nginx.service; enabled)\n"
        f"     Active: {_GREEN}{_BOLD}active (running){_OFF} since Thu 2026-11-19 22:10:04 UTC; 12h ago\n"
        "   Main PID: 812 (nginx)\n"
        "      Tasks: 5 (limit: 4571)\n"
        "     Memory: 18.2M\n"
        "        CPU: 41.118s\n"
    )
    scene.shows(_prompt("carol", "web-3")).waits(6)
    scene.marks("command", "tail -n 3 /var/log/nginx/error.log").types("tail -n 3 /var/log/nginx/error.log")
    scene.shows(
        f"2026/11/20 10:38:51 {_RED}[error]{_OFF} 812#812: *9120 upstream timed out (110)\n"
        f"2026/11/20 10:39:17 {_RED}[error]{_OFF} 812#812: *9131 upstream timed out (110)\n"
        f"2026/11/20 10:40:02 {_RED}[error]{_OFF} 812#812: *9150 no live upstreams\n"
    )
    scene.shows(_prompt("carol", "web-3")).waits(9)
    scene.marks("command", "sudo systemctl restart nginx").types("sudo systemctl restart nginx")
    scene.shows("hoop: held M2C-7PD (rule restart-prod, ask sre, 10 min) - Ctrl-C withdraws\n")
    return scene.marks("held", "sudo systemctl restart nginx")


BACKUP_COMMAND = "tar -czf - /srv/shop | wc -c"


def backup(*, running: bool = False) -> Scene:
    """A machine's nightly command: no terminal, only output."""
    scene = Scene(80, 24)
    scene.frames.clear()
    scene.marks("command", BACKUP_COMMAND).waits(0.8)
    scene.warns("tar: Removing leading `/' from member names\n").waits(61)
    return scene if running else scene.prints("48213442\n").exits(0)


def blocked_shell() -> Scene:
    """Mallory tries to become root and is stopped, twice, until the session is ended."""
    scene = Scene(100, 30).waits(0.5).shows(_prompt("mallory", "db-1")).waits(2)
    for command in ("sudo -i", "sudo su -"):
        scene.marks("command", command).types(command)
        scene.shows("hoop: blocked by no-root-shell - ask for a window: hoop-tui request --target db-1\n")
        scene.marks("blocked", command).shows(_prompt("mallory", "db-1")).waits(14)
    scene.shows('\nhoop: ended by bob@example.com: "incident 4411" - talk to sec, then ask again\n')
    return scene.marks("ended", "by bob@example.com")


def wide_report() -> Scene:
    """A large terminal, for cropping: 132 columns by 50 rows."""
    scene = Scene(132, 50).waits(0.2).shows(_prompt("dave", "etl-2")).waits(1)
    scene.marks("command", "report --wide").types("report --wide").waits(0.4)
    for number in range(1, 47):
        columns = "  ".join(
            f"{'abcdefghij'[(number + column) % 10]}{number * 37 % 997:05}" for column in range(14)
        )
        scene.shows(f"{number:3}  {columns}\n")
    return scene.shows(_prompt("dave", "etl-2"))


def cut_line() -> Scene:
    """The gateway lost power: the recording has no end."""
    scene = Scene().waits(0.4).shows(_prompt("alice", "web-2")).waits(2)
    scene.marks("command", "make deploy").types("make deploy").waits(1)
    for step in ("build", "test", "push image", "drain web-2"):
        scene.shows(f"{_DIM}==>{_OFF} {step} {_GREEN}ok{_OFF}\n").waits(7)
    return scene.shows(f"{_DIM}==>{_OFF} switch traffic ")
