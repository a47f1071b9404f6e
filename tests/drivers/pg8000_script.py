"""pg8000: pure Python, unnamed and named statements, text formats, types from OIDs."""
import io

import pg8000.dbapi
import pg8000.native
from common import *

db = pg8000.native.Connection(USER, host=HOST, port=PORT, password=PASSWORD, database=DATABASE)
for client in CLIENTS:
    same(db.run("SELECT count(*) FROM events WHERE client_id = :c", c=client), [[6]], f"events of {client}")
for table, key in KEYS.items():
    same(db.run(f"SELECT count(*) FROM {table} WHERE k = :k", k=key), [[1]], table)
statement = db.prepare("SELECT id FROM events WHERE client_id = :c ORDER BY id")
for client in CLIENTS:
    same(statement.run(c=client), [[n] for n in range(1, 7)], "prepared")
statement.close()
for client in CLIENTS:
    db.run("START TRANSACTION")
    db.run("INSERT INTO events (client_id, id, kind) VALUES (:c, 2401, 'pg8000')", c=client)
    db.run("ROLLBACK")
    same(db.run("SELECT count(*) FROM events WHERE client_id = :c AND id = 2401", c=client), [[0]], "rollback")
try:
    db.run("INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'dup')")
    raise AssertionError("a duplicate was accepted")
except pg8000.native.DatabaseError as error:
    same(error.args[0]["C"], "23505", "sqlstate")
db.run("COPY events (client_id, id, kind) FROM STDIN", stream=io.BytesIO("".join(f"{client}\t2402\tcopied\n" for client in CLIENTS).encode()))
for client in CLIENTS:
    same(db.run("DELETE FROM events WHERE client_id = :c AND id = 2402 RETURNING kind", c=client), [["copied"]], "copy")
db.close()

with pg8000.dbapi.connect(USER, host=HOST, port=PORT, password=PASSWORD, database=DATABASE) as db:
    cur = db.cursor()
    for client in CLIENTS:
        cur.execute("INSERT INTO events (client_id, id, kind) VALUES (%s, %s, %s)", (client, 2403, "dbapi"))
        cur.execute("DELETE FROM events WHERE client_id = %s AND id = %s", (client, 2403))
        same(cur.rowcount, 1, "rowcount")
        db.commit()
print("ok")
