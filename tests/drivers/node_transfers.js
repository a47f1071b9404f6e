// node-postgres: transfers between shards in one transaction, a savepoint, errors and a deadlock.
const { Client } = require("pg");

const ACCOUNTS = Array.from({ length: 12 }, (_, n) => 6001 + n);
const MOVE = "UPDATE events SET amount = amount + $1::int WHERE client_id = $2 AND id = 1";
const ADD = "INSERT INTO events (client_id, id, kind, amount) VALUES ($1, 1, 'account', 100)";

function same(found, expected, what) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(found)}`);
  }
}

async function connect() {
  const db = new Client();
  await db.connect();
  return db;
}

async function main() {
  const db = await connect();
  const balance = async (what) => same(
    (await db.query("SELECT count(*)::int AS n, sum(amount)::int AS all FROM events WHERE kind = 'account' AND id = 1")).rows,
    [{ n: ACCOUNTS.length, all: 100 * ACCOUNTS.length }], what);
  await db.query("BEGIN");
  for (const account of ACCOUNTS) await db.query({ name: "add", text: ADD, values: [account] });
  await db.query("COMMIT");
  await balance("accounts");
  for (let n = 0; n < 40; n++) {
    await db.query("BEGIN");
    // Both are sent before either is answered.
    await Promise.all([
      db.query({ name: "move", text: MOVE, values: [-(n % 9), ACCOUNTS[n * 5 % 12]] }),
      db.query({ name: "move", text: MOVE, values: [n % 9, ACCOUNTS[(n * 7 + 1) % 12]] }),
    ]);
    await db.query(n % 3 ? "COMMIT" : "ROLLBACK");
  }
  await balance("after transfers");

  await db.query("BEGIN");
  await db.query(MOVE, [-10, ACCOUNTS[0]]);
  await db.query("SAVEPOINT half");
  for (const account of ACCOUNTS.slice(1)) await db.query(MOVE, [1000, account]);
  const duplicate = await db.query(ADD, [ACCOUNTS[5]]).catch((error) => error);
  same(duplicate.code, "23505", "sqlstate");
  const ignored = await db.query(MOVE, [1, ACCOUNTS[0]]).catch((error) => error);
  same(ignored.code, "25P02", "sqlstate");
  await db.query("ROLLBACK TO half");
  await db.query(MOVE, [10, ACCOUNTS[11]]);
  await db.query("COMMIT");
  await balance("after a savepoint");

  const others = [await connect(), await connect()];
  const pairs = [[ACCOUNTS[0], ACCOUNTS[1]], [ACCOUNTS[1], ACCOUNTS[0]]];
  for (const [n, other] of others.entries()) {
    await other.query("BEGIN");
    await other.query(MOVE, [-1, pairs[n][0]]);
  }
  const told = await Promise.all(others.map((other, n) =>
    other.query(MOVE, [1, pairs[n][1]]).then(() => "", async (error) => { await other.query("ROLLBACK"); return error.code; })));
  // Both may find it in the same moment.
  same(told.includes("40P01") && told.every((code) => ["", "40P01"].includes(code)), true, "a deadlock over shards");
  for (const other of others) {
    await other.query("COMMIT");
    await other.end();
  }
  await balance("after a deadlock");
  same((await db.query("DELETE FROM events WHERE kind = 'account'")).rowCount, ACCOUNTS.length, "accounts");
  await db.end();
  console.log("ok");
}

main().catch((error) => { console.error(error); process.exitCode = 1; });
