"""What only shows when the settings about signing in are seen together: issuers, machines, linked people."""

from collections.abc import Iterator

from gateway.app.config_problems import Path, did_you_mean
from gateway.app.settings import Settings
from gateway.identity.job_claims import pattern_problem

Finding = tuple[Path, str]


def check_sign_in(settings: Settings) -> Iterator[Finding]:
    """Everything that does not fit together."""
    yield from _issuers(settings)
    yield from _linked_people(settings)
    yield from _machines(settings)
    if settings.gateway.public_url is not None and settings.listen.api is None:
        yield ("gateway", "public_url"), "leads nowhere: no door is open for the API; add listen.api"


def _issuers(settings: Settings) -> Iterator[Finding]:
    names, addresses = set[str](), set[str]()
    for index, issuer in enumerate(settings.issuer):
        if issuer.name in names:
            yield ("issuer", index, "name"), f'there are two issuers with the name "{issuer.name}"'
        if issuer.url in addresses:
            yield ("issuer", index, "url"), "is another issuer's, too"
        if "openid" not in issuer.scopes:
            yield ("issuer", index, "scopes"), 'must have "openid" in it'
        api = settings.listen.api
        if settings.gateway.public_url is None and (api is None or not api.is_loopback):
            yield (
                ("issuer", index),
                "needs gateway.public_url: people's browsers must find their way back to the gateway",
            )
        names.add(issuer.name)
        addresses.add(issuer.url)


def _linked_people(settings: Settings) -> Iterator[Finding]:
    known = [issuer.name for issuer in settings.issuer]
    linked: dict[tuple[str, str], str] = {}
    for index, person in enumerate(settings.person):
        if (person.issuer is None) != (person.subject is None):
            key = "issuer" if person.subject is None else "subject"
            yield ("person", index, key), "issuer and subject say together whose sign-in it is: give both"
        elif person.issuer is not None and person.subject is not None:
            if person.issuer not in known:
                hint = did_you_mean(person.issuer, known)
                yield ("person", index, "issuer"), f'there is no issuer "{person.issuer}"{hint}'
            owner = linked.setdefault((person.issuer, person.subject), person.name)
            if owner != person.name:
                yield ("person", index, "subject"), f"is {owner}'s already"


def _machines(settings: Settings) -> Iterator[Finding]:
    names: set[str] = set()
    for index, machine in enumerate(settings.machine):
        if machine.name.casefold() in names:
            yield ("machine", index, "name"), f'there are two machines with the name "{machine.name}"'
        names.add(machine.name.casefold())
        if not machine.targets:
            yield ("machine", index, "targets"), "must name the targets that the machine may reach"
        for claim, values in machine.claims.items():
            for value in values:
                if problem := pattern_problem(value):
                    yield ("machine", index, "claims"), f"{claim}: {problem}"
        if machine.issuer is None and (machine.claims or machine.audience):
            yield ("machine", index), "has claims or an audience, but no issuer that vouches for them"
        if machine.issuer is not None and not (machine.claims and machine.audience):
            yield (
                ("machine", index, "issuer"),
                "vouches for many: name the audience, and the claims that are this machine's alone",
            )
