"""Asks the witnesses about one line: where it may stand on the screen, and whether anything of it shows at all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.capture import locate, prompts
from gateway.capture.keys import KeyLine, Sure
from gateway.capture.locate import Anchor
from gateway.capture.reading import Reading, same, unseen, weigh
from gateway.capture.screen import Screen


@dataclass(slots=True)
class Line:
    """One line, from its first key until its program has taken it."""

    keys: KeyLine = field(default_factory=KeyLine)
    anchor: Anchor | None = None
    early: bool = False
    """It was begun before the line before it was taken: where it will be shown is not known."""
    after: bool = False
    """It stands right below the line before it."""
    blank: bool = False
    """Nothing of it was shown when Enter was sent. What shows later is an echo that was late, or something else."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known from the lines before."""

    zone: Anchor | None
    """Where the shell says that its line begins."""
    prompts: Iterable[str]
    """Prompts at which lines were read with certainty."""


@dataclass(frozen=True, slots=True)
class _Said:
    prompt: str
    text: str


def testify(screen: Screen, line: Line, context: Context) -> Reading | None:
    """What would be run now, or None where this is no command: an empty line, a password, a full-screen program."""
    if locate.is_full_screen(screen):
        return _within_full_screen(screen, line.keys, context)
    if _is_painted_over(screen, line):
        return _after_full_screen(screen, line.keys, context)
    keys = line.keys
    untouched = not keys.typed and keys.sure is Sure.ALL
    options = _at_known_prompts(screen, keys, context) if untouched else _options(screen, line, context)
    said = _chosen(list(options), keys)
    zone = _zone(screen, line, context)
    if said is None and zone is None:
        return unseen("") if keys.typed else None
    prompt = said.prompt if said else zone.prompt if zone else ""
    hidden = line.blank or prompts.hides_keys(prompt)
    if line.blank and line.anchor and (said is None or not same(said.text, keys.text)):
        return _blind(keys, line.anchor.prompt, screen, context)
    shown = [each.text for each in (said, zone) if each is not None and each.text.strip()]
    if not any(_is_shown(text, keys, hidden) for text in shown):
        return _blind(keys, prompt, screen, context)
    suggestion = _before_suggestion(screen, line, said)
    if suggestion is not None:
        doubtful = prompts.recalls(suggestion)
        return Reading(suggestion, "low" if doubtful else "medium", ("keys", "screen"), prompt)
    return _weighed(said, zone, keys)


def _is_painted_over(screen: Screen, line: Line) -> bool:
    """A full-screen program was there when the line began, or has been since."""
    anchor = line.anchor
    return anchor is not None and (anchor.full_screen or screen.painted != anchor.painted)


def _within_full_screen(screen: Screen, keys: KeyLine, context: Context) -> Reading | None:
    """A line only where a prompt that is known stands there and the keys agree, as within tmux."""
    said = _chosen(list(_at_known_prompts(screen, keys, context)), keys)
    return _weighed(said, None, keys) if said and keys.typed and same(said.text, keys.text) else None


def _after_full_screen(screen: Screen, keys: KeyLine, context: Context) -> Reading | None:
    """The first keys went to a program that is gone, as the `q` of a pager; the others are behind a known prompt."""
    said = _chosen(list(_at_known_prompts(screen, keys, context)), keys)
    if said is None or not said.text.strip():
        return None
    agrees = bool(keys.sure) and keys.text.rstrip().endswith(said.text.strip())
    return weigh(
        said.text,
        None,
        said.text if agrees else keys.text if keys.sure else None,
        keys_sure=keys.sure is Sure.ALL,
        prompt=said.prompt,
    )


def _weighed(said: _Said | None, zone: _Said | None, keys: KeyLine) -> Reading:
    return weigh(
        said.text if said else None,
        zone.text if zone else None,
        keys.text if keys.sure and keys.typed else None,
        keys_sure=keys.sure is Sure.ALL,
        prompt=said.prompt if said else zone.prompt if zone else "",
    )


