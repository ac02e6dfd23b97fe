"""Connections that go on for longer than numbers of 32 bits count."""

import os

import pytest
from asyncssh.packet import UInt32

from gateway.core.shown import Stream
from tests.ssh.wire_pair import End

LAST = 0xFFFF_FFFF


@pytest.mark.parametrize("fast", [(True, True), (True, False), (False, True), (False, False)])
async def test_more_packets_than_there_are_numbers(fast: tuple[bool, bool]) -> None:
    """The number of a packet begins again at zero, on both sides, between packets of every kind."""
    speaker, hearer = (End(fast=each) for each in fast)
    speaker.connection._send_seq = hearer.connection._recv_seq = LAST - 5
    data = [os.urandom(40_000) for _ in range(10)]
    for each in data:
        speaker.side.send(each)
        speaker.say(2, UInt32(0))
        hearer.hear(speaker.wire.take())
    assert hearer.is_open
    assert hearer.got() == [(Stream.OUT, b"".join(data))]
    assert hearer.connection._recv_seq == speaker.connection._send_seq < 100
