"""How far a rule about commands reaches among typed lines: what it stops, and what it is documented not to."""

import re
from pathlib import Path

import pytest

from gateway.capture import prompts
from gateway.core.operation import Effect, Operation
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.policy.decide import decide
from gateway.policy.rules import Condition, Policy, Rule
from tests.policy.test_watches_typing import SESSION

PAGE = Path(__file__).resolve().parents[2] / "docs" / "typed-commands.md"
NO_RM = Policy((Rule("no-rm", "block", (Condition("command", ("rm *", "rm")),)),))

STOPPED = r"""
rm -rf /srv
ls; rm -rf /srv
ls;rm -rf /srv
true && rm -rf /srv
false || rm -rf /srv
ls | rm -rf /srv
rm -rf /srv &
(rm -rf /srv)
{ rm -rf /srv; }
$(rm -rf /srv)
`rm -rf /srv`
echo $(rm -rf /srv)
echo "$(rm -rf /srv)"
sudo rm -rf /srv
sudo -u root rm -rf /srv
/bin/rm -rf /srv
//bin/rm -rf /srv
../bin/rm -rf /srv
\rm -rf /srv
'rm' -rf /srv
"rm" -rf /srv
r"m" -rf /srv
r\m -rf /srv
command rm -rf /srv
builtin command rm -rf /srv
exec rm -rf /srv
env rm -rf /srv
env -i rm -rf /srv
X=1 rm -rf /srv
nohup rm -rf /srv
time rm -rf /srv
nice rm -rf /srv
timeout 5 rm -rf /srv
xargs rm -rf /srv
echo /srv | xargs rm -rf
find /srv -exec rm -rf {} +
if true; then rm -rf /srv; fi
for i in 1; do rm -rf /srv; done
while rm -rf /srv; do break; done
f() { rm -rf /srv; }; f
eval rm -rf /srv
eval "rm -rf /srv"
eval "r""m -rf /srv"
bash -c 'rm -rf /srv'
sh -c "rm -rf /srv"
bash <<< 'rm -rf /srv'
echo cm0gLXJmIC9zcnYK | base64 -d | sh
X=rm; $X -rf /srv
X=rm; ${X} -rf /srv
${X:-rm} -rf /srv
$(echo rm) -rf /srv
$(printf '\162\155') -rf /srv
$'\x72\x6d' -rf /srv
alias q=rm; q -rf /srv
. ./do.sh
source do.sh
vim -c '!rm -rf /srv'
busybox rm -rf /srv
ssh localhost rm -rf /srv
/b?n/rm -rf /srv
rm\<NL> -rf /srv
!rm
^ls^rm -rf /srv^
rm	-rf	/srv
rm  -rf  /srv
{rm,-rf,/srv}
trap 'rm -rf /srv' EXIT
coproc rm -rf /srv
rm${IFS}-rf${IFS}/srv
python3 -c 'import shutil; shutil.rmtree("/srv")'
perl -e 'unlink glob "/srv/*"'
/bin/r* -rf /srv
[ a = b ] || rm -rf /srv
""".strip().split("\n")
"""`<NL>` stands for a line end."""


def verdict(line: str) -> Verdict:
    """What becomes of a line that two witnesses have read; one from the history is doubtful in itself."""
    text = line.replace("<NL>", "\n")
    details = {"command": text, "confidence": "low" if prompts.recalls(text) else "high"}
    return decide(NO_RM, Operation("typed", text, frozenset({Effect.RUN}), details=details), SESSION)


def documented() -> list[str]:
    """The lines that the documentation says are not caught."""
    (block,) = re.findall(r"```not-caught\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(block).strip().split("\n")


@pytest.mark.parametrize("line", STOPPED)
def test_what_is_stopped(line: str) -> None:
    assert isinstance(verdict(line), Deny)


def test_what_is_not_stopped_is_documented() -> None:
    assert len(documented()) >= 8
    for line in documented():
        assert isinstance(verdict(line), Allow), f"{line} is stopped by now: move it to STOPPED"
