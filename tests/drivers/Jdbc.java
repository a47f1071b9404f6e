// pgjdbc in each of its modes: batches, server-side prepared statements, cursors, COPY, metadata, updatable rows, savepoints.
// What it prints through the proxy is what it prints on one PostgreSQL.
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class Jdbc {
    interface Act {
        void run() throws Exception;
    }

    static final String[] MODES = {
        "", "?preferQueryMode=simple", "?preferQueryMode=extendedCacheEverything&prepareThreshold=1",
        "?reWriteBatchedInserts=true&prepareThreshold=1", "?autosave=always", "?prepareThreshold=0&defaultRowFetchSize=3",
    };

    static void tell(String what, Act act) throws Exception {
        System.out.println("# " + what);
        try {
            act.run();
        } catch (SQLException error) {
            System.out.println("! " + error.getSQLState());
        }
    }

    static void rows(ResultSet rows) throws SQLException {
        ResultSetMetaData columns = rows.getMetaData();
        StringBuilder line = new StringBuilder();
        for (int at = 1; at <= columns.getColumnCount(); at++) {
            line.append(columns.getColumnLabel(at)).append(':').append(columns.getColumnTypeName(at)).append(' ');
        }
        System.out.println(line);
        while (rows.next()) {
            line.setLength(0);
            for (int at = 1; at <= columns.getColumnCount(); at++) {
                line.append(rows.getString(at)).append('|');
            }
            System.out.println(line);
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (String mode : MODES) {
            System.out.println("== " + mode);
            Properties login = new Properties();
            login.put("user", System.getenv("PGUSER"));
            login.put("password", System.getenv("PGPASSWORD"));
            String server = System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
            try (Connection db = DriverManager.getConnection("jdbc:postgresql://" + server + mode, login)) {
                script(db);
            }
        }
    }

    static void script(Connection db) throws Exception {
        Statement s = db.createStatement();
        s.execute("DELETE FROM events WHERE client_id >= 9000");
        tell("metadata", () -> {
            DatabaseMetaData meta = db.getMetaData();
            rows(meta.getTables(null, "public", "event%", new String[] {"TABLE", "VIEW"}));
            rows(meta.getColumns(null, "public", "events", null));
            rows(meta.getPrimaryKeys(null, "public", "events"));
            rows(meta.getExportedKeys(null, "public", "countries"));
        });
        tell("a batch", () -> {
            PreparedStatement insert = db.prepareStatement("INSERT INTO events (client_id, id, kind, amount) VALUES (?, ?, ?, ?)");
            for (int row = 0; row < 40; row++) {
                insert.setLong(1, 9000 + row % 10);
                insert.setLong(2, row);
                insert.setString(3, "kind " + row % 3);
                insert.setBigDecimal(4, java.math.BigDecimal.valueOf(row, 1));
                insert.addBatch();
            }
            System.out.println(insert.executeBatch().length);
        });
        PreparedStatement groups = db.prepareStatement(
            "SELECT kind, count(*) AS n, sum(amount) AS total, avg(id)::float8 AS mean FROM events WHERE client_id > ? GROUP BY kind ORDER BY kind");
        PreparedStatement one = db.prepareStatement("SELECT client_id, id, kind, amount FROM events WHERE client_id = ? ORDER BY id");
        PreparedStatement joined = db.prepareStatement(
            "SELECT e.client_id, e.id, c.name FROM events e LEFT JOIN countries c ON c.code = ? WHERE e.client_id BETWEEN ? AND ? ORDER BY 1, 2");
        // The sixth time the driver prepares them on the server, and takes values in binary.
        for (int turn = 0; turn < 7; turn++) {
            long client = 9000 + turn;
            tell("turn " + turn, () -> {
                groups.setLong(1, client);
                rows(groups.executeQuery());
                one.setLong(1, client);
                rows(one.executeQuery());
                joined.setString(1, "DE");
                joined.setLong(2, client);
                joined.setLong(3, client + 1);
                rows(joined.executeQuery());
            });
        }
        tell("returned keys", () -> {
            PreparedStatement insert = db.prepareStatement(
                "INSERT INTO events (client_id, id, kind) VALUES (?, 1000, 'returned')", Statement.RETURN_GENERATED_KEYS);
            insert.setLong(1, 9003);
            System.out.println(insert.executeUpdate());
            rows(insert.getGeneratedKeys());
        });
        tell("a transaction and a savepoint", () -> {
            db.setAutoCommit(false);
            System.out.println(s.executeUpdate("UPDATE events SET kind = 'moved' WHERE client_id >= 9000 AND id < 5"));
            Savepoint before = db.setSavepoint("before");
            tell("twice", () -> s.executeUpdate("INSERT INTO events (client_id, id, kind) VALUES (9003, 1000, 'twice')"));
            db.rollback(before);
            rows(s.executeQuery("SELECT client_id, id FROM events WHERE kind = 'moved' ORDER BY 1, 2"));
            db.commit();
            db.setAutoCommit(true);
        });
        tell("rows by a cursor", () -> {
            db.setAutoCommit(false);
            PreparedStatement all = db.prepareStatement("SELECT client_id, id FROM events WHERE client_id >= ? ORDER BY 2, 1");
            all.setFetchSize(7);
            all.setLong(1, 9000);
            rows(all.executeQuery());
            db.commit();
            db.setAutoCommit(true);
        });
        tell("rows that may be changed", () -> {
            Statement change = db.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE);
            ResultSet found = change.executeQuery("SELECT client_id, id, kind FROM events WHERE client_id = 9003 AND id = 1000");
            found.next();
            found.updateString(3, "changed");
            found.updateRow();
            found.refreshRow();
            System.out.println(found.getString(3));
            found.moveToInsertRow();
            found.updateLong(1, 9004);
            found.updateLong(2, 1001);
            found.updateString(3, "inserted");
            found.insertRow();
            found.moveToCurrentRow();
            found.deleteRow();
            rows(s.executeQuery("SELECT client_id, id, kind FROM events WHERE id >= 1000 AND client_id >= 9000 ORDER BY 1"));
        });
        tell("COPY", () -> {
            CopyManager copy = ((PGConnection) db).getCopyAPI();
            System.out.println(copy.copyIn("COPY events (client_id, id, kind) FROM STDIN CSV",
                new StringReader("9101,1,a\n9102,1,b\n9103,1,\"c,\nd\"\n")));
            StringWriter out = new StringWriter();
            copy.copyOut("COPY (SELECT client_id, kind FROM events WHERE client_id > 9100 ORDER BY 1) TO STDOUT CSV HEADER", out);
            System.out.println(out);
        });
        tell("arrays and other types", () -> {
            PreparedStatement any = db.prepareStatement("SELECT client_id, count(*) FROM events WHERE client_id = ANY (?) GROUP BY 1 ORDER BY 1");
            any.setArray(1, db.createArrayOf("bigint", new Long[] {9001L, 9002L, 9003L}));
            rows(any.executeQuery());
            any = db.prepareStatement("SELECT array_agg(id ORDER BY id) AS ids, ?::timestamptz AS at, ?::uuid AS id FROM events WHERE client_id >= 9008");
            any.setTimestamp(1, Timestamp.valueOf("2024-01-02 03:04:05"));
            any.setObject(2, UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
            rows(any.executeQuery());
        });
        tell("a read-only session", () -> {
            db.setReadOnly(true);
            db.setAutoCommit(false);
            tell("a write", () -> s.executeUpdate("INSERT INTO events (client_id, id, kind) VALUES (9001, 2000, 'x')"));
            db.rollback();
            db.setAutoCommit(true);
            db.setReadOnly(false);
        });
        tell("repeatable read", () -> {
            db.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            db.setAutoCommit(false);
            rows(s.executeQuery("SELECT count(*) FROM events WHERE client_id >= 9000"));
            db.commit();
            db.setAutoCommit(true);
            db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        });
        tell("a statement that takes too long", () -> {
            Statement late = db.createStatement();
            late.setQueryTimeout(1);
            late.execute("SELECT pg_sleep(30)");
        });
        tell("an error", () -> s.executeQuery("SELECT 1 / (id - id) FROM events"));
        System.out.println(s.executeUpdate("DELETE FROM events WHERE client_id >= 9000"));
    }
}
