"""Programs that run something else than their name says: which, and what on their line gives it away.

A table to be read and added to. Patterns are tried on the words behind the program, joined by one space.
"""

import re

_WRAPPER_NAMES = """
    at batch builtin busybox cgexec chroot chrt command coproc doas docker dumb-init entr env exec
    fakeroot find flock gosu ionice kubectl ltrace machinectl newgrp nice nohup nsenter numactl parallel pkexec
    podman prlimit proot proxychains rlwrap run0 runuser screen script setarch setpriv setsid sg ssh sshpass
    start-stop-daemon stdbuf strace su su-exec sudo systemd-run taskset time timeout tini tmux torsocks toybox trap
    unbuffer unshare watch xargs linux32 linux64 catchsegv valgrind perf gtimeout chpst sem
    """
WRAPPERS = frozenset(_WRAPPER_NAMES.split())
"""Programs that run what stands behind them."""
SHELLS = frozenset(["sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "rbash", "csh", "tcsh"])
INTERPRETERS = frozenset(
    ["python", "perl", "ruby", "node", "nodejs", "php", "lua", "luajit", "tclsh", "expect", "wish"]
)
TEXT_TAKERS = frozenset(
    ["su", "runuser", "sg", "watch", "trap", "ssh", "script", "flock", "parallel", "tmux", "screen"]
)
"""What stands behind them is read by a shell, even where it is one word."""
RUN_INPUT = frozenset(
    ["at", "batch", "crontab", "parallel", "ed", "ex", "ftp", "sftp", "telnet", "gdb", "dc", "m4"]
)
"""They run what they are fed."""
SHELL_WITHOUT_PROGRAM = frozenset(
    [
        "su",
        "sudo",
        "doas",
        "chroot",
        "unshare",
        "nsenter",
        "newgrp",
        "pkexec",
        "run0",
        "script",
        "ssh",
        "runuser",
    ]
)
"""With nothing behind them they start a shell."""

VALUE_OPTIONS = {
    "sudo": "ugpChrtTUDR",
    "doas": "uC",
    "env": "uCS",
    "nice": "n",
    "ionice": "cnp",
    "timeout": "ks",
    "gtimeout": "ks",
    "xargs": "aEIdLnPs",
    "exec": "a",
    "stdbuf": "ioe",
    "flock": "wE",
    "ssh": "bcDEeFIiJLlmOopQRSWw",
    "watch": "n",
    "time": "of",
    "strace": "eopPsauXE",
    "chrt": "TPD",
    "nsenter": "tSG",
    "setpriv": "",
    "runuser": "ugG",
    "pkexec": "u",
}
"""Short options that take the next word."""
OPERANDS = {
    "timeout": 1,
    "gtimeout": 1,
    "chroot": 1,
    "flock": 1,
    "taskset": 1,
    "chrt": 1,
    "ssh": 1,
    "sg": 1,
    "su-exec": 1,
    "gosu": 1,
    "setarch": 1,
}
"""Words that stand between them and the program."""

DANGEROUS_NAMES = re.compile(
    r"PATH|CDPATH|IFS|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|SHELL|PROMPT_COMMAND|PS[0-4]|LD_\w+|DYLD_\w+|GIT_\w+|EDITOR"
    r"|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|BROWSER|PERL5\w+|PYTHON\w+|RUBY\w+|NODE_OPTIONS|BASH_FUNC\w*"
    r"|HISTFILE|FCEDIT|TAR_OPTIONS|RSYNC_RSH|MAKEFLAGS|SUDO_\w+|ZDOTDIR|INPUTRC|GCONV_PATH|DEBUG|BASH_\w+"
)
"""Variables that decide what other commands are or run."""
_HARMLESS_VALUES = frozenset(["", "cat", "less", "more", "vi", "vim", "nano", "true", "0", "1"])

_EVALUATING_NAMES = (
    "let [ [[ test printf unset read declare typeset local export readonly mapfile readarray wait (("
)
EVALUATING = frozenset(_EVALUATING_NAMES.split())
"""Builtins that may run a `$( )` out of quotes, as an index of an array."""

_SSH_RUNS = r"|(?i:(proxy|local|remote|knownhosts)command)"
_ALWAYS = re.compile("")
_EDITOR = re.compile(r"!|system\(|\bterm|\bshell|:so|py\w*\s|lua\s|perl\s|-s\b|-S\b|-u\b|-W\b|--cmd")
_PAGER = re.compile(r"!|(^| )(-P|--pager|\+(?![FG\d])|-H|--html|-k\b)")
_SQL = re.compile(
    r"\\!|\\o|\\g|\\copy|\\c |\|\s*\w|\bsystem\b|\.shell|\.system|\.load|\bprogram\b",
    re.I,
)
_AWK = re.compile(r"""system|getline|\||>\s*["$(]|@|(^| )(-f|-l|-i|-E|--file|--include|--load)""")
_SED = re.compile(
    r"(^|[\s;{}!0-9$/,~])e(\s|$)|[/|#,@:][gpimI0-9]*e[gpimI0-9]*(\s|;|$)|(^|[\s;{}0-9$/])[wW] |(^| )(-f|--file)"
)
HABITS: dict[str, tuple["re.Pattern[str]", str]] = {
    **dict.fromkeys(("alias", "fc", "enable", "bind", "hash"), (_ALWAYS, "it gives names another meaning")),
    "complete": (re.compile(r"-C|-F"), "it runs something later"),
    "mapfile": (re.compile(r"-\w*C"), "it runs what it is told to for each line"),
    "readarray": (re.compile(r"-\w*C"), "it runs what it is told to for each line"),
    **dict.fromkeys(
        ("vi", "vim", "nvim", "view", "ex", "ed", "emacs", "vimdiff", "gvim"),
        (_EDITOR, "the editor runs something"),
    ),
    **dict.fromkeys(("less", "more", "man", "most", "pg"), (_PAGER, "the pager runs something")),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), (_AWK, "what awk runs is not understood")),
    **dict.fromkeys(("sed", "gsed"), (_SED, "what sed runs is not understood")),
    **dict.fromkeys(("psql", "mysql", "mariadb", "sqlite3"), (_SQL, "the database client runs something")),
    "tar": (
        re.compile(r"-action|--to-command|--use-compress|-script|--rsh|-\w*[IF]( |\b)"),
        "tar runs something",
    ),
    "rsync": (
        re.compile(r"--rsh|--rsync-path|(^| )-\w*e(?!\.| ssh( |$))" + _SSH_RUNS),
        "rsync runs something",
    ),
    "git": (
        re.compile(
            r"(^| )(-c|--exec-path|--upload-pack|--receive-pack|--config-env|-u|--exec|-x|-O|--ext-diff)|ext::|"
            r"(^| )(bisect|submodule|filter-branch|difftool|mergetool|config|hook|send-email|alias)|!"
        ),
        "git runs something",
    ),
    "ssh": (re.compile(r"(?i)command|-o\s*include|match"), "ssh runs something here"),
    "scp": (re.compile(r"(^| )-\w*S" + _SSH_RUNS), "scp runs something"),
    "sftp": (re.compile(r"(^| )-\w*[SbD]|!" + _SSH_RUNS), "sftp runs something"),
    "zip": (re.compile(r"-\w*TT|--unzip-command"), "zip runs something"),
    "gdb": (re.compile(r"(^| )(-ex|-x|--eval|--command|-i?ex)"), "the debugger runs something"),
    "make": (re.compile(r"--eval|SHELL=|-f ?(-|/dev/)|\$\("), "make runs something"),
    "socat": (re.compile(r"(?i)exec:|system:|shell:"), "socat runs something"),
    **dict.fromkeys(
        ("nc", "ncat", "netcat"), (re.compile(r"(^| )(-\w*[ec]|--exec|--sh-exec|--lua)"), "it runs something")
    ),
    "tcpdump": (re.compile(r"(^| )-\w*z"), "tcpdump runs something"),
    "nmap": (re.compile(r"--script|--interactive"), "nmap runs something"),
    "wget": (re.compile(r"--use-askpass|-e |--execute|--config"), "wget runs something"),
    **dict.fromkeys(
        ("apt", "apt-get", "dpkg", "yum", "dnf"),
        (re.compile(r"(^| )-o|::|--post|changelog|--hook"), "it runs something"),
    ),
    "crontab": (re.compile(r"^(?!\s*-\w*l)"), "it runs something later"),
    "find": (re.compile(r"-exec(dir)? \{\}|-ok(dir)? \{\}|-f(printf?|ls) "), "what find runs is not known"),
    "xargs": (re.compile(r"(^| )(-a|--arg-file)"), "what xargs runs is not known"),
    "dd": (re.compile(r"of=(/dev/(?!null|zero|stdout)|/proc/|/etc/)"), "it writes to a device"),
    "busybox": (re.compile(r"--install"), "it gives programs other names"),
    "split": (re.compile(r"--filter"), "split runs something"),
    "sort": (re.compile(r"--compress-prog"), "sort runs something"),
    "env": (re.compile(r"(^| )(-\w*S|--split)\S*.*\$\{"), "it is put together from variables"),
    "openssl": (re.compile(r"-engine|-provider"), "openssl loads something"),
    "systemctl": (
        re.compile(r"(^| )edit\b|set-environment|import-environment"),
        "it changes what a service runs",
    ),
    "ldd": (_ALWAYS, "it runs the program it looks at"),
    **dict.fromkeys(
        ("pip", "npm", "npx", "gem", "cargo", "go"),
        (re.compile(r"\b(exec|run|dlx|x)\b|^(?!\s*-)$"), "it runs a package"),
    ),
    "xdg-open": (_ALWAYS, "it starts whatever fits"),
    "gcc": (re.compile(r"-wrapper|-B"), "the compiler runs something"),
}
"""Program: what on its line is a doubt, and the doubt in words."""

