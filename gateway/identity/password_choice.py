"""Which passwords may be chosen: long enough, and not one that is tried first.

Length is what counts; no rule asks for digits or signs. What is refused besides is short: a few words that everybody
tries (with digits and signs around or inside them), runs and repetitions, and the person's own name.
"""

import re
import unicodedata

from gateway.core.errors import Refused
from gateway.identity.passwords import LONGEST_BYTES, normal

SHORTEST = 12
_FEWEST_DIFFERENT = 5
_SHORTEST_REPEATED = 8
_RUNS = (
    "0123456789" * 5,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "112233445566778899001122",
)
_WORST = frozenset(
    """
    password passwort passwd motdepasse contrasena senha wachtwoord parola mypassword newpassword yourpassword
    secretpassword defaultpassword testpassword temppassword adminpassword rootpassword userpassword secret
    qwerty qwertz azerty qwertyuiop asdfghjkl letmein letmeinplease letmeinnow opensesame trustno welcome welcomeback
    iloveyou iloveyousomuch iloveyouforever admin administrator root superuser sysadmin guest user test
    testing default temporary temp changeme changemenow changemeplease pleasechangeme changethis changeit
    football baseball basketball superman batman princess dragon monkey sunshine shadow master michael jesus
    starwars pokemon computer internet summer winter spring autumn company bastion gateway hoop hooptui
    hoopgateway server login access
    correcthorsebatterystaple thequickbrownfox thequickbrownfoxjumpsoverthelazydog
    """.split()  # noqa: SIM905 - a page of quotes and commas would not read better
)
_DISGUISED = str.maketrans("0134@$5!7", "oieaassit")


def check_new(password: str, person: str) -> None:
    """Raises `Refused` with the reason why somebody of this name may not choose this password."""
    text = normal(password[: LONGEST_BYTES + 1])
    folded = text.casefold()
    if len(text) < SHORTEST:
        raise Refused(f"a password must have at least {SHORTEST} characters")
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        raise Refused(f"a password may have at most {LONGEST_BYTES} bytes")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise Refused("a password may not have control characters in it")
    if len(set(folded)) < _FEWEST_DIFFERENT or len(_repeated(folded)) < _SHORTEST_REPEATED:
        raise Refused("this password repeats itself too much")
    if _is_worst(folded):
        raise Refused("this password is one of the first that are tried")
    if any(part in folded for part in _parts_of(person)):
        raise Refused("a password may not have the person's name in it")


def _is_worst(folded: str) -> bool:
    letters = "".join(letter for letter in folded if letter.isalnum())
    if any(letters in run or letters[::-1] in run for run in _RUNS):
        return True
    word = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded).translate(_DISGUISED)
    return _repeated(re.sub(r"[\W\d_]+", "", word)) in _WORST


def _repeated(text: str) -> str:
    """What the text is a repetition of: itself, where it is none."""
    at = (text + text).find(text, 1)
    return text[:at] if text else text


def _parts_of(person: str) -> set[str]:
    """`alice.smith@example.com` must not be there as a whole, without its domain, or in a longer part of its name."""
    name = normal(person).casefold()
    local = name.partition("@")[0]
    whole = {part for part in (name, local) if len(part) >= 3}
    return whole | {part for part in re.split(r"[\W_]+", local) if len(part) >= 4}
