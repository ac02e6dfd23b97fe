"""TLS without the event loop's: whole, in pieces, ended in order or not at all, and meddled with."""

import asyncio
import ssl
from collections.abc import Iterator

import pytest

from gateway.adapters.postgres.encryption import Encryption
from gateway.adapters.postgres.end import SocketEnd
from tests.postgres.authority import Authority

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's and the client's."""
    authority = Authority(tmp_path_factory.mktemp("tls") / "ours")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.server("localhost"))
    client = ssl.create_default_context(cafile=str(authority.file))
    return server, client


@pytest.fixture(params=VERSIONS, ids=lambda version: version.name)
def both(
    request: pytest.FixtureRequest, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> Iterator[tuple[Encryption, Encryption]]:
    """A server and a client that know each other."""
    client = contexts[1]
    client.minimum_version = client.maximum_version = request.param
    yield shaken(*contexts)
    client.minimum_version, client.maximum_version = VERSIONS


def shaken(
    server: ssl.SSLContext, client: ssl.SSLContext, *, step: int = 1 << 20
) -> tuple[Encryption, Encryption]:
    one = Encryption(server, server_side=True, name="")
    other = Encryption(client, server_side=False, name="localhost")
    done = [one.shake_hands(), other.shake_hands()]
    assert done == [False, False]
    while not all(done):
        for place, (me, them) in enumerate([(one, other), (other, one)]):
            data = them.due
            for at in range(0, len(data), step):
                piece = data[at : at + step]
                if done[place]:
                    assert me.decrypt(piece) == b""
                else:
                    done[place] = me.shake_hands(piece)
    assert other.decrypt(one.due) == b""  # tickets, and nothing else
    return one, other


def test_byte_by_byte(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    one, other = shaken(*contexts, step=1)
    sent = other.encrypt(b"hello")
    assert b"".join(one.decrypt(sent[at : at + 1]) for at in range(len(sent))) == b"hello"
    assert not one.ended


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 3 << 20])
def test_any_size_both_ways(both: tuple[Encryption, Encryption], size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    for me, them in (both, both[::-1]):
        assert them.decrypt(me.encrypt(data) if data else b"") == data
        assert them.decrypt(me.encrypt(b"more")) == b"more"


def test_what_comes_with_the_end_comes_first(both: tuple[Encryption, Encryption]) -> None:
    one, other = both
    sent = other.encrypt(b"last words") + other.goodbye()
    assert one.decrypt(sent) == b"last words"
    assert one.ended


def test_what_was_meddled_with_is_refused(both: tuple[Encryption, Encryption]) -> None:
    one, other = both
    sent = bytearray(other.encrypt(b"drop nothing"))
    sent[-1] ^= 1
    with pytest.raises(ssl.SSLError):
        one.decrypt(bytes(sent))


async def accepted(server: ssl.SSLContext) -> tuple[asyncio.Server, int, "asyncio.Queue[SocketEnd]"]:
    """A server whose ends have TLS by the time that they are in the queue."""
    ready: asyncio.Queue[SocketEnd] = asyncio.Queue()
    tasks = set()

    async def greet(end: SocketEnd) -> None:
        await end.start_tls(server, server_side=True)
        await ready.put(end)

    def came(end: SocketEnd) -> None:
        task = asyncio.ensure_future(greet(end))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.get_running_loop().create_server(lambda: SocketEnd(came=came), "127.0.0.1", 0)
    return listening, listening.sockets[0].getsockname()[1], ready


async def test_an_end_says_goodbye_and_hears_it(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    listening, port, ready = await accepted(contexts[0])
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=contexts[1], server_hostname="localhost"
        )
        writer.write(b"at once")  # behind the handshake, in one go with it
        end = await ready.get()
        assert await end.read() == b"at once"
        assert end.secured
        big = b"x" * (5 << 20)
        end.write(big)
        assert await reader.readexactly(len(big)) == big
        end.write(b"bye")
        end.close()
        assert await reader.read() == b"bye"  # asyncio would raise without the goodbye of TLS
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(end.closed.wait(), 10)
        end.write(b"to nobody")
    finally:
        listening.close()


async def by_hand(
    port: int, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Encryption]:
    """A client whose TLS is in the test's own hands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = Encryption(context, server_side=False, name="localhost")
    done = client.shake_hands()
    while not done:
        writer.write(client.due)
        done = client.shake_hands(await reader.read(1 << 16))
    writer.write(client.due)
    return reader, writer, client


async def test_garbage_in_the_middle_ends_it(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    listening, port, ready = await accepted(contexts[0])
    try:
        _, writer, client = await by_hand(port, contexts[1])
        end = await ready.get()
        writer.write(client.encrypt(b"good"))
        assert await end.read() == b"good"
        heard: list[bytes] = []
        end.take_over(heard.append)
        writer.write(b"select 1; -- in the clear, from somebody on the way")
        await asyncio.wait_for(end.closed.wait(), 10)
        assert heard == [b""]  # the end, and nothing of what was slipped in
        writer.close()
    finally:
        listening.close()


@pytest.mark.parametrize(
    "given", [b"", b"\x16\x03\x01garbage that is no handshake", b"GET / HTTP/1.0\r\n\r\n"]
)
async def test_no_handshake(contexts: tuple[ssl.SSLContext, ssl.SSLContext], given: bytes) -> None:
    failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def greet(end: SocketEnd) -> None:
        try:
            await end.start_tls(contexts[0], server_side=True)
        except OSError as problem:
            failed.set_result(problem)

    tasks: list[asyncio.Task[None]] = []
    listening = await asyncio.get_running_loop().create_server(
        lambda: SocketEnd(came=lambda end: tasks.append(asyncio.ensure_future(greet(end)))), "127.0.0.1", 0
    )
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", listening.sockets[0].getsockname()[1])
        writer.write(given)
        if not given:
            writer.write_eof()
        assert isinstance(await asyncio.wait_for(failed, 10), ssl.SSLError if given else ConnectionResetError)
        writer.close()
        await asyncio.gather(*tasks)
    finally:
        listening.close()
