"""Text that means no good to whoever reads it in a terminal: what terminals obey, what toolkits take for markup, what
hides, reorders, lies about its width, or is too much. Numbers in sequences are such as no program of ours writes."""

ESC = "\x1b"
_MARKUP = (
    "[@click=app.leave]x[/]",
    "[@click='app.leave']click me[/]",
    "[@click=app.bell]x",
    "[/]",
    "[/tmp]",
    "[/red]",
    "arr[/1]",
    "[link=https://evil.example]x[/link]",
    "[link='javascript:1']x",
    "[red]x[/blue]",
    "[[[[",
    "]]]]",
    "[bold",
    "\\[x]",
    "[on $error]x",
    "[$undefined-variable]x",
    "[reverse blink]x[/]",
    ":smile: :warning:",
    "$text-error",
    "[auto on auto 300%]x",
    "[b][i][u]x",
    "[not]x",
    "[#fff on #000]x[/#fff]",
    "[tag={'a': 1}]x",
)
_CONTROLS = (
    f"{ESC}]0;owned\x07",
    f"{ESC}]2;owned{ESC}\\",
    f"{ESC}]52;c;b3duZWQ=\x07",
    f"{ESC}]8;;https://evil.example{ESC}\\x{ESC}]8;;{ESC}\\",
    f"{ESC}]9;notice\x07",
    f"{ESC}]777;notify;a;b\x07",
    f"{ESC}]1337;File=:AAAA\x07",
    f"{ESC}[2J{ESC}[H",
    f"{ESC}[31mred{ESC}[0m",
    f"{ESC}[?1049h",
    f"{ESC}[6n",
    f"{ESC}[c",
    f"{ESC}[>q",
    f"{ESC}[21t",
    f"{ESC}[?1000h",
    f"{ESC}[?2004l",
    f"{ESC}Pq#0;2;0;0;0~{ESC}\\",
    f"{ESC}P$qm{ESC}\\",
    f"{ESC}_Gf=24,s=1,v=1;AAAA{ESC}\\",
    f"{ESC}^pm{ESC}\\",
    f"{ESC}c",
    f"{ESC}#8",
    f"{ESC}(0lqk",
    f"{ESC}[1000b",
    f"{ESC}[9999999999A",
    f"{ESC}[8;1;1t",
    f"{ESC}7{ESC}8",
    "\x9b31m",
    "\x9d0;owned\x9c",
    "\x90q\x9c",
    "\x85next",
    "\x84\x88\x8d",
    "a\rb",
    "a\nb\nc",
    "a\tb",
    "a\bb",
    "\x07\x07",
    "\x00nul",
    "\x0eshift\x0f",
    "\x0c\x0b",
    "\x7f\x7f",
    "\x1a\x1c\x1d\x1e\x1f",
    "\x11\x13",
)
_HIDDEN = (
    "user\u202egnp.exe",
    "\u202d\u202a\u202b\u202c",
    "\u2066x\u2067y\u2068z\u2069",
    "\u200e\u200f\u061c",
    "a\u200bb\u200cc\u200dd",
    "\ufeffbom",
    "\u2060\u2061\u2062\u2063\u2064",
    "\u00adsoft",
    "\u180e\u034f",
    "\u115f\u1160\u3164\uffa0",
    "\u2800\u2800",
    "\U000e0041\U000e0042\U000e007f",
    "x\ufe0e y\ufe0f",
    "z\U000e0100",
    "\u2028line\u2029para",
    "\ufff9a\ufffab\ufffb",
    "\ud800",
    "\udcff\udc80",
    "\ue000\uf8ff\U000f0000",
    "\uffff\ufdd0\U0010ffff",
    "\u00a0\u2003\u3000",
    "👨\u200d👩\u200d👧\u200d👦",
    "🇩🇪🇫🇷",
    "👍🏽",
    "e" + "\u0301" * 60,
    "\u0301\u0302lone",
    "\u20dd\u20e3",
    "क्षि",
    "سلام",
    "שלום",
    "\uff26\uff35\uff2c\uff2c",
    "ﷺ𒐫",
    "\u0440\u0430ypal",
    "東" * 50,
    "x" * 100_000,
    " ",
    "",
    "<U+202E>",
    "'; DROP TABLE sessions;--",
    "../../etc/passwd",
    "%s%n{0}{x}",
    "{self.__class__}",
)
PAYLOADS = _MARKUP + _CONTROLS + _HIDDEN

