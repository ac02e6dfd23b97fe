"""More rows for the table of forgeries.py: rightly signed tokens that are still not for this sign-in, or say what
can not be. Loading this module adds them.
"""

import hashlib

from tests.identity.oidc import mint
from tests.identity.oidc.forgeries import claim_row, row
from tests.identity.oidc.mint import b64

TOO_LONG = "the token from corp has more than 64 KiB, most often because of too many groups"
ISSUER = "the token says that another provider than corp made it"
AUDIENCE = "the token from corp is not for this gateway"
AUDIENCE_FORM = "the token from corp says in no readable form whom it is for"
PARTY = "the token from corp was asked for by somebody else"
EXPIRED = "the token from corp has expired"
FUTURE = "the token from corp is from the future; the clocks may differ"
TIMES = "the token from corp does not say in readable form from when until when it is good"
SUBJECT = "the token from corp does not say whom it is about"
NONCE = "the token belongs to another sign-in than this one"
TOGETHER = "the token was not made together with what came with it"
NO_NAME = "corp did not send the claim that names you"
BAD_NAME = "corp sent a name for you that can not be used: up to 128 letters, digits and . _ @ + -"
UNVERIFIED = "corp has not verified your e-mail address, so it can not be your name here"
NO_GROUPS = "corp did not say which groups you are in"
NO_LIST = "corp did not send your groups as a list"
OVERAGE = (
    "corp did not send your groups because there are too many; it must be told to send only those that this gateway"
    " needs"
)

# I-5: rightly signed, and still not for this sign-in.
claim_row("iss-of-another", ISSUER, iss="https://evil.example.com")
claim_row("iss-missing", ISSUER, iss=None)
row("iss-with-a-slash", ISSUER, lambda craft: mint.token(craft.claims(iss=craft.scene.stub.url + "/")))
row("iss-in-upper-case", ISSUER, lambda craft: mint.token(craft.claims(iss=craft.scene.stub.url.upper())))
row("iss-as-a-list", ISSUER, lambda craft: mint.token(craft.claims(iss=[craft.scene.stub.url])))
claim_row("aud-of-another", AUDIENCE, aud="other")
claim_row("aud-in-upper-case", AUDIENCE, aud="HOOP")
claim_row("aud-missing", AUDIENCE_FORM, aud=None)
claim_row("aud-empty-list", AUDIENCE, aud=[])
claim_row("aud-as-a-number", AUDIENCE_FORM, aud=7)
claim_row("aud-as-an-object", AUDIENCE_FORM, aud={"hoop": True})
claim_row("aud-list-with-a-number", AUDIENCE_FORM, aud=["hoop", 7])
claim_row("aud-nested-list", AUDIENCE_FORM, aud=[["hoop"]])
claim_row("aud-of-many", AUDIENCE_FORM, aud=["hoop"] * 101)
claim_row("aud-that-begins-alike", AUDIENCE, aud="hoop-admin")
claim_row("several-aud-without-azp", PARTY, aud=["hoop", "other"])
claim_row("several-aud-azp-of-another", PARTY, aud=["hoop", "other"], azp="other")
claim_row("azp-of-another", PARTY, azp="other")
claim_row("azp-as-a-list", PARTY, azp=["hoop"])
claim_row("nonce-missing", NONCE, nonce=None)
claim_row("nonce-of-another", NONCE, nonce="x" * 43)
claim_row("nonce-empty", NONCE, nonce="")
claim_row("nonce-as-a-list", NONCE, nonce=["x"])
claim_row("nonce-surrogate", NONCE, nonce="\ud800")
for name in ("exp", "iat"):
    claim_row(f"{name}-missing", TIMES, **{name: None})
for name in ("exp", "iat", "nbf"):
    for odd_time in ("1795165200", True, [1], -1, 0, 1e300, 10**40):
        claim_row(f"{name}-is-{str(odd_time)[:12]}", TIMES, **{name: odd_time})
row(
    "expired-for-60-seconds",
    EXPIRED,
    lambda craft: mint.token(craft.claims(exp=craft.at(-60), iat=craft.at(-99))),
)
row("iat-in-61-seconds", FUTURE, lambda craft: mint.token(craft.claims(iat=craft.at(61))))
row("nbf-in-61-seconds", FUTURE, lambda craft: mint.token(craft.claims(nbf=craft.at(61))))
for odd_subject in ("", " ", "a" * 256, "älice", "a\nb", "a\0", " a", "a ", 7, ["a"], "\ud800"):
    claim_row(f"sub-{str(odd_subject)[:12]!r}", SUBJECT, sub=odd_subject)
claim_row("sub-missing", SUBJECT, sub=None)
claim_row("at_hash-of-another", TOGETHER, at_hash=b64(hashlib.sha256(b"other").digest()[:16]))
claim_row("at_hash-not-halved", TOGETHER, at_hash=b64(hashlib.sha256(b"acc355").digest()))
claim_row("at_hash-empty", TOGETHER, at_hash="")
claim_row("at_hash-as-a-list", TOGETHER, at_hash=["x"])
claim_row("c_hash-of-another", TOGETHER, c_hash=b64(hashlib.sha256(b"other").digest()[:16]))
claim_row("c_hash-as-a-number", TOGETHER, c_hash=7)

# I-7: an e-mail address that anybody could have typed in.
claim_row("email-not-verified", UNVERIFIED, email_verified=False)
claim_row("email-verified-not-said", UNVERIFIED, email_verified=None)
claim_row("email-verified-as-text", UNVERIFIED, email_verified="true")
claim_row("email-verified-as-a-number", UNVERIFIED, email_verified=1)
claim_row("email-missing", NO_NAME, email=None)
for odd_name in (
    "",
    "a b",
    "../x",
    "a\nb",
    "älice@example.com",
    "x" * 129,
    "alice%web-1",
    "-rf",
    "alice\n",
    "a:b",
    "a,b",
):
    claim_row(f"name-{odd_name[:12]!r}", BAD_NAME, email=odd_name)
claim_row("name-as-a-list", BAD_NAME, email=["alice@example.com"])

# I-8: groups.
claim_row("groups-missing", NO_GROUPS, groups=None)
claim_row("groups-as-text", NO_LIST, groups="sre")
claim_row("groups-as-an-object", NO_LIST, groups={"sre": True})
claim_row(
    "groups-overage", OVERAGE, groups=None, _claim_names={"groups": "src1"}, _claim_sources={"src1": {}}
)
claim_row("groups-hasgroups", OVERAGE, groups=None, hasgroups=True)
claim_row("groups-and-overage", OVERAGE, groups=["sre"], _claim_names={"groups": "src1"})
claim_row(
    "groups-too-many",
    "corp sent 1001 groups for you, and at most 1000 are taken",
    groups=[f"g{number}" for number in range(1001)],
)
claim_row(
    "groups-5000",
    "corp sent 5000 groups for you, and at most 1000 are taken",
    groups=[str(number) for number in range(5000)],
)
claim_row("groups-5000-with-long-names", TOO_LONG, groups=[f"a-long-name-{number}" for number in range(5000)])
for odd_group in (
    "",
    " sre",
    "a\nb",
    "a\x1b[1m",
    "a\u202eb",
    "a\u200bb",
    "x" * 257,
    7,
    None,
    ["sre"],
    "cafe\u0301",
):
    claim_row(
        f"groups-with-{str(odd_group)[:8]!r}",
        "corp sent groups for you that can not be used: 1 of 2",
        groups=["sre", odd_group],
    )
row("a-token-of-65-KiB", TOO_LONG, lambda craft: mint.token(craft.claims(filler="x" * (65 << 10))))
