// Sequelize, TypeORM, Knex and postgres.js: what they print through the proxy is what they print on one PostgreSQL.
require("reflect-metadata");
const { Sequelize, DataTypes, Op, fn, col } = require("sequelize");
const { DataSource, EntitySchema, In, MoreThanOrEqual } = require("typeorm");
const { Readable } = require("stream");
const { pipeline } = require("stream/promises");

const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = process.env;
const url = `postgres://${PGUSER}:${PGPASSWORD}@${PGHOST}:${PGPORT}/${PGDATABASE}`;
const rows = [1, 2, 3, 4, 5, 6].map((row) => ({ client_id: 9000 + row, id: row, kind: `kind ${row % 2}` }));

async function tell(what, act) {
  try {
    console.log(what, JSON.stringify(await act()));
  } catch (error) {
    const code = error.code || error.parent?.code;
    if (!code) throw error;
    console.log(what, "!", code);
  }
}

async function sequelize() {
  const db = new Sequelize(url, { logging: false });
  const text = (rest) => ({ type: DataTypes.TEXT, ...rest });
  const key = () => ({ type: DataTypes.BIGINT, primaryKey: true });
  const Event = db.define("Event", { client_id: key(), id: key(), kind: text() }, { tableName: "events", timestamps: false });
  const Country = db.define("Country", { code: text({ primaryKey: true }), name: text() }, { tableName: "countries", timestamps: false });
  Event.belongsTo(Country, { foreignKey: "kind", targetKey: "code", constraints: false });
  const mine = { client_id: { [Op.gte]: 9000 } };
  await Event.destroy({ where: mine });
  await tell("bulk", async () => (await Event.bulkCreate(rows)).length);
  await tell("find", () => Event.findAll({ where: mine, order: ["client_id"], limit: 3, offset: 1, raw: true }));
  await tell("include", () => Event.findAll({ where: mine, include: [Country], order: ["client_id"], raw: true }));
  await tell("groups", () => Event.findAll({ attributes: ["kind", [fn("COUNT", col("id")), "n"]], where: mine, group: ["kind"], order: ["kind"], raw: true }));
  await tell("update", () => Event.update({ kind: "updated" }, { where: { client_id: [9001, 9002, 9003] } }));
  await tell("upsert", async () => (await Event.upsert({ client_id: 9002, id: 2, kind: "upserted" }))[0].kind);
  await tell("find or create", async () => (await Event.findCreateFind({ where: { client_id: 9007, id: 7 }, defaults: { kind: "new" } }))[0].kind);
  await tell("transaction", () => db.transaction(async (transaction) => {
    await Event.create({ client_id: 9008, id: 1, kind: "both" }, { transaction });
    await Event.create({ client_id: 9009, id: 1, kind: "both" }, { transaction });
    return Event.count({ where: { kind: "both" }, transaction });
  }));
  await tell("undone", () => db.transaction(async (transaction) => {
    await Event.create({ client_id: 9010, id: 1, kind: "gone" }, { transaction });
    await Event.create({ client_id: 9001, id: 1, kind: "twice" }, { transaction });
  }));
  await tell("gone", () => Event.count({ where: { kind: "gone" } }));
  await tell("table", () => db.getQueryInterface().describeTable("orders"));
  await tell("left", () => Event.destroy({ where: mine }));
  await db.close();
}

async function typeorm() {
  const key = () => ({ type: "bigint", primary: true });
  const Event = new EntitySchema({ name: "Event", tableName: "events", columns: { client_id: key(), id: key(), kind: { type: "text" } } });
  const db = await new DataSource({ type: "postgres", url, entities: [Event] }).initialize();
  const events = db.getRepository("Event");
  const mine = { client_id: MoreThanOrEqual(9000) };
  await tell("save", () => events.save(rows.map((row) => ({ ...row }))));
  await tell("page", () => events.findAndCount({ where: mine, order: { client_id: "DESC" }, skip: 1, take: 2 }));
  await tell("builder", () => events.createQueryBuilder("e").select("e.kind", "kind").addSelect("max(e.id)", "most").where("e.client_id >= :least", { least: 9000 }).groupBy("e.kind").orderBy("e.kind").getRawMany());
  await tell("update", async () => (await events.update({ client_id: In(["9001", "9003"]) }, { kind: "updated" })).affected);
  await tell("upsert", async () => (await events.upsert([{ client_id: "9001", id: "1", kind: "u" }, { client_id: "9011", id: "1", kind: "u" }], ["client_id", "id"])).identifiers);
  await tell("transaction", () => db.transaction(async (manager) => {
    await manager.save("Event", { client_id: "9012", id: "1", kind: "t" });
    return manager.count("Event", { where: mine });
  }));
  await tell("left", async () => (await events.delete(mine)).affected);
  await db.destroy();
}

async function knex() {
  const db = require("knex")({ client: "pg", connection: url });
  const mine = () => db("events").where("client_id", ">=", 9000);
  await tell("insert", () => db("events").insert(rows).returning(["client_id", "id"]));
  await tell("merge", () => db("events").insert({ client_id: 9001, id: 1, kind: "merged" }).onConflict(["client_id", "id"]).merge(["kind"]).returning("kind"));
  await tell("subquery", () => mine().whereIn("client_id", db("events").select("client_id").where("kind", "merged")).select("id"));
  await tell("join", () => db("events as e").join("events as f", "e.kind", "f.kind").where("e.client_id", ">=", 9000).count("* as n"));
  await tell("transaction", () => db.transaction(async (inside) => {
    await inside("events").where("client_id", ">=", 9000).update({ kind: "t" });
    return inside("events").where("kind", "t").count();
  }));
  await tell("columns", () => db("orders").columnInfo());
  await tell("left", () => mine().del());
  await db.destroy();
}

async function postgres() {
  const sql = require("postgres")(url, { max: 2, onnotice: () => {} });
  await tell("insert", () => sql`INSERT INTO events ${sql(rows)} RETURNING client_id, id`);
  await tell("cursor", async () => {
    const sizes = [];
    await sql`SELECT client_id FROM events WHERE client_id >= 9000 ORDER BY 1`.cursor(4, (some) => { sizes.push(some.length); });
    return sizes;
  });
  await tell("transaction", () => sql.begin(async (inside) => {
    await inside`UPDATE events SET kind = 't' WHERE client_id >= 9000`;
    await inside.savepoint((further) => further`DELETE FROM events WHERE client_id = 9001`);
    return inside`SELECT count(*) FROM events WHERE client_id >= 9000`;
  }));
  await tell("pipeline", async () => (await Promise.all(rows.map((row) => sql`SELECT id FROM events WHERE client_id = ${row.client_id}`))).map((found) => found.length));
  await tell("columns", async () => (await sql`SELECT client_id, kind FROM events WHERE client_id = ${1}`.describe()).columns.map((column) => [column.name, column.type]));
  await tell("COPY", async () => {
    await pipeline(Readable.from(["9021\t1\tc\n9022\t1\td\n"]), await sql`COPY events (client_id, id, kind) FROM STDIN`.writable());
    return sql`SELECT count(*) FROM events WHERE client_id > 9020`;
  });
  await tell("left", async () => (await sql`DELETE FROM events WHERE client_id >= 9000`).count);
  await sql.end();
}

(async () => {
  for (const part of [sequelize, typeorm, knex, postgres]) {
    console.log("==", part.name);
    await part();
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