_CODE_OPTION = re.compile(r"-[A-Za-z]*[ceErBRFp]|--(eval|print|execute|run|exec|command)(=.*)?")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_QUOTED_TEXT = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")
_HARMLESS_NAMES = """
    print puts echo console log say printf import from json sys stdin stdout argv load loads dumps dump len str int
    float range sorted sum min max in for if else not and or indent version platform time math pi sqrt date datetime
    now utcnow today isoformat strftime True False None lambda x y i n s d k v f b e end sep join split strip upper
    lower read readline readlines process JSON parse stringify hex ord round abs sort my foreach chomp
    """
_HARMLESS = frozenset(_HARMLESS_NAMES.split())


def harmful_value(name: str, value: str) -> bool:
    """Whether setting this variable may decide what other commands run."""
    return bool(DANGEROUS_NAMES.fullmatch(name)) and value not in _HARMLESS_VALUES


def is_code_option(word: str) -> bool:
    """Of an interpreter: the next word (or this one's end) is a program."""
    return bool(_CODE_OPTION.match(word))


def is_harmless_code(code: str) -> bool:
    """A program in a word that plainly only computes and prints. Very few are known to."""
    if "`" in code or "\\" in code or "%x" in code or "<" in code.replace("<=", ""):
        return False
    bare = _QUOTED_TEXT.sub(" ", code)
    if "'" in bare or '"' in bare:
        return False
    return all(name in _HARMLESS for name in _IDENTIFIER.findall(bare))
