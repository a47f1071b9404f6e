#!/usr/bin/env python3
"""shardway beside plain PostgreSQL, a bare TCP forwarder and PgBouncer, on this machine, in interleaved rounds.

    cargo build --release --bins --example forwarder
    benches/compare.py                      everything, about ten minutes; writes target/compare.md
    benches/compare.py -w select -r 3 -s 2  workloads whose name holds "select", 3 rounds of 2 seconds
    benches/compare.py --list               the workloads

Needs Python 3.9, Linux (/proc), PostgreSQL with pgbench; PgBouncer if present. Starts its own three PostgreSQL servers
in a temporary folder. shardway parses and routes over all three; the others have one PostgreSQL and know of no key.

The figure to trust is CPU per transaction: user and system time of the proxy's process over a run, from /proc, divided by
the transactions of the run. Ratios are taken inside a round, where the machine was the same for all, and their median shown.
"""
import argparse
import asyncio
import glob
import os
import pwd
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLIENTS, LINES, POOL = 3000, 1000, 20
CROWD, CROWD_ACTIVE = 10_000, 500
WIDE_CLIENTS = 30  # clients with LINES rows each

SELECT = "\\set c random(1, :clients)\nSELECT balance FROM accounts WHERE client_id = :c;\n"
SAME = "\\set c random(1, :clients)\n\\startpipeline\n" + 5 * "SELECT balance FROM accounts WHERE client_id = :c;\n" + "\\endpipeline\n"
RANDOM = (
    "".join(f"\\set {v} random(1, :clients)\n" for v in "abcde")
    + "\\startpipeline\n"
    + "".join(f"SELECT balance FROM accounts WHERE client_id = :{v};\n" for v in "abcde")
    + "\\endpipeline\n"
)
ROWS = "\\set c random(1, :wide)\nSELECT client_id, n, amount, note FROM lines WHERE client_id = :c;\n"
BIG = "SELECT n, repeat('x', 100) FROM generate_series(1, 88000) n;\n"
KEYED = """\\set c random(1, :clients)
\\set d random(-500, 500)
BEGIN;
UPDATE accounts SET balance = balance + :d WHERE client_id = :c;
SELECT balance FROM accounts WHERE client_id = :c;
UPDATE accounts SET balance = balance - :d WHERE client_id = :c;
END;
"""
# Over three shards where there are three: points, a simple aggregate, the first rows of all, an update.
POINTS = (
    "".join(f"\\set {v} random(1, :clients)\n" for v in "abc")
    + "SELECT client_id, balance FROM accounts WHERE client_id IN (:a, :b, :c);\n"
)
AGGREGATE = "\\set c random(1, :clients)\nSELECT count(*), sum(balance) FROM accounts WHERE client_id BETWEEN :c AND :c + 9;\n"
TOP = "\\set c random(1, :clients)\nSELECT client_id, balance FROM accounts WHERE client_id BETWEEN :c AND :c + 29 ORDER BY balance DESC, client_id LIMIT 10;\n"
SPREAD = "\\set c random(1, :clients)\nUPDATE accounts SET balance = balance + 1 WHERE client_id BETWEEN :c AND :c + 2;\n"
JOIN = (
    "\\set c random(1, :clients)\nSELECT a.client_id, count(l.n) FROM accounts a LEFT JOIN lines l ON l.n = a.client_id "
    "WHERE a.client_id BETWEEN :c AND :c + 4 AND l.n < 50 GROUP BY a.client_id ORDER BY 1;\n"
)
SCAN = "\\set n random(1, 100)\nSELECT count(*), sum(n) FROM lines WHERE amount > :n AND note <> 'z';\n"
INSERT = (
    "\\set c random(1, 1000000000)\nINSERT INTO heap (client_id, n) VALUES "
    + ", ".join(f"(:c + {row}, {row})" for row in range(1000)) + ";\n"
)
#   name                    script  protocol    clients  more flags
WORKLOADS = [
    ("select, simple, 32 clients", SELECT, "simple", 32, []),
    ("select, extended, 32 clients", SELECT, "extended", 32, []),
    ("select, prepared, 32 clients", SELECT, "prepared", 32, []),
    ("select, simple, 1 client", SELECT, "simple", 1, []),
    ("select, prepared, 1 client", SELECT, "prepared", 1, []),
    ("5 in a pipeline, one key", SAME, "prepared", 32, []),
    ("5 in a pipeline, random keys", RANDOM, "prepared", 32, []),
    ("1000 rows", ROWS, "simple", 8, []),
    ("10 MB result", BIG, "simple", 2, []),
    ("transaction on one key, simple", KEYED, "simple", 32, []),
    ("transaction on one key, prepared", KEYED, "prepared", 32, []),
    ("connect for each (-C)", SELECT, "simple", 8, ["-C"]),
    ("over shards: three points", POINTS, "prepared", 8, []),
    ("over shards: an aggregate", AGGREGATE, "prepared", 8, []),
    ("over shards: top 10", TOP, "prepared", 8, []),
    ("over shards: top 10, simple", TOP, "simple", 8, []),
    ("over shards: update of 3 rows", SPREAD, "prepared", 8, []),
    ("over shards: gather join", JOIN, "simple", 8, []),
    ("over shards: insert of 1000 rows", INSERT, "simple", 2, []),
]


