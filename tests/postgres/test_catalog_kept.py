"""How long what was read of a database is relied on."""

import asyncio

from gateway.adapters.postgres.catalogs import Catalogs, KeptCatalog
from gateway.core.catalog import Catalog
from gateway.core.errors import Unreachable


def state(kept: KeptCatalog) -> tuple[bool, bool]:
    """Whether it is complete, and fresh."""
    return kept.current is not None and kept.current.complete, kept.is_fresh


async def test_it_is_read_once_and_again_when_it_may_be_outdated() -> None:
    read: list[Catalog] = []

    async def reading() -> Catalog:
        read.append(Catalog())
        return read[-1]

    kept = Catalogs().of("appdb", "app", reading)
    assert not kept.is_fresh
    await kept.refresh()
    await kept.refresh()
    assert kept.current is read[0]
    kept.outdate()
    assert not kept.is_fresh
    assert kept.is_recent
    assert kept.current is read[0].in_doubt()
    await kept.refresh()
    assert kept.current is read[1]
    assert len(read) == 2


async def test_a_change_while_it_is_read_leaves_it_in_doubt() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def reading() -> Catalog:
        began.set()
        await go_on.wait()
        return Catalog()

    kept = KeptCatalog(reading)
    refreshing = asyncio.create_task(kept.refresh())
    await began.wait()
    kept.outdate()
    go_on.set()
    await refreshing
    assert state(kept) == (False, False)
    await kept.refresh()
    assert state(kept) == (True, True)


async def test_what_can_not_be_read_is_not_there() -> None:
    async def reading() -> Catalog:
        raise Unreachable("it is away")

    kept = KeptCatalog(reading)
    await kept.refresh()
    assert kept.current is None
    assert kept.is_fresh
    assert not kept.is_recent