_ACTIONS = (
    *(
        "app.approve('x')",
        "app.deny('x')",
        "screen.approve",
        "screen.deny",
        "screen.deny_marked",
        "screen.claim",
    ),
    *(
        "app.leave",
        "app.quit",
        "app.bell",
        "app.exit",
        "app.push_screen('help')",
        "app.copy('x')",
        "focused.choose",
    ),
    *(
        "app.screenshot",
        "app.suspend_process",
        "app.open_url('https://evil.example')",
        "screen.dismiss",
        "reload",
    ),
)
_MORE_MARKUP = (
    *(f"[@click={action}]x[/]" for action in _ACTIONS),
    *(f'[@click="{action}" bold]x[/@click]' for action in _ACTIONS),
    *(
        f"[{tag}]x"
        for tag in ("/", "/]", "/[", "=", "@", "@click", "@click=", "link=", "on", "[", "]", "'", '"')
    ),
    *(f"[/{tag}]" for tag in ("tmp/x", "1", "bold", "@click", "link", "", "//", "$x", "b i", "a.b", "'")),
    *(f"[link={scheme}:x]y[/link]" for scheme in ("javascript", "file", "data", "ssh", "x-apple", "vscode")),
)
_C0 = tuple(f"a{chr(code)}b" for code in (*range(32), 127))
_C1 = tuple(f"a{chr(code)}b" for code in range(0x80, 0xA0))
_CSI = tuple(
    f"{lead}{7000 + code};{7100 + code}{chr(code)}"
    for lead in (f"{ESC}[", "\x9b")
    for code in range(0x40, 0x7F)
)
_MODES = tuple(f"{ESC}[{sign}{9000 + number}{end}" for sign in "?><=!" for number in (1, 2) for end in "hln")
_OSC = tuple(
    f"{lead}{number};pwn{number}{end}"
    for number in (0, 1, 2, 4, 7, 8, 9, 10, 11, 12, 22, 50, 52, 99, 104, 133, 633, 777, 1337, 5522)
    for lead, end in ((f"{ESC}]", "\x07"), (f"{ESC}]", f"{ESC}\\"), ("\x9d", "\x9c"), (f"{ESC}]", ""))
)
_STRINGS = tuple(
    f"{ESC}{letter}pwn{letter}{end}" for letter in "PX^_k" for end in (f"{ESC}\\", "\x07", "\x9c", "")
)
_ESCAPES = tuple(f"{ESC}{chr(code)}" for code in range(0x20, 0x7F) if chr(code) not in "[]PX^_k")
_INVISIBLE = tuple(
    f"a{chr(code)}b"
    for first, last in (
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x2069),
        (0xFE00, 0xFE0F),
        (0xE0020, 0xE002F),
    )
    for code in range(first, last + 1)
)
_TOO_MUCH = (
    "[" * 5000,
    "[@click=app.leave]" * 500,
    "\n" * 5000,
    "\u202e" * 5000,
    "e\u0301" * 5000,
    "\U0001f468" * 999,
)

CORPUS = tuple(
    dict.fromkeys(
        (
            *PAYLOADS,
            *_MORE_MARKUP,
            *_C0,
            *_C1,
            *_CSI,
            *_MODES,
            *_OSC,
            *_STRINGS,
            *_ESCAPES,
            *_INVISIBLE,
            *_TOO_MUCH,
        )
    )
)
"""All of it, each once."""


def bundles(size: int) -> list[str]:
    """The corpus with `size` of them in each text, cut to what a line shows; what no JSON can carry is left out."""
    sent = [
        each[:400] for each in CORPUS if each.isascii() or not any("\ud800" <= c <= "\udfff" for c in each)
    ]
    return [" ".join(sent[start : start + size]) for start in range(0, len(sent), size)]