def _options(screen: Screen, line: Line, context: Context) -> Iterator[_Said]:
    """Where the line may stand, the likeliest first."""
    anchor = None if line.early else line.anchor
    if anchor and context.zone and anchor.row is context.zone.row and anchor.x < context.zone.x:
        anchor = context.zone  # the first key was faster than the prompt
    found = prompts.searched(locate.cursor_line(screen))
    if found is not None:
        yield _Said(anchor.prompt if anchor else "", found)
        return
    if anchor and any(_has_more(anchor.prompt, prompt) for prompt in context.prompts):
        yield from _at_known_prompts(
            screen, line.keys, context
        )  # something stood on the line before the first key
        return
    if anchor and any(_has_more(prompt, anchor.prompt) for prompt in context.prompts):
        yield from _at_known_prompts(screen, line.keys, context)  # the first key was faster than the prompt
    from_anchor = locate.from_anchor(screen, anchor) if anchor else None
    if anchor and from_anchor is not None and locate.on_anchor_line(screen, anchor):
        yield _Said(anchor.prompt, _in_one_row(from_anchor, line.keys))
    if anchor and (text := locate.after_prompt(screen, anchor.prompt)) is not None:
        yield _Said(anchor.prompt, text)
    yield from _at_known_prompts(screen, line.keys, context)
    if anchor and from_anchor is not None:
        yield _Said(anchor.prompt, from_anchor)
    ending = _ending(screen, line.keys)
    if ending is not None:
        yield ending


def _in_one_row(text: str, keys: KeyLine) -> str:
    """Line editors that paint a long line again may not let it wrap. Then only the keys know that it is one."""
    whole = text.replace("\n", "")
    return whole if keys.sure is Sure.ALL and not keys.has_rows and whole == keys.text.rstrip() else text


def _has_more(text: str, prompt: str) -> bool:
    return text.startswith(prompt) and bool(text[len(prompt) :].strip())


def _at_known_prompts(screen: Screen, keys: KeyLine, context: Context) -> Iterator[_Said]:
    for prompt in context.prompts:
        text = locate.after_prompt(screen, prompt, rows_above=keys.has_rows)
        if text is not None:
            yield _Said(prompt, text)


def _ending(screen: Screen, keys: KeyLine) -> _Said | None:
    """The cursor's line ends in what was typed, after what looks like a prompt."""
    shown, typed = locate.cursor_line(screen), keys.text.rstrip()
    if keys.sure is not Sure.ALL or not typed or not shown.endswith(typed):
        return None
    prompt = shown.removesuffix(typed)
    return _Said(prompt, typed) if prompts.looks_like_prompt(prompt) else None


def _chosen(options: list[_Said], keys: KeyLine) -> _Said | None:
    """Where the keys agree, or else the likeliest."""
    if keys.sure is Sure.ALL and keys.typed:
        for said in options:
            if same(said.text, keys.text):
                return said
    return options[0] if options else None


def _zone(screen: Screen, line: Line, context: Context) -> _Said | None:
    if context.zone is None or (line.early and not locate.on_anchor_line(screen, context.zone)):
        return None
    text = locate.from_anchor(screen, context.zone)
    return None if text is None else _Said(context.zone.prompt, text)


def _blind(keys: KeyLine, prompt: str, screen: Screen, context: Context) -> Reading | None:
    """Nothing shows: nothing was typed, or a secret was, or the program does not echo."""
    if not keys.typed or (keys.sure and not keys.text.strip()):
        return None
    if prompt in context.prompts:
        return unseen(prompt)  # lines are run at this one, whatever it is called
    above = screen.row_text(screen.y - 1) if screen.y and not prompt.strip() else ""
    return None if prompts.hides_keys(prompt) or prompts.hides_keys(above) else unseen(prompt)


def _is_shown(text: str, keys: KeyLine, hidden: bool) -> bool:
    """Whether this is the line, and not stars in its place or what the program says next."""
    if keys.sure is Sure.ALL and keys.typed and same(text, keys.text):
        return True
    return not (hidden and keys.sure is Sure.ALL and keys.typed) and not set(text.strip()) <= prompts.MASKS


def shows_nothing(screen: Screen, line: Line) -> bool:
    """Something was typed and the place of the line is known, but it is empty."""
    if line.early or line.anchor is None or not line.keys.typed or line.keys.sure is not Sure.ALL:
        return False
    text = locate.from_anchor(screen, line.anchor)
    return text is not None and not _is_shown(text, line.keys, hidden=False)


def _before_suggestion(screen: Screen, line: Line, said: _Said | None) -> str | None:
    """Some shells show after the cursor what they would complete to. What was typed stands before it."""
    keys = line.keys
    if said is None or line.anchor is None or line.early or not keys.at_end or keys.sure is not Sure.ALL:
        return None
    if not keys.typed or same(said.text, keys.text):
        return None
    shown = locate.to_cursor(screen, line.anchor)
    return keys.text.rstrip() if shown is not None and same(shown, keys.text) else None
