// node-postgres: unnamed and named statements, its pool, transactions, errors with fields, cursors by hand.
const { Client, Pool } = require("pg");

const CLIENTS = [1, 2, 3, 4, 5, 6, 42];
const KEYS = {
  k_smallint: 5, k_integer: 1000, k_bigint: "10000000000", k_text: "ä☃𝄞", k_varchar: "it's",
  k_uuid: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", k_date: "2024-01-11", k_timestamp: "2024-01-02 12:00:01.5",
  k_timestamptz: new Date("2024-01-02T14:00:00Z"), k_numeric: "123456789012345678901234567890.123456789",
};

function same(found, expected, what) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(found)}`);
  }
}

async function main() {
  const db = new Client();
  const notices = [];
  db.on("notice", (notice) => notices.push(notice.message));
  await db.connect();
  for (const client of CLIENTS) {
    const plain = await db.query(`SELECT count(*)::int AS n FROM events WHERE client_id = ${client}`);
    same(plain.rows, [{ n: 6 }], `events of ${client}`);
    const named = await db.query({ name: "count", text: "SELECT count(*)::int AS n FROM events WHERE client_id = $1", values: [client] });
    same(named.rows, [{ n: 6 }], "named");
    const binary = await db.query({ text: "SELECT id FROM events WHERE client_id = $1 AND id = 1", values: [client], binary: true });
    same(binary.rows.length, 1, "binary");
  }
  for (const [table, key] of Object.entries(KEYS)) {
    same((await db.query(`SELECT count(*)::int AS n FROM ${table} WHERE k = $1`, [key])).rows, [{ n: 1 }], table);
  }
  for (const client of CLIENTS) {
    await db.query("BEGIN");
    const made = await db.query("INSERT INTO events (client_id, id, kind, payload) VALUES ($1, 2601, $2, $3) RETURNING payload", [client, "node", { a: [1, 2] }]);
    same(made.rows[0].payload, { a: [1, 2] }, "json");
    await db.query("ROLLBACK");
    same((await db.query("DELETE FROM events WHERE client_id = $1 AND id = 2601", [client])).rowCount, 0, "rollback");
  }
  try {
    await db.query("INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 'dup')", [1]);
    throw new Error("a duplicate was accepted");
  } catch (error) {
    same(error.code, "23505", "sqlstate");
    same(error.table, "events", "table");
  }
  // A DO block's rows are anywhere; plain PostgreSQL takes the hint for a setting of the application.
  await db.query("SET shardway.shard = 'a'");
  await db.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
  await db.query("RESET shardway.shard");
  same(notices, ["hello"], "notice");
  const several = await db.query("SELECT 1 AS a; SELECT 2 AS b");
  same(several.map((one) => one.rows), [[{ a: 1 }], [{ b: 2 }]], "several statements");
  await db.end();

  const pool = new Pool({ max: 5 });
  const counts = await Promise.all(Array.from({ length: 100 }, (_, n) =>
    pool.query("SELECT count(*)::int AS n FROM events WHERE client_id = $1", [CLIENTS[n % CLIENTS.length]])));
  same(counts.every((one) => one.rows[0].n === 6), true, "pool");
  await pool.end();
  console.log("ok");
}

main().catch((error) => { console.error(error); process.exitCode = 1; });
