"""What the short way takes for a Bind like the last one says the same as reading it anew, whatever bytes come."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.adapters.postgres.express import Lane, bound_like
from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import numbers
from gateway.wire.postgres.messages import Bind, make_bind, parse_bind

VALUES = st.lists(st.one_of(st.none(), st.binary(max_size=9)), max_size=4)
FORMATS = st.sampled_from([(), (0,), (1,)])


def lane_of(bind: Bind) -> Lane:
    sent, tail = make_bind(bind), numbers("H", bind.result_formats)
    size = sum(4 + len(value or b"") for value in bind.values)
    return Lane(
        bind.statement,
        sent[5 : len(sent) - len(tail) - size],
        len(bind.values),
        bind.formats,
        bind.result_formats,
        tail,
    )


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """The message with some of its bytes replaced, from its fifth on."""
    made = bytearray(data)
    for _ in range(draw(st.integers(0, 3))):
        made[draw(st.integers(5, len(made) - 1))] = draw(st.integers(0, 255))
    return bytes(made)


@given(st.data())
@settings(max_examples=300)
def test_the_same_as_reading_it(data: st.DataObject) -> None:
    formats, result_formats = data.draw(FORMATS), data.draw(FORMATS)
    first = Bind("", "s", formats, tuple(data.draw(VALUES)), result_formats)
    values = data.draw(st.one_of(st.just(first.values), VALUES.map(tuple)))
    sent = data.draw(changed(make_bind(Bind("", "s", formats, values, result_formats))))
    behind = sent + b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"
    found = bound_like(behind, len(sent), lane_of(first))
    try:
        read = parse_bind(sent[5:])
    except Malformed:
        assert found is None
        return
    assume(found is not None)
    assert (read.portal, read.statement, read.formats, read.result_formats) == (
        "",
        "s",
        formats,
        result_formats,
    )
    assert found == [None if value is None else bytes(value) for value in read.values]


def test_one_like_the_last_is_found() -> None:
    first = Bind("", "s", (), (b"1", None), (0,))
    sent = make_bind(Bind("", "s", (), (b"12345", b""), (0,)))
    assert bound_like(sent, len(sent), lane_of(first)) == [b"12345", b""]
    other = make_bind(Bind("", "s2", (), (b"12345", b""), (0,)))
    assert bound_like(other, len(other), lane_of(first)) is None
