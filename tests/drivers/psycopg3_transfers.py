"""psycopg 3: transfers between shards in transactions, savepoints, pipelines and executemany."""
import threading

import psycopg
from transfers import *

DSN = dict(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE)
MOVE = "UPDATE events SET amount = amount + %s WHERE client_id = %s AND id = 1"


class Undo(Exception):
    pass


with psycopg.connect(**DSN, autocommit=True) as db:
    balance = lambda: db.execute(SUM).fetchone()
    db.execute(OPEN)
    for number, (source, target, amount) in enumerate(transfers(60)):
        try:
            with db.transaction():
                db.execute(MOVE, (-amount, source))
                db.execute(MOVE, (amount, target))
                if number % 3 == 0:
                    raise Undo
        except Undo:
            pass
    same(balance(), ALL, "after transfers")

    # transaction() inside transaction() is a savepoint.
    with db.transaction():
        db.execute(MOVE, (-10, ACCOUNTS[0]))
        try:
            with db.transaction():
                for account in ACCOUNTS[1:]:
                    db.execute(MOVE, (1000, account))
                raise Undo
        except Undo:
            pass
        try:
            with db.transaction():
                db.execute(MOVE, (1000, ACCOUNTS[3]))
                db.execute("INSERT INTO events (client_id, id, kind) VALUES (%s, 1, 'account')", (ACCOUNTS[5],))
        except psycopg.errors.UniqueViolation as error:
            same(error.sqlstate, "23505", "sqlstate")
        db.execute(MOVE, (10, ACCOUNTS[-1]))
    same(balance(), ALL, "after savepoints")

    # A pipeline without BEGIN is one transaction, whichever shards it comes to.
    with db.pipeline():
        for source, target, amount in transfers(40):
            db.execute(MOVE, (-amount, source))
            db.execute(MOVE, (amount, target))
    same(balance(), ALL, "after a pipeline")
    try:
        with db.pipeline():
            for account in ACCOUNTS:
                db.execute(MOVE, (1000, account))
            db.execute("INSERT INTO events (client_id, id, kind) VALUES (%s, 1, 'account')", (ACCOUNTS[5],))
            db.execute(MOVE, (1000, ACCOUNTS[0]))
        raise AssertionError("a duplicate was accepted")
    except psycopg.errors.UniqueViolation:
        pass
    same(balance(), ALL, "after a pipeline that failed")
    with db.pipeline() as pipe, db.transaction():
        for source, target, amount in transfers(40):
            db.execute(MOVE, (-amount, source))
            db.execute(MOVE, (amount, target))
        pipe.sync()
        same(db.execute(SUM).fetchone(), ALL, "inside a pipeline")
    same(balance(), ALL, "after a transaction in a pipeline")

    # executemany goes by a pipeline: all rows, or none.
    add = "INSERT INTO events (client_id, id, kind) VALUES (%s, %s, 'account') RETURNING client_id"
    rows = [(account, number) for number in range(2, 7) for account in ACCOUNTS]
    with db.cursor() as cur:
        cur.executemany(add, rows, returning=True)
        found = []
        while True:
            found.append(cur.fetchone()[0])
            if not cur.nextset():
                break
        same(found, [account for account, _ in rows], "executemany, rows in order")
        try:
            cur.executemany(add, [(account, 9) for account in ACCOUNTS] + [(ACCOUNTS[0], 9)])
            raise AssertionError("a duplicate was accepted")
        except psycopg.errors.UniqueViolation:
            pass
    same(db.execute("SELECT count(*) FROM events WHERE kind = 'account' AND id > 1").fetchone(), (len(rows),), "executemany")

    deadlocks = []
    both = threading.Barrier(2)

    def work(first, second):
        with psycopg.connect(**DSN, autocommit=True) as mine:
            for attempt in range(5):
                try:
                    with mine.transaction():
                        mine.execute(MOVE, (-1, first))
                        if attempt == 0:
                            both.wait()
                        mine.execute(MOVE, (1, second))
                    return
                except psycopg.errors.DeadlockDetected as error:
                    deadlocks.append(error.sqlstate)

    workers = [threading.Thread(target=work, args=pair) for pair in ((ACCOUNTS[0], ACCOUNTS[1]), (ACCOUNTS[1], ACCOUNTS[0]))]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    # Both may find it in the same moment.
    same(set(deadlocks), {"40P01"}, "a deadlock over shards")
    same(balance(), ALL, "after a deadlock")
    same(db.execute(CLOSE).rowcount, len(ACCOUNTS) + len(rows), "accounts")
print("ok")
