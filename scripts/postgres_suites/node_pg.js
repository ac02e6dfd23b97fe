// What an application does with npm's `pg`: says `ok NAME` or `not ok NAME: why`, a line for each thing tried.
// The way in is in the PG* variables.
const { Client, Pool } = require("pg");
const assert = require("node:assert");

const ssl = process.env.PGSSLMODE === "require" ? { rejectUnauthorized: false } : false;
const once = (emitter, name) => new Promise((done) => emitter.once(name, done));

const things = {
  async "a query with values"(client) {
    const { rows } = await client.query("SELECT $1::int + 1 AS n, $2::text AS t", [41, "gr\u00fc\u00df"]);
    assert.deepStrictEqual(rows, [{ n: 42, t: "gr\u00fc\u00df" }]);
  },
  async "several statements in one query"(client) {
    const results = await client.query("SELECT 1 AS a; SELECT 2 AS b; SELECT 3 AS c");
    assert.deepStrictEqual(results.map((each) => each.rows[0]), [{ a: 1 }, { b: 2 }, { c: 3 }]);
  },
  async "a named statement, twice"(client) {
    const named = { name: "twice", text: "SELECT $1::int8 * 2 AS n" };
    assert.strictEqual((await client.query({ ...named, values: [4] })).rows[0].n, "8");
    assert.strictEqual((await client.query({ ...named, values: [5] })).rows[0].n, "10");
  },
  async "types"(client) {
    const { rows } = await client.query(
      "SELECT now() AS at, '{1,2}'::int[] AS many, '{\"a\":1}'::jsonb AS doc, 'dead'::bytea AS raw, NULL AS none, 1.5::float8 AS f",
    );
    assert.ok(rows[0].at instanceof Date);
    assert.deepStrictEqual(rows[0].many, [1, 2]);
    assert.deepStrictEqual(rows[0].doc, { a: 1 });
    assert.strictEqual(rows[0].raw.toString(), "dead");
    assert.strictEqual(rows[0].none, null);
    assert.strictEqual(rows[0].f, 1.5);
  },
  async "binary results"(client) {
    const { rows } = await client.query({ text: "SELECT 7::int4 AS n", values: [], binary: true });
    assert.strictEqual(rows[0].n, 7);
  },
  async "an error, and on with it"(client) {
    await assert.rejects(client.query("SELECT 1/0"), { code: "22012" });
    await assert.rejects(client.query("SELEC 1"), { code: "42601", position: "1" });
    assert.strictEqual((await client.query("SELECT 1 AS n")).rows[0].n, 1);
  },
  async "a transaction that is taken back"(client) {
    await client.query("CREATE TEMP TABLE taken (n int)");
    await client.query("BEGIN");
    assert.strictEqual((await client.query("INSERT INTO taken VALUES (1), (2)")).rowCount, 2);
    await client.query("ROLLBACK");
    assert.strictEqual((await client.query("SELECT count(*)::int AS n FROM taken")).rows[0].n, 0);
  },
  async "queries that do not wait for each other"(client) {
    const all = await Promise.all([...Array(50).keys()].map((n) => client.query("SELECT $1::int AS n", [n])));
    assert.deepStrictEqual(all.map((each) => each.rows[0].n), [...Array(50).keys()]);
  },
  async "100,000 rows"(client) {
    const { rows } = await client.query("SELECT g, repeat('x', 50) AS t FROM generate_series(1, 100000) g");
    assert.strictEqual(rows.length, 100000);
    assert.strictEqual(rows[99999].g, 100000);
  },
  async "a notice"(client) {
    const heard = once(client, "notice");
    await client.query("DO $$ BEGIN RAISE NOTICE 'hello from here'; END $$");
    assert.strictEqual((await heard).message, "hello from here");
  },
  async "listen and notify"(client) {
    const heard = once(client, "notification");
    await client.query("LISTEN news");
    await client.query("SELECT pg_notify('news', 'paper')");
    const message = await heard;
    assert.strictEqual(message.payload, "paper");
    assert.strictEqual(message.processId, client.processID);
  },
  async "its process is the server's"(client) {
    assert.strictEqual((await client.query("SELECT pg_backend_pid() AS pid")).rows[0].pid, client.processID);
  },
  async "settings"(client) {
    assert.strictEqual((await client.query("SHOW application_name")).rows.length, 1);
    await client.query("SET statement_timeout = '50ms'");
    await assert.rejects(client.query("SELECT pg_sleep(5)"), { code: "57014" });
  },
};

async function tryOne(name, what) {
  const client = new Client({ ssl });
  client.on("error", () => {});
  try {
    await client.connect();
    await what(client);
    console.log(`ok ${name}`);
  } catch (problem) {
    console.log(`not ok ${name}`);
    console.log(`  ${problem.stack}`);
  } finally {
    await client.end().catch(() => {});
  }
}

async function pooled() {
  const pool = new Pool({ ssl, max: 5 });
  try {
    const all = await Promise.all([...Array(40).keys()].map((n) => pool.query("SELECT $1::int AS n", [n])));
    assert.strictEqual(all.reduce((sum, each) => sum + each.rows[0].n, 0), 780);
    console.log("ok a pool");
  } catch (problem) {
    console.log("not ok a pool");
    console.log(`  ${problem.stack}`);
  } finally {
    await pool.end();
  }
}

(async () => {
  for (const [name, what] of Object.entries(things)) await tryOne(name, what);
  await pooled();
})();
