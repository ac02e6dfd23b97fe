"""The first configuration: what `hoop-gateway init` writes, as text with comments."""

from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.app.config_show import toml_text

_TEXT = """\
# The configuration of a hoop gateway, made by hoop-gateway init.
# After a change: hoop-gateway config check. A running gateway takes it over on SIGHUP.
version = 1

[gateway]
name     = {name}
data_dir = {data_dir}    # ledger, recordings, host key

[listen]                        # leave a line out and that door is closed
ssh = {ssh}
api = {api}         # for hoop-tui; beyond loopback it needs a [tls] table

# Who may sign in: everybody with one of their public keys.
[[person]]
name   = {person}
keys   = [{person_key}]
groups = ["staff"]
roles  = ["person", "auditor"]  # an auditor sees sessions and recordings

# Where they may go. The gateway signs in there with its own key; people never see it.
[[target]]
name = {target}
kind = "ssh"
to   = {to}
user = {user}
key  = {{ file = {key} }}

# What they may do there. What no rule allows is blocked; a block always wins.
[[rule]]
id    = "staff"
match = {{ group = "staff", target = {target} }}
do    = "allow"

[[rule]]
id      = "no-power-off"
match   = {{ verb = "exec", command = ["shutdown*", "reboot*", "poweroff*", "halt*"] }}
do      = "block"
message = "machines are switched off by their owners"

# What they do not get to see. Masking looks at all output, so keep it off targets that send files through ssh.
# [[rule]]
# id    = "no-secrets-on-screens"
# match = {{ target = {target} }}
# do    = "mask"
# mask  = {{ password = "redact", private-key = "redact", cloud-key = "redact", card = "redact" }}
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked."""

    name: str
    data_dir: str
    person: str
    person_key: str
    target: str
    to: str
    user: str
    key: str
    ssh: str
    api: str


def first_config(answers: Answers, directory: Path) -> str:
    """The text of `hoop.toml` in `directory`. Files inside it are named relative to it."""
    key = Path(answers.key).absolute()
    if key.is_relative_to(directory.absolute()):
        key = key.relative_to(directory.absolute())
    values = {**asdict(answers), "key": str(key)}
    return _TEXT.format(**{name: toml_text(value) for name, value in values.items()})
