"""Makes the database recording of `replays/` anew: a real psql, a real PostgreSQL, and a gateway between them.

Run it by hand when the recording format or the adapter changes: `.venv/bin/python -m scripts.make_database_replay`.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from gateway.session.database.parser import Parsers
from tests.postgres.house import House, a_house
from tests.postgres.servers import DatabaseServer, binaries

REPLAYS = Path(__file__).parents[1] / "replays"
NAME = "orders-and-customers.hrec"

SHOP = """
CREATE SCHEMA app;
ALTER DATABASE {database} SET search_path TO app;
SET search_path TO app;
CREATE TABLE customers (id bigint PRIMARY KEY, name text, email text, ssn text, born date, joined timestamptz);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint REFERENCES customers, total numeric(10, 2), state text);
INSERT INTO customers
SELECT n, (ARRAY['Marta', 'Omar', 'Ines', 'Marek', 'Zoe', 'Lars'])[n % 6 + 1] || ' ' ||
       (ARRAY['Kowalska', 'Haddad', 'Marquez', 'Novak', 'Lind'])[n % 5 + 1],
       CASE WHEN n % 7 > 0 THEN 'c' || n || '@example.com' END, '078-05-' || lpad((n * 37 % 10000)::text, 4, '0'),
       date '1960-01-01' + (n * 97 % 15000), timestamptz '2024-02-03 08:00:00+00' + n * interval '3 h 11 min'
  FROM generate_series(1, 900) n;
INSERT INTO orders
SELECT n, n % 900 + 1, (n * 7919 % 90000) / 100.0, (ARRAY['paid', 'shipped', 'returned', 'open'])[n % 4 + 1]
  FROM generate_series(1, 5000) n;
"""
RULES = """
[[rule]]
id    = "everything-else"
match = { user = "*" }
do    = "allow"

[[rule]]
id    = "personal-data"
match = { user = "*" }
do    = "mask"
mask  = { email = "redact", "app.customers.ssn" = "redact", "app.customers.born" = "null" }

[[rule]]
id      = "no-whole-tables"
match   = { verb = ["update", "delete"], has_where = false }
do      = "block"
message = "say which rows"
"""
CONVERSATION = (
    (1.1, "select count(*) as orders, min(total) as least, max(total) as most from orders;"),
    (6.0, "select id, name, email, ssn, born, joined\n  from customers\n where name like 'Mar%'\n limit 8;"),
    (14.0, "update customers set email = null;"),
    (5.5, "begin;"),
    (2.0, "update customers set email = null where id = 611;"),
    (1.6, "commit;"),
    (9.0, "select o.id, c.name, o.total, o.state\n  from orders o join customers c on c.id = o.customer;"),
    (8.2, "select * from order_lines;"),
    (3.0, "select state, count(*), round(avg(total), 2) as average\n  from orders group by 1 order by 2 desc;"),
    (7.0, "prepare of_customer (bigint) as select id, total, state from orders where customer = $1 order by id;"),
    *[(0.4, f"execute of_customer({customer});") for customer in range(611, 623)],
    (4.0, "copy (select id, total, state from orders order by id limit 5) to stdout;"),
    (3.0, "do $$ begin raise notice 'checked % customers', (select count(*) from customers); end $$;"),
)  # fmt: skip


async def converse(house: House) -> None:
    """What a person at psql would send, at the pace of a person."""
    process = await asyncio.create_subprocess_exec(
        "psql", "-X", f"{house.conninfo} application_name=psql",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PGCONNECT_TIMEOUT": "20", "LC_ALL": "C"},
    )  # fmt: skip
    assert process.stdin is not None
    for pause, text in CONVERSATION:
        await asyncio.sleep(pause)
        process.stdin.write(text.encode() + b"\n")
        await process.stdin.drain()
    await asyncio.sleep(1)
    process.stdin.close()
    await process.wait()
    await house.over()


async def main() -> None:
    """Make it, and put it in place."""
    programs = binaries()
    if programs is None or shutil.which("psql") is None:
        sys.exit("needs postgresql")
    server = DatabaseServer.create(programs)
    parsers = Parsers()
    try:
        server.start()
        database = server.new_database()
        with server.connect(database) as connection:
            connection.execute(SHOP.format(database=database))
        await parsers.start()
        with tempfile.TemporaryDirectory(prefix="hoop-replay-") as scratch:
            async with a_house(Path(scratch), parsers) as house:
                house.offer(server, database, keep_rows=100)
                house.rules(RULES)
                await converse(house)
                (path,) = Path(scratch).glob("recordings/**/*.hrec")
                shutil.copyfile(path, REPLAYS / NAME)
    finally:
        await parsers.stop()
        server.remove()


if __name__ == "__main__":
    asyncio.run(main())
