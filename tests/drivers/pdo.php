<?php
// PHP's PDO, with prepared statements of the server and with its own: what it prints through the proxy is what it prints on one
// PostgreSQL.
function tell(string $what, callable $act): void
{
    try {
        echo $what, ' ', json_encode($act()), "\n";
    } catch (PDOException $error) {
        echo $what, ' ! ', $error->getCode(), "\n";
    }
}

foreach ([false, true] as $emulates) {
    $place = 'pgsql:host=' . getenv('PGHOST') . ';port=' . getenv('PGPORT') . ';dbname=' . getenv('PGDATABASE');
    $options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulates];
    $db = new PDO($place, getenv('PGUSER'), getenv('PGPASSWORD'), $options);
    $db->exec("SET NAMES 'utf8'");
    $db->exec('DELETE FROM events WHERE client_id >= 9000');
    tell('insert', function () use ($db) {
        $insert = $db->prepare('INSERT INTO events (client_id, id, kind) VALUES (?, ?, ?)');
        foreach (range(1, 8) as $row) {
            $insert->execute([9000 + $row, $row, 'kind ' . $row % 2]);
        }
        return $insert->rowCount();
    });
    tell('select', function () use ($db) {
        $select = $db->prepare('SELECT client_id, id, kind FROM events WHERE client_id > :client ORDER BY client_id');
        $select->execute(['client' => 9002]);
        return $select->fetchAll(PDO::FETCH_ASSOC);
    });
    tell('groups', fn() => $db->query('SELECT kind, count(*), sum(id) FROM events WHERE client_id > 9000 GROUP BY kind ORDER BY kind')->fetchAll(PDO::FETCH_NUM));
    tell('transaction', function () use ($db) {
        $count = fn() => $db->query("SELECT count(*) FROM events WHERE kind = 'moved'")->fetchColumn();
        $db->beginTransaction();
        $db->exec("UPDATE events SET kind = 'moved' WHERE client_id > 9000");
        $inside = $count();
        $db->rollBack();
        return [$inside, $count()];
    });
    tell('scrolling', function () use ($db) {
        $db->beginTransaction();
        $cursor = $db->prepare('SELECT client_id, id FROM events ORDER BY 1, 2', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
        $cursor->execute();
        $rows = [$cursor->fetch(PDO::FETCH_NUM), $cursor->fetch(PDO::FETCH_NUM), $cursor->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_LAST)];
        $db->commit();
        return $rows;
    });
    tell('COPY', fn() => $db->pgsqlCopyFromArray('events', ["9020\t1\ta", "9021\t1\tb"], "\t", '\\\\N', 'client_id, id, kind'));
    tell('COPY out', function () use ($db) {
        $lines = $db->pgsqlCopyToArray('countries');
        sort($lines);
        return $lines;
    });
    tell('several statements', fn() => $db->exec("UPDATE events SET kind = 'a' WHERE client_id = 9001; UPDATE events SET kind = 'b' WHERE client_id = 9002"));
    tell('error', fn() => $db->query('SELECT * FROM nowhere'));
    tell('twice', fn() => $db->exec("INSERT INTO events (client_id, id, kind) VALUES (9030, 1, 'x'), (9001, 1, 'x')"));
    tell('left', fn() => $db->exec('DELETE FROM events WHERE client_id >= 9000'));
}
