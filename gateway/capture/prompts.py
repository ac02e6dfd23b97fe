"""What prompts look like: passwords, pagers, continued statements, searches in the history. Guesses, all of them."""

import re

NO_ECHO_EXPECTED = re.compile(
    r"pass(?:word|wort|phrase|code|wd)|\bpin\b|secret|\btoken\b|\botp\b|one.time|verification code|kennwort"
    r"|mot de passe|contrase|senha|wachtwoord|l\xf6senord|has\u0142o|\u043f\u0430\u0440\u043e\u043b"
    r"|\u5bc6\u7801|\u5bc6\u78bc|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638",
    re.IGNORECASE,
)

_PAGER = re.compile(r":|\(END\)|--More--.*|lines \d+.*|.* \(END\)|.*\(press h for help.*|Pattern not found.*")

_ZSH_WORD = (
    r"(?:for|foreach|while|until|if|then|else|elif|elif-then|do|case|select|repeat|function|cmdsubst|subsh|quote"
    r"|dquote|bquote|pipe|errpipe|cmdand|cmdor|cursh|heredoc|heredocd|math|mathsubst|braceparam|array|always"
    r"|cond|coproc|brace|nocorrect)"
)
_SHELL_MORE = re.compile(rf"> ?|{_ZSH_WORD}(?: {_ZSH_WORD})*> ")
_PYTHON_MORE = re.compile(r"(?:\.\.\.|   \.\.\.:) ")
_PSQL_MORE = re.compile(r"\S*[-*'\"(^!$][>#] ?")
_OTHER_MORE = re.compile(r" *(?:\.\.\.|[-'\"`/*]*)> ?| +\d+  |\.\.\.+ ?")

_SEARCH = re.compile(r"\((?:failed )?(?:reverse-|fwd-|forward-)?i-search\)`[^']*': (?P<found>.*)", re.DOTALL)
_SEARCH_BELOW = re.compile(r"(?:failing )?(?:bck|fwd)-i-search: ")
_SHELL_LIKE = re.compile(r"[$#%>\u276f\u279c\xbb\u03bb:?\])] {0,2}\Z")
_RECALLS = re.compile(r"^\^|(?<![\\\[$])!(?![\s=(~\"']|$)")
MASKS = frozenset("*\u2022\u25cf\xb7")


def hides_keys(prompt: str) -> bool:
    """People type secrets at this prompt."""
    return bool(NO_ECHO_EXPECTED.search(prompt))


def is_pager(row: str) -> bool:
    """The last row of a pager that did not take the alternate screen."""
    return bool(_PAGER.fullmatch(row.strip()))


def continues(prompt: str) -> bool:
    """A program asks for more of a statement that it has not run yet."""
    return any(form.fullmatch(prompt) for form in (_SHELL_MORE, _PYTHON_MORE, _PSQL_MORE, _OTHER_MORE))


def drops_all_on_interrupt(prompt: str) -> bool:
    """Ctrl-C at this prompt for more gives up the whole statement, and the program's first prompt proves it. Known
    of shells, Python and psql. Not so in sqlite3, which keeps what it has."""
    return any(form.fullmatch(prompt) for form in (_SHELL_MORE, _PYTHON_MORE, _PSQL_MORE))


def searched(row: str) -> str | None:
    """What a search in the history has found, where a row shows one as readline does."""
    match = _SEARCH.search(row)
    return match["found"] if match else None


def is_search_below(row: str) -> bool:
    """The row that zsh shows below the line while it searches."""
    return bool(_SEARCH_BELOW.match(row))


def looks_like_prompt(text: str) -> bool:
    """Ends as prompts do, or is nothing at all."""
    return not text.strip() or continues(text) or bool(_SHELL_LIKE.search(text))


def recalls(text: str) -> bool:
    """A shell would put something from its history in place of this, so what it will run is not on the line."""
    return bool(_RECALLS.search(text))


def alike(prompt: str, other: str) -> bool:
    """The same prompt but for numbers in it, such as the time or the last exit status."""
    return prompt == other or (bool(prompt.strip()) and _shape(prompt) == _shape(other))


def _shape(prompt: str) -> str:
    return re.sub(r"\d+", "0", prompt).strip()