class Lab:
    """Three PostgreSQL servers and the proxies; gone at the end."""

    def __init__(self, options):
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="shardway-bench-")
        os.chmod(self.folder, 0o755)
        self.as_user = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = dict(user=user.pw_uid, group=user.pw_gid, extra_groups=[])
        self.bin = options.pg_bin or newest_postgres()
        self.children = []

    def spawn(self, name, command, **more):
        log = open(os.path.join(self.folder, name + ".log"), "w")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **more)
        self.children.append(child)
        return child

    def postgres(self):
        template = os.path.join(self.folder, "template")
        subprocess.run([f"{self.bin}/initdb", "-D", template, "-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.as_user)
        ports = [free_port() for _ in range(3)]
        for index, port in enumerate(ports):
            data = os.path.join(self.folder, f"shard{index}")
            subprocess.run(["cp", "-a", template, data], check=True)
            settings = dict(port=port, listen_addresses="127.0.0.1", unix_socket_directories=self.folder, fsync="off",
                            synchronous_commit="off", shared_buffers="256MB", max_connections=400, autovacuum="off", jit="off",
                            max_prepared_transactions=20)
            command = [f"{self.bin}/postgres", "-D", data]
            for key, value in settings.items():
                command += ["-c", f"{key}={value}"]
            self.spawn(f"shard{index}", command, **self.as_user)
        for port in ports:
            wait_until(lambda: answers(port), "PostgreSQL")
            psql(self.bin, port, "CREATE DATABASE app", "postgres")
            psql(self.bin, port, f"""
                CREATE TABLE accounts (client_id bigint PRIMARY KEY, balance integer NOT NULL, filler char(80));
                INSERT INTO accounts SELECT n, 0, 'x' FROM generate_series(1, {CLIENTS}) n;
                CREATE TABLE heap (client_id bigint, n integer);
                CREATE TABLE lines (client_id bigint, n integer, amount numeric, note text, PRIMARY KEY (client_id, n));
                INSERT INTO lines SELECT c, n, n * 1.25, repeat('y', 60) FROM generate_series(1, {WIDE_CLIENTS}) c, generate_series(1, {LINES}) n;
                VACUUM ANALYZE""")
        return ports

    def forwarder(self, name, targets):
        path = os.path.join(ROOT, "target/release/examples/forwarder")
        if not os.path.exists(path):
            return missing("forwarder", "cargo build --release --example forwarder")
        port = free_port()
        return Endpoint(name, port, self.spawn(name, [path, str(port), *map(str, targets)]))

    def pgbouncer(self, target):
        path = self.options.pgbouncer or shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not path:
            return missing("pgbouncer", "Debian: apt-get install pgbouncer")
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        version = tuple(int(part) for part in re.search(r"(\d+)\.(\d+)", said).groups())
        port, config = free_port(), os.path.join(self.folder, "pgbouncer.ini")
        with open(os.path.join(self.folder, "users.txt"), "w") as users:
            users.write('"app" ""\n')
        with open(config, "w") as out:
            out.write(f"[databases]\napp = host=127.0.0.1 port={target} dbname=app user=app\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
                      f"listen_port = {port}\nauth_type = trust\nauth_file = {self.folder}/users.txt\npool_mode = transaction\n"
                      f"default_pool_size = {POOL}\nmax_client_conn = 20000\nlog_connections = 0\nlog_disconnections = 0\n"
                      f"unix_socket_dir =\nignore_startup_parameters = extra_float_digits\n"
                      + ("max_prepared_statements = 200\n" if version >= (1, 21) else ""))
        endpoint = Endpoint("pgbouncer", port, self.spawn("pgbouncer", [path, config], **self.as_user))
        endpoint.knows_prepared = version >= (1, 21)
        endpoint.label = "PgBouncer " + ".".join(str(part) for part in version)
        return endpoint

    def shardway(self, targets, name="shardway"):
        path = self.options.shardway or os.path.join(ROOT, "target/release/shardway")
        if not os.path.exists(path):
            return missing("shardway", "cargo build --release")
        port, config = free_port(), os.path.join(self.folder, name.replace(" ", "-") + ".toml")
        shards = "".join(f'[databases.app.shards.{name}]\nprimary = "postgres://127.0.0.1:{target}/app"\n'
                         for name, target in zip("abc", targets))
        buckets = 'a = "0-85", b = "86-170", c = "171-255"' if len(targets) > 1 else 'a = "0-255"'
        with open(config, "w") as out:
            out.write(f'[listen]\naddress = "127.0.0.1:{port}"\nmax_clients = 20_000\nworkers = {self.options.workers}\n\n'
                      f'[[users]]\nname = "app"\nauth = "trust"\npassword = "unused"\n\n[log]\nlevel = "warn"\nconnections = false\n\n'
                      f'[databases.app]\npool_size = {POOL}\n{shards}\n'
                      '[databases.app.keyspaces.clients]\ntype = "bigint"\nmethod = "hash"\n'
                      f'buckets = {{ {buckets} }}\n\n'
                      '[databases.app.tables]\naccounts = { keyspace = "clients", key = "client_id" }\n'
                      'lines = { keyspace = "clients", key = "client_id" }\n'
                      'heap = { keyspace = "clients", key = "client_id" }\n')
        return Endpoint(name, port, self.spawn(name, [path, "run", "--allow-root", "-c", config]))

    def is_up(self, endpoint):
        try:
            wait_until(lambda: answers(endpoint.port), endpoint.label, 10)
            return True
        except SystemExit as error:
            with open(os.path.join(self.folder, endpoint.name + ".log")) as log:
                print(f"! {error}; left out. It said: {log.read()[-800:]}", file=sys.stderr)
            return False

    def close(self):
        for child in reversed(self.children):
            child.send_signal(signal.SIGQUIT)
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Endpoint:
    def __init__(self, name, port, child=None):
        self.name, self.label, self.port, self.child, self.knows_prepared = name, name, port, child, True

    def cpu(self):
        """User and system time in µs."""
        if not self.child:
            return 0.0
        with open(f"/proc/{self.child.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident KiB."""
        with open(f"/proc/{self.child.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def measure(lab, endpoint, workload, seconds):
    """One pgbench run: transactions a second, mean and p99 latency in µs, CPU µs of the proxy for each."""
    name, script, protocol, clients, flags = workload
    with tempfile.TemporaryDirectory(prefix="shardway-log-") as logs:
        path = os.path.join(logs, "script.sql")
        with open(path, "w") as out:
            out.write(script)
        # Each client a thread where it prepares inside a transaction: pgbench waits for that answer in a blocking call.
        threads = clients if protocol == "prepared" and "BEGIN" in script else min(clients, 2)
        command = [f"{lab.bin}/pgbench", "-n", "-h", "127.0.0.1", "-p", str(endpoint.port), "-U", "app", "-M", protocol, "-c", str(clients),
                   "-j", str(threads), "-T", str(seconds), "-f", path, "-D", f"clients={CLIENTS}", "-D", f"wide={WIDE_CLIENTS}",
                   "-l", "--log-prefix", os.path.join(logs, "log"), *flags, "app"]
        before = endpoint.cpu()
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 3 + 60)
        cpu = endpoint.cpu() - before
        times = []
        for log in glob.glob(os.path.join(logs, "log*")):
            with open(log) as lines:
                times += [int(fields[2]) for fields in map(str.split, lines) if fields[2].isdigit()]
    tps = re.search(r"tps = ([\d.]+)", run.stdout)
    if run.returncode or not times or not tps:
        print(f"! {name}, {endpoint.label}: {run.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    times.sort()
    return dict(tps=float(tps[1]), mean=statistics.fmean(times), p50=times[len(times) // 2], p99=times[int(len(times) * 0.99)],
                cpu=cpu / len(times))


def compare(lab, endpoints, options):
    """All runs: {workload: {endpoint: [result of each round]}}."""
    results = {}
    for workload in WORKLOADS:
        if options.workloads and options.workloads not in workload[0]:
            continue
        here = [endpoint for endpoint in endpoints if endpoint.knows_prepared or workload[2] != "prepared"]
        for round in range(options.rounds):
            turn = round % len(here)
            for endpoint in here[turn:] + here[:turn]:
                result = measure(lab, endpoint, workload, options.seconds)
                results.setdefault(workload[0], {}).setdefault(endpoint.label, []).append(result)
                if result:
                    print(f"{workload[0]:34} {endpoint.label:16} {result['tps']:9.0f} tps {result['mean']:8.0f} µs mean "
                          f"{result['p99']:8.0f} µs p99 {result['cpu']:8.1f} µs CPU", file=sys.stderr)
    return results


def table(results, endpoints):
    bouncer = next((endpoint.label for endpoint in endpoints if endpoint.name == "pgbouncer"), None)
    lines = ["| workload | endpoint | tps | mean µs | p50 µs | p99 µs | CPU µs/tx | CPU to forwarder | CPU to forwarder to 3 | CPU to PgBouncer | tps to direct |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    for workload, by_endpoint in results.items():
        for label, rounds in by_endpoint.items():
            median = lambda key: show([run[key] for run in rounds if run], 1 if key == "cpu" else 0)
            ratio = lambda key, base: show([run[key] / other[key] for run, other in zip(rounds, by_endpoint.get(base, []))
                                            if run and other and other[key]], 2)
            is_proxy = label != "direct"
            lines.append(f"| {workload} | {label} | {median('tps')} | {median('mean')} | {median('p50')} | {median('p99')} | "
                         f"{median('cpu') if is_proxy else '–'} | {ratio('cpu', 'forwarder') if is_proxy else '–'} | "
                         f"{ratio('cpu', 'forwarder to 3') if is_proxy else '–'} | "
                         f"{ratio('cpu', bouncer) if is_proxy else '–'} | {ratio('tps', 'direct')} |")
    return "\n".join(lines)


def show(values, digits):
    return f"{statistics.median(values):.{digits}f}" if values else "–"


class Idle(asyncio.Protocol):
    """A client that logs in (trust), asks once, and then sits there."""

    def __init__(self):
        self.done = asyncio.get_running_loop().create_future()
        self.seen, self.asked, self.lost = b"", False, None

    def connection_made(self, transport):
        self.transport = transport
        body = struct.pack("!i", 196608) + b"user\0app\0database\0app\0\0"
        transport.write(struct.pack("!i", len(body) + 4) + body)

    def data_received(self, data):
        self.seen += data
        if self.seen.endswith(b"Z\0\0\0\5I"):
            self.seen = b""
            if self.asked:
                self.done.done() or self.done.set_result(None)
            else:
                self.asked = True
                sql = b"SELECT balance FROM accounts WHERE client_id = 7\0"
                self.transport.write(b"Q" + struct.pack("!i", len(sql) + 4) + sql)

    def connection_lost(self, error):
        self.lost = f"{error!r}, having heard {self.seen[-200:]!r}"
        self.done.done() or self.done.set_exception(ConnectionError(f"closed: {self.seen[-200:]!r}"))


async def come_in(endpoint, count):
    """So many clients, each of which has asked once."""
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(64)

    async def one():
        async with gate:
            _, client = await loop.create_connection(Idle, "127.0.0.1", endpoint.port)
            await asyncio.wait_for(client.done, 60)
            return client

    return await asyncio.gather(*(one() for _ in range(count)))


async def idle(endpoint, count):
    """KiB for each of many clients that asked once, and what remains when they have left."""
    before = endpoint.memory()
    clients = await come_in(endpoint, count)
    await asyncio.sleep(1)
    full, cpu = endpoint.memory(), endpoint.cpu()
    await asyncio.sleep(3)
    spent = (endpoint.cpu() - cpu) / 3
    for client in clients:
        client.transport.abort()
    # Allocators give memory back while they work: others come and go meanwhile.
    for _ in range(10):
        for client in await come_in(endpoint, 20):
            client.transport.abort()
        await asyncio.sleep(0.5)
    return (f"| {endpoint.label} | {before / 1024:.1f} | {full / 1024:.1f} | {(full - before) / count:.2f} | "
            f"{endpoint.memory() / 1024:.1f} | {spent / 1000:.2f} |")


def memory_table(endpoints, count):
    lines = [f"\n| {count} idle clients | MiB before | MiB | KiB each | MiB after they left | idle CPU ms/s |", "|---|---|---|---|---|---|"]
    for endpoint in endpoints:
        if endpoint.child and not endpoint.name.startswith("forwarder"):
            try:
                lines.append(asyncio.run(idle(endpoint, count)))
            except (OSError, ConnectionError, asyncio.TimeoutError) as error:
                print(f"! idle clients, {endpoint.label}: {error}", file=sys.stderr)
    return "\n".join(lines)


async def crowd(lab, endpoint, seconds):
    """10,000 clients, of which 500 ask all the time and the others have asked once and stay: latency, errors, memory."""
    clients = await come_in(endpoint, CROWD - CROWD_ACTIVE)
    with tempfile.TemporaryDirectory(prefix="shardway-log-") as logs:
        for name, script in (("select", SELECT), ("keyed", KEYED)):
            with open(os.path.join(logs, name + ".sql"), "w") as out:
                out.write(script)
        cpu, memory = endpoint.cpu(), []
        run = await asyncio.create_subprocess_exec(
            f"{lab.bin}/pgbench", "-n", "-h", "127.0.0.1", "-p", str(endpoint.port), "-U", "app", "-M", "simple", "-c", str(CROWD_ACTIVE), "-j", "2",
            "-T", str(seconds), "-f", f"{logs}/select.sql@9", "-f", f"{logs}/keyed.sql@1", "-D", f"clients={CLIENTS}", "-l", "--sampling-rate=0.05",
            "--log-prefix", os.path.join(logs, "log"), "app", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said = asyncio.ensure_future(run.communicate())
        while not said.done():
            await asyncio.wait([said], timeout=max(1, seconds / 20))
            memory.append(endpoint.memory() / 1024)
        output, errors = (part.decode() for part in await said)
        cpu, times = endpoint.cpu() - cpu, []
        for log in glob.glob(os.path.join(logs, "log*")):
            with open(log) as lines:
                times += [int(fields[2]) for fields in map(str.split, lines) if fields[2].isdigit()]
    lost = [client.lost for client in clients if client.lost]
    for client in clients:
        client.transport.abort()
    times.sort()
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    tps, done = float(re.search(r"tps = ([\d.]+)", output)[1]), int(re.search(r"actually processed: (\d+)", output)[1])
    failed = int(re.search(r"number of failed transactions: (\d+)", output)[1]) + len(re.findall("ERROR|FATAL|aborted", errors))
    if run.returncode or failed or lost:
        print(f"! crowd, {endpoint.label}: {errors[-300:]} {lost[:3]}", file=sys.stderr)
    return (f"| {endpoint.label} | {done} | {failed} | {len(lost)} | {tps:.0f} | {p50} | {p99} | {p99 / p50:.2f} | {memory[0]:.1f} | "
            f"{memory[len(memory) // 2]:.1f} | {memory[-2]:.1f} | {cpu / done:.1f} |")


def crowd_table(lab, endpoints, seconds):
    lines = [f"\n| {CROWD} clients, {CROWD_ACTIVE} of them active, {seconds} s | transactions | failed | idle clients lost | tps | p50 µs | p99 µs | p99 ÷ p50 | "
             "MiB at the start | MiB in the middle | MiB at the end | CPU µs/tx |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for endpoint in endpoints:
        if endpoint.child and not endpoint.name.startswith("forwarder"):
            lines.append(asyncio.run(crowd(lab, endpoint, seconds)))
    return "\n".join(lines)


def copy_table(lab, endpoints, count):
    """Rows a second of COPY FROM into one table; shardway spreads them by their key."""
    path = os.path.join(lab.folder, "rows.copy")
    with open(path, "w") as out:
        out.writelines(f"{row}\t{row % 1000}\n" for row in range(count))
    lines = [f"\n| COPY FROM of {count} rows | rows/s | to direct | CPU µs a row |", "|---|---|---|---|"]
    direct = None
    for endpoint in endpoints:
        if endpoint.name not in ("direct", "shardway"):
            continue
        rates, cpus = [], []
        for _ in range(3):
            psql(lab.bin, endpoint.port, "TRUNCATE heap")
            began, cpu = time.monotonic(), endpoint.cpu()
            with open(path) as rows:
                subprocess.run([f"{lab.bin}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(endpoint.port), "-U", "app",
                                "-d", "app", "-c", "COPY heap FROM STDIN"], stdin=rows, check=True)
            rates.append(count / (time.monotonic() - began))
            cpus.append((endpoint.cpu() - cpu) / count)
        direct = direct or statistics.median(rates)
        lines.append(f"| {endpoint.label} | {show(rates, 0)} | {statistics.median(rates) / direct:.2f} | {show(cpus, 2)} |")
    return "\n".join(lines)


class Asker:
    """A client that asks by the simple protocol and waits for the whole answer."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = struct.pack("!i", 196608) + b"user\0app\0database\0app\0\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self.wait()

    def ask(self, sql):
        self.socket.sendall(b"Q" + struct.pack("!i", len(sql) + 4) + sql)

    def wait(self):
        seen = b""
        while not seen.endswith(b"Z\0\0\0\5I"):
            more = self.socket.recv(1 << 16)
            if not more or seen[:1] == b"E":
                raise SystemExit(f"no answer: {seen[-200:]!r}")
            seen += more


def latency_table(ports, endpoint, seconds):
    """A scan over all shards, beside the shards asked directly: each alone, and all at the same moment until the last has answered."""
    shards, through = [Asker(port) for port in ports], Asker(endpoint.port)
    ways = {"one shard alone": shards[:1], "the slowest of three shards, asked at once": shards, f"{endpoint.label} over the three": [through]}
    took, until = {way: [] for way in ways}, time.monotonic() + seconds
    while time.monotonic() < until:
        sql = SCAN.split("\n")[1].replace(":n", str(random.randint(1, 100))).encode() + b"\0"
        for way, askers in ways.items():
            began = time.monotonic()
            for asker in askers:
                asker.ask(sql)
            for asker in askers:
                asker.wait()
            took[way].append((time.monotonic() - began) * 1e6)
    _, slowest, _ = (statistics.median(times) for times in took.values())
    lines = [f"\n| a scan of 3 × {WIDE_CLIENTS * LINES} rows, in turn, {seconds} s | p50 µs | p90 µs | ratio |", "|---|---|---|---|"]
    for way, times in took.items():
        lines.append(f"| {way} | {show(times, 0)} | {statistics.quantiles(times, n=10)[-1]:.0f} | {statistics.median(times) / slowest:.2f} |")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "?")
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}, {time.strftime('%Y-%m-%d')}, loopback, no TLS, pools of {POOL}"


def missing(name, how):
    print(f"! {name} is left out: not found ({how})", file=sys.stderr)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """Does the server take logins? A startup message is answered by R once it does."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as probe:
            body = struct.pack("!i", 196608) + b"user\0app\0database\0app\0\0"
            probe.sendall(struct.pack("!i", len(body) + 4) + body)
            first = probe.recv(1)
            return first == b"R" or (first == b"E" and b"57P03" not in probe.recv(500))
    except OSError:
        return False


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} does not start")
        time.sleep(0.02)


def psql(folder, port, sql, database="app"):
    statements = [part for piece in sql.split(";") if piece.strip() for part in ("-c", piece)]
    subprocess.run([f"{folder}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-U", "app", "-d", database,
                    *statements], check=True)


def newest_postgres():
    found = glob.glob("/usr/lib/postgresql/*/bin") + glob.glob("/usr/pgsql-*/bin")
    found = [folder for folder in found if os.path.exists(folder + "/postgres")]
    if not found:
        raise SystemExit("PostgreSQL's server programs were not found; name their folder with --pg-bin")
    return max(found, key=lambda folder: int(re.search(r"(\d+)", folder.split("/usr/")[1])[1]))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("-w", "--workloads", help="only those whose name holds this")
    arguments.add_argument("-r", "--rounds", type=int, default=5)
    arguments.add_argument("-s", "--seconds", type=int, default=3, help="length of one run")
    arguments.add_argument("--idle", type=int, default=10_000, help="idle clients; 0 leaves this out")
    arguments.add_argument("--copy", type=int, default=1_000_000, help="rows of a COPY FROM; 0 leaves this out")
    arguments.add_argument("--crowd", type=int, default=0, help=f"seconds of {CROWD} clients with {CROWD_ACTIVE} of them active; 0 leaves this out")
    arguments.add_argument("--workers", type=int, default=1, help="threads of shardway")
    arguments.add_argument("--shardway", type=os.path.abspath, help="the binary; default target/release/shardway")
    arguments.add_argument("--only", help="one of direct, forwarder, pgbouncer, shardway: the others are left out")
    arguments.add_argument("--pgbouncer", type=os.path.abspath, help="the binary; default the one in PATH")
    arguments.add_argument("--pg-bin", help="folder of initdb and postgres")
    arguments.add_argument("--out", default=os.path.join(ROOT, "target/compare.md"))
    arguments.add_argument("--list", action="store_true")
    options = arguments.parse_args()
    if options.list:
        return print("\n".join(workload[0] for workload in WORKLOADS))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    lab = Lab(options)
    try:
        ports = lab.postgres()
        starts = {"direct": [lambda: Endpoint("direct", ports[0])],
                  "forwarder": [lambda: lab.forwarder("forwarder", ports[:1]), lambda: lab.forwarder("forwarder to 3", ports)],
                  "pgbouncer": [lambda: lab.pgbouncer(ports[0])], "shardway": [lambda: lab.shardway(ports)]}
        endpoints = [start() for start in (starts[options.only] if options.only else sum(starts.values(), []))]
        endpoints = [endpoint for endpoint in endpoints if endpoint and lab.is_up(endpoint)]
        text = f"{machine()}; {options.rounds} rounds of {options.seconds} s, medians\n\n" + table(compare(lab, endpoints, options), endpoints)
        if endpoints[-1].name == "shardway" and (not options.workloads or options.workloads in "a scan"):
            text += "\n" + latency_table(ports, endpoints[-1], options.rounds * options.seconds)
        if options.copy:
            text += "\n" + copy_table(lab, endpoints, options.copy)
        if options.idle:
            text += "\n" + memory_table(endpoints, options.idle)
        if options.crowd:
            if endpoints[-1].name == "shardway":
                # As PgBouncer has it: all wait in one queue. With three, a client waits for the one that its key leads to.
                endpoints.append(lab.shardway(ports[:1], "shardway to 1"))
                lab.is_up(endpoints[-1])
            text += "\n" + crowd_table(lab, endpoints, options.crowd)
        os.makedirs(os.path.dirname(options.out), exist_ok=True)
        with open(options.out, "w") as out:
            out.write(text + "\n")
        print(text)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
