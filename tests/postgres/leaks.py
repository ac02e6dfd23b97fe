"""Ways to get at a masked column that must show nothing of it: each is one statement, or several in a session."""

import base64
import hashlib

SECRET = "SSN-4711-Kx"
"""The only value of the masked column."""

SCHEMA = f"""
create schema app;
create table app.customers (id int primary key, name text, ssn text, born date);
insert into app.customers values (1, 'Ada', '{SECRET}', '1815-12-10');
create table app.orders (id int primary key, customer int, total numeric);
insert into app.orders values (1, 1, 10);
create view app.v as select id, name, ssn as tax_id from app.customers;
create view app.v2 as select v.tax_id || '!' as t2, v.name from app.v v;
create view app.clean as select id, name from app.customers;
create materialized view app.mv as select id, ssn as contact from app.customers;
create table app.parts (id int, ssn text, region text) partition by list (region);
create table app.parts_eu partition of app.parts for values in ('eu');
insert into app.parts values (1, '{SECRET}', 'eu');
create table app.vip (level int) inherits (app.customers);
insert into app.vip values (2, 'Bea', '{SECRET}', '1815-12-10', 3);
create function app.look(i int) returns text language sql stable as 'select ssn from app.customers where id = i';
create function app.code(i int) returns text language plpgsql as
    $$begin return (select ssn from app.customers where id = i); end$$;
create function app.people() returns setof app.customers language sql stable as 'select * from app.customers';
create table app.clean_copy (id int, name text, extra text);
create sequence app.counter;
create unique index on app.customers (ssn);
analyze app.customers;
"""

FORBIDDEN = (
    SECRET,
    SECRET[::-1],
    SECRET[4:8],
    hashlib.md5(SECRET.encode(), usedforsecurity=False).hexdigest(),
    SECRET.encode().hex(),
    base64.b64encode(SECRET.encode()).decode(),
)
"""What of it must not be seen: the value, or what one can easily get back to it from."""

