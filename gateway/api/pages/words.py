"""What the pages say. Every page is made here from what is known; nothing is decided here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from starlette.responses import HTMLResponse

from gateway.api.pages import look
from gateway.api.pages.html import Html, join, tag, value, void
from gateway.api.pages.loopback import ProgramAsks, policy_source
from gateway.api.services import Issuer
from gateway.core.people import Principal
from gateway.session.doorbell import Ring

NOT_KNOWN = (
    "this code is not known here, or not any more: start again in your terminal and open what it shows"
)
ELSEWHERE = "This was not asked for from where you are."
TERMINAL = "You can close this page and go back to your terminal."


@dataclass(frozen=True, slots=True)
class House:
    """Where the person is: shown at the foot of every page."""

    gateway: str
    public_url: str

    @property
    def footer(self) -> Html:
        """So that people can compare it with what they know."""
        host = self.public_url.partition("://")[2]
        return join("This is the access gateway ", value(self.gateway), " at ", value(host), ".")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a sign-in page offers."""

    action: str
    token: str
    issuers: Sequence[Issuer]
    local: bool
    carried: Mapping[str, str]
    """Hidden fields that come back with the form."""


def type_code(house: House, problem: str = "", status: int = 200) -> HTMLResponse:
    """Where people type what their terminal shows."""
    label = tag(
        "label",
        "Code",
        void(
            "input",
            class_="code",
            name="code",
            placeholder="XXXX-XXXX",
            maxlength="20",
            autocomplete="off",
            autocapitalize="characters",
            spellcheck="false",
            autofocus=True,
            required=True,
        ),
    )
    form = tag("form", label, tag("button", "Go on"), action="/d", method="get")
    hint = "Case and hyphens do not matter."
    body = (
        _problem(problem),
        tag("p", "Type the code that your own terminal shows. ", hint, class_="soft"),
        form,
    )
    return look.page("Sign in", tag("h1", "Sign in"), *body, footer=house.footer, status=status)


