"""Whether a server is of the kind that is wanted: it can be written to, it is the primary, a standby, and so on.

Servers since 14 say so at start-up; older ones are asked, as libpq does. It asks nothing of a person's session.
"""

from gateway.adapters.postgres.end import End
from gateway.adapters.postgres.upstream.incoming import Incoming
from gateway.adapters.postgres.upstream.refusal import Missed
from gateway.adapters.postgres.upstream.route import Attrs
from gateway.adapters.postgres.upstream.sign_in import Welcome
from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import Fields
from gateway.wire.postgres.frames import HEAD_SIZE, Run
from gateway.wire.postgres.messages import make_query, parse_ready
from gateway.wire.postgres.tables import ByServer

IS_READ_ONLY = "SHOW transaction_read_only"
IS_STANDBY = "SELECT pg_catalog.pg_is_in_recovery()"


async def suits(attrs: Attrs, welcome: Welcome, end: End, incoming: Incoming) -> bool:
    """Raises `Missed` and `Malformed`."""
    if attrs in (Attrs.ANY, Attrs.PREFER_STANDBY):
        return True
    said = welcome.parameters
    if attrs in (Attrs.PRIMARY, Attrs.STANDBY):
        standby = said.get("in_hot_standby") or await _ask(IS_STANDBY, end, incoming)
        return _is_on(standby) == (attrs is Attrs.STANDBY)
    if "default_transaction_read_only" in said and "in_hot_standby" in said:
        read_only = _is_on(said["default_transaction_read_only"]) or _is_on(said["in_hot_standby"])
    else:
        read_only = _is_on(await _ask(IS_READ_ONLY, end, incoming))
    return read_only == (attrs is Attrs.READ_ONLY)


def _is_on(word: str) -> bool:
    if word not in ("on", "off", "t", "f"):
        raise Malformed("an answer that is neither yes nor no")
    return word in ("on", "t")


async def _ask(statement: str, end: End, incoming: Incoming) -> str:
    """The one value that it answers."""
    end.write(make_query(statement))
    answer = ""
    while True:
        item = await incoming.next()
        if isinstance(item, Run):
            if item.tag != ByServer.DATA_ROW or item.count != 1 or answer:
                raise Malformed("an answer that is more than one row")
            (value,) = Fields(item.data, HEAD_SIZE).values() or (None,)
            answer = str(value or b"", "utf-8", "replace")
        elif item.tag == ByServer.ERROR:
            raise Missed("it does not say what kind of server it is")
        elif item.tag == ByServer.READY:
            parse_ready(item.body)
            return answer