STATEMENTS = (
    "select ssn from app.customers",
    "select * from app.customers",
    "table app.customers",
    "select ssn as harmless from app.customers",
    "select c.* from app.customers c",
    'select "ssn" from app.customers',
    'select U&"\\0073sn" from app.customers',
    "select (select ssn from app.customers limit 1)",
    "with q as (select ssn as s from app.customers) select s from q",
    "with recursive q(s, n) as (select ssn, 1 from app.customers union all "
    "select s, n + 1 from q where n < 3) table q",
    "select x.s from app.orders o, lateral (select ssn as s from app.customers c where c.id = o.customer) x",
    "select ssn from app.customers union select name from app.customers",
    "select name from app.customers union all select ssn from app.customers",
    "select min(ssn) from app.customers",
    "select lag(ssn) over (order by id), lead(ssn) over (order by id) from app.customers",
    "select string_agg(ssn, ',') from app.customers",
    "select array_agg(ssn) from app.customers",
    "select array[ssn] from app.customers",
    "select row(ssn, 1) from app.customers",
    "select c from app.customers c",
    "select c::text from app.customers c",
    "select row_to_json(c) from app.customers c",
    "select to_jsonb(c) ->> ('s' || 'sn') from app.customers c",
    "select jsonb_object_agg(id, ssn) from app.customers",
    "select json_agg(c) from app.customers c",
    "select (c).ssn from app.customers c",
    "select reverse(ssn) from app.customers",
    "select substr(ssn, 1, 5), substr(ssn, 5, 4) from app.customers",
    "select md5(ssn) from app.customers",
    "select encode(ssn::bytea, 'base64') from app.customers",
    "select encode(ssn::bytea, 'hex') from app.customers",
    "select ssn::bytea from app.customers",
    "select translate(ssn, 'S', 'S') from app.customers",
    "select case when true then ssn end from app.customers",
    "select coalesce(null, ssn) from app.customers",
    "select greatest(ssn, 'A') from app.customers",
    "select format('%s', ssn) from app.customers",
    "select tax_id from app.v",
    "select * from app.v2",
    "select * from app.mv",
    "select ssn from app.parts",
    "select ssn from app.parts_eu",
    "select ssn from app.vip",
    "select ssn from only app.vip",
    "select app.look(1)",
    "select app.code(1)",
    "select * from app.people()",
    "select p from app.people() p",
    "values ((select ssn from app.customers limit 1))",
    "select ssn::int from app.customers",
    "select ssn::date from app.customers",
    "select ssn::uuid from app.customers",
    "select ssn::regclass from app.customers",
    "select to_date(ssn, 'YYYY') from app.customers",
    "select 1 / (ssn::int) from app.customers",
    "insert into app.customers values (9, 'Eve', (select ssn from app.customers limit 1))",
    "insert into app.customers values (1, 'Eve', 'x') returning *",
    "update app.customers set name = 'x' returning ssn",
    "update app.customers set name = ssn returning name",
    "update app.customers set name = c::text from app.customers c returning app.customers.name",
    "prepare p as update app.customers set name = ssn returning name; execute p",
    "insert into app.clean_copy select id, ssn from app.customers; select * from app.clean_copy",
    "insert into app.clean_copy table app.v; select * from app.clean_copy",
    "create table app.mine as select ssn as x from app.customers; select * from app.mine",
    "create view app.seen as select ssn as x from app.customers; select * from app.seen",
    "create function app.tell() returns text language sql as 'select ssn "
    "from app.customers limit 1'; select app.tell()",
    "alter table app.customers rename ssn to x; select x from "
    "app.customers; alter table app.customers rename x to ssn",
    "select pg_notify('n', ssn) from app.customers; listen n; select pg_notify('n', c::text) from app.customers c",
    "select set_config('app.x', ssn, false) from app.customers; show app.x",
    "select setval('app.counter', ascii(ssn)) from app.customers; select last_value from app.counter",
    "delete from app.customers returning ssn",
    "insert into app.orders select 1, length(ssn), 1 from app.customers",
    "copy app.customers to stdout",
    "copy app.customers (ssn) to stdout",
    "copy app.customers to stdout (format csv, header)",
    "copy app.customers to stdout (format binary)",
    "copy (select ssn from app.customers) to stdout",
    "copy (select reverse(ssn) as r from app.customers) to stdout csv",
    "select * from pg_stats where tablename = 'customers'",
    "select most_common_vals, histogram_bounds from pg_stats",
    "select stavalues1 from pg_statistic",
    "select query_to_xml('select ssn from app.customers', true, true, '')",
    "select table_to_xml('app.customers', true, true, '')",
    "select * from xmltable('/t/x' passing query_to_xml('select ssn from "
    "app.customers', true, false, '') columns a xml path '.')",
    "do $$begin raise notice '%', (select ssn from app.customers limit 1); end$$",
    "do $$begin raise exception '%', (select ssn from app.customers limit 1); end$$",
    "do $$begin execute 'select s' || 'sn::int from app.customers'; end$$",
    "select set_config('application_name', (select ssn from app.customers limit 1), false)",
    "explain (analyze, verbose) select ssn from app.customers where ssn like 'SSN%'",
    "begin; declare c cursor for select ssn from app.customers; fetch all from c; commit",
    "begin; declare c binary cursor for select ssn from app.customers; fetch all from c; commit",
    "prepare p as select ssn from app.customers; execute p",
    "select ssn from app.customers where id in (select id from app.customers) for update",
    "select distinct on (id) ssn from app.customers",
    "select ssn from app.customers tablesample system (100)",
    "select unnest(array_agg(ssn)) from app.customers",
    "select * from app.customers natural join app.vip",
    "select a.ssn from app.customers a join app.customers b using (ssn)",
    "select ssn from app.customers group by ssn",
    "merge into app.customers c using (select 1 as id) s on c.id = s.id "
    "when matched then update set ssn = c.ssn::int::text",
    "create temp table t as select ssn as x from app.customers; select * from t",
    "select ssn as x into temp t from app.customers; select x from t",
    "create temp view w as select ssn as x from app.customers; select x from w",
    "begin; alter table app.customers rename ssn to x; select x from app.customers; rollback",
    "begin; create table app.copy as select ssn as x from app.customers; select x from app.copy; rollback",
    "begin; alter table app.customers add y text generated always as (ssn) "
    "stored; select y from app.customers; rollback",
    "select lo_from_bytea(0, (select ssn::bytea from app.customers limit 1))",
    "select convert_from(lo_get(lo_from_bytea(0, (select ssn::bytea from app.customers limit 1))), 'UTF8')",
    "select pg_notify('n', ssn) from app.customers",
    "listen n; select pg_notify('n', (select ssn from app.customers limit 1))",
    "select current_setting('x.y', true), set_config('x.y', (select ssn from app.customers limit 1), false)",
)
