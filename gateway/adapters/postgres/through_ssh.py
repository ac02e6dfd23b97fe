"""`ssh -L 5432:appdb:5432`: clients of PostgreSQL that come through a channel of a person's SSH connection."""

from gateway.adapters.postgres.cage.inside import Converse
from gateway.adapters.postgres.channel_end import ChannelEnd
from gateway.adapters.ssh.inside import Spawn
from gateway.adapters.ssh.session import Visitor
from gateway.core.people import Target


def begin(converse: Converse, visitor: Visitor, target: Target, spawn: Spawn) -> ChannelEnd:
    """What takes the channel's bytes. `converse` serves whoever comes that way, as the person that SSH knows them to
    be."""
    login = visitor.login.account if visitor.login.target == target.name else ""

    def came(end: ChannelEnd) -> None:
        spawn(converse(end, visitor.principal, target, login))

    return ChannelEnd(visitor.peer, came)