def choose(
    house: House,
    errand: Ring | ProgramAsks,
    choice: Choice,
    now: datetime,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    """What asks, and who could vouch for the person."""
    if isinstance(errand, Ring):
        waits = "A program waits for you to sign in. Check that it is yours."
        shown = _list(_who_asks(errand) | _since(errand, now))
    else:
        waits = "hoop-tui on this computer waits for you to sign in."
        shown = Html()
    return look.page(
        "Sign in",
        tag("h1", "Sign in"),
        _problem(problem),
        tag("p", waits, class_="soft"),
        shown,
        *_ways(choice, opened=bool(problem)),
        tag("p", "You did not start this yourself, just now? Then close this page.", class_="hint care"),
        footer=house.footer,
        status=status,
    )


def leaving(house: House, title: str, url: str) -> HTMLResponse:
    """The way to a provider. A page, not a redirect: browsers would ask the policy of forms about every host that a
    provider sends them on to."""
    link = tag("a", "Go on to ", value(title), href=url, class_="button")
    heading = tag("h1", "Taking you to ", value(title))
    words = tag("p", "If nothing happens, choose the button.", class_="soft")
    return look.page("Signing in", heading, words, link, footer=house.footer, go_on=url)


def confirm(
    house: House,
    errand: Ring | ProgramAsks,
    principal: Principal,
    *,
    token: str,
    here: str,
    elsewhere: bool,
    now: datetime,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    """The question. Nothing has happened before it is answered."""
    ring = errand if isinstance(errand, Ring) else None
    loud = _elsewhere(ring, here) if ring and elsewhere else Html()
    return look.page(
        "Is this you?",
        tag("h1", "You are ", value(principal.name), "."),
        _problem(problem),
        loud,
        _question(ring),
        _list(_since(ring, now)) if ring else Html(),
        _answers(token, careful=bool(loud)),
        footer=house.footer,
        status=status,
        forms_to=policy_source(errand.redirect_uri) if isinstance(errand, ProgramAsks) else "",
    )


def done(house: House, errand: Ring, principal: Principal) -> HTMLResponse:
    """It worked."""
    who = tag("p", value(errand.what), " goes on as ", tag("strong", value(principal.name)), ".")
    heading = tag("h1", "You are signed in")
    return look.page(
        "Signed in", look.TICK, heading, who, tag("p", TERMINAL, class_="soft"), footer=house.footer
    )


def stopped(house: House, errand: Ring, elsewhere: bool) -> HTMLResponse:
    """They said no."""
    who = tag("p", value(errand.what), " from ", value(errand.peer.address), " was not let in.")
    care = "If somebody sent you here, tell those who run this gateway." if elsewhere else TERMINAL
    return look.page(
        "Stopped", look.CROSS, tag("h1", "Stopped"), who, tag("p", care, class_="soft"), footer=house.footer
    )


def sorry(
    house: House, sentence: str, status: int, again: str = "", headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """It did not work, in one sentence; `again`: where the person can try it again."""
    link = tag("p", tag("a", "Try again", href=again, class_="button")) if again else Html()
    return look.page(
        "Not signed in",
        tag("h1", "Not signed in"),
        _problem(sentence),
        link,
        footer=house.footer,
        status=status,
        headers=headers,
    )


def _ways(choice: Choice, opened: bool) -> list[Html]:
    """A button for each provider; a form for passwords, folded up where there are providers."""
    hidden = [
        void("input", type="hidden", name=name, value=content)
        for name, content in {**choice.carried, "form": choice.token}.items()
    ]
    ways = [
        tag(
            "form",
            *hidden,
            tag("button", "Sign in with ", value(issuer.title), name="issuer", value=issuer.name),
            method="post",
            action=choice.action,
        )
        for issuer in choice.issuers
    ]
    if choice.local:
        button = tag("button", "Sign in with a password", name="local", value="yes")
        form = tag("form", *hidden, *_password_fields(), button, method="post", action=choice.action)
        summary = tag("summary", "With a password of this gateway")
        ways.append(tag("details", summary, form, open=opened) if ways else form)
    if not ways:
        ways.append(_problem("nobody can sign in here: no identity provider is set up"))
    return ways


def _password_fields() -> list[Html]:
    name = void(
        "input", name="name", autocomplete="username", maxlength="128", spellcheck="false", required=True
    )
    password = void(
        "input",
        name="password",
        type="password",
        autocomplete="current-password",
        maxlength="1024",
        required=True,
    )
    otp = void(
        "input",
        name="otp",
        autocomplete="one-time-code",
        inputmode="numeric",
        maxlength="16",
        spellcheck="false",
    )
    digits = tag("span", " if you have an authenticator", class_="hint")
    return [
        tag("label", "Name", name),
        tag("label", "Password", password),
        tag("label", "Six digits", digits, otp),
    ]


def _who_asks(ring: Ring) -> dict[str, str]:
    return {"Asks": ring.what, "From": ring.peer.address}


def _since(ring: Ring, now: datetime) -> dict[str, str]:
    return {
        "Program": ring.peer.client,
        "Since": f"{_ago(now - ring.asked_at)} ({ring.asked_at:%H:%M} UTC)",
        "Good for": _left(ring.expires_at - now),
    }


def _list(rows: Mapping[str, str]) -> Html:
    shown = [
        tag("div", tag("dt", name), tag("dd", value(content)), class_=name.partition(" ")[0].lower())
        for name, content in rows.items()
        if content
    ]
    return tag("dl", *shown)


def _question(ring: Ring | None) -> Html:
    if ring is None:
        return tag("p", "Let ", tag("strong", "hoop-tui on this computer"), " in as you?")
    where = value(ring.peer.address)
    return tag("p", "Let ", tag("strong", value(ring.what)), " from ", where, " in as you?")


def _answers(token: str, careful: bool) -> Html:
    """Yes and no; `careful`: yes takes the code, too, and no is the button that stands out."""
    look_of_yes, look_of_no = ("other", "") if careful else ("", "other")
    yes = tag("button", "Yes, it is me", name="answer", value="yes", class_=look_of_yes)
    no = tag("button", "No, stop it", name="answer", value="no", class_=look_of_no, formnovalidate=True)
    hidden = void("input", type="hidden", name="form", value=token)
    return tag("form", hidden, _own_code() if careful else Html(), yes, no, method="post")


def _elsewhere(ring: Ring, here: str) -> Html:
    where = join(
        "It was asked for at ", value(ring.peer.address), ", and this browser is at ", value(here), ". "
    )
    care = "If somebody sent you this link, they want to come in as you: choose No."
    return tag(
        "div",
        tag("p", tag("strong", ELSEWHERE)),
        tag("p", where, care),
        class_="note warn",
        role="alert",
    )


def _own_code() -> Html:
    field = void(
        "input",
        class_="code",
        name="code",
        maxlength="20",
        autocomplete="off",
        autocapitalize="characters",
        spellcheck="false",
        required=True,
    )
    return tag("label", "It is you, at another machine? Type the code that is on its screen:", field)


def _problem(sentence: str) -> Html:
    if not sentence:
        return Html()
    return tag("div", tag("p", f"{sentence[:1].upper()}{sentence[1:]}."), class_="note bad", role="alert")


def _ago(age: timedelta) -> str:
    seconds = age.total_seconds()
    return "just now" if seconds < 60 else f"{_minutes(int(seconds // 60))} ago"


def _left(left: timedelta) -> str:
    seconds = left.total_seconds()
    return "less than a minute" if seconds < 60 else _minutes(ceil(seconds / 60))


def _minutes(number: int) -> str:
    return "1 minute" if number == 1 else f"{number} minutes"
