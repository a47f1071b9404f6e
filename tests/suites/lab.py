"""One plain PostgreSQL and shardway in front of it, in transaction mode, for the suites of drivers."""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

USER, PASSWORD = "postgres", "postgres"

SERVER = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
max_prepared_transactions = 50
wal_level = logical
"""

PROXY = """
[listen]
address = "127.0.0.1:{port}"
metrics = "127.0.0.1:{metrics}"
[pool]
pool_mode = "transaction"
pool_size = 60
[log]
level = "{level}"
# Users that a test creates.
[auth]
user = "{user}"
password = "{password}"
database = "postgres"
"""

ACCOUNT = """
[[users]]
name = "{name}"
password = "{password}"
"""

DATABASE = """
[databases.{name}]
default_shard = "only"
[databases.{name}.shards.only]
primary = "postgres://127.0.0.1:{port}/{name}"
"""

# And any that a test makes.
WILDCARD = """
[databases."*".shards.only]
primary = "postgres://127.0.0.1:{port}"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres_bin():
    found = shutil.which("initdb")
    paths = [found] if found else sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(paths[-1])


class Lab:
    """Starts both, and ends both with the block that it is the context of."""

    def __init__(self, shardway, databases, users=None):
        self.shardway, self.users = shardway, users or {}
        self.databases = list(dict.fromkeys(["postgres", *databases]))
        self.folder = tempfile.mkdtemp(prefix="shardway-suites-")
        self.port, self.proxy_port = free_port(), free_port()
        self.children = []

    def __enter__(self):
        root = os.geteuid() == 0
        owner = pwd.getpwnam("postgres" if root else pwd.getpwuid(os.geteuid()).pw_name)
        self.identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if root else {}
        os.chmod(self.folder, 0o755)
        data, bin = os.path.join(self.folder, "data"), postgres_bin()
        os.mkdir(data, 0o700)
        if root:
            os.chown(data, owner.pw_uid, owner.pw_gid)
        secret = os.path.join(self.folder, "password")
        with open(secret, "w") as out:
            out.write(PASSWORD + "\n")
        subprocess.run(
            [bin + "/initdb", "-D", data, "-U", USER, "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **self.identity,
        )
        with open(data + "/postgresql.conf", "a") as out:
            out.write(SERVER + f"port = {self.port}\n")
        self.start("postgres", [bin + "/postgres", "-D", data], self.identity)
        self.wait(self.port)
        for name in self.databases:
            self.sql("postgres", f'CREATE DATABASE "{name}"', missing_ok=name == "postgres")
        for name, password in self.users.items():
            self.sql("postgres", f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        config = os.path.join(self.folder, "shardway.toml")
        with open(config, "w") as out:
            level = os.environ.get("SUITES_LOG", "warn")
            out.write(PROXY.format(port=self.proxy_port, metrics=free_port(), level=level, user=USER, password=PASSWORD))
            for name, password in {USER: PASSWORD, **self.users}.items():
                out.write(ACCOUNT.format(name=name, password=password))
            for name in self.databases:
                out.write(DATABASE.format(name=name, port=self.port))
            out.write(WILDCARD.format(port=self.port))
        self.start("shardway", [self.shardway, "run", "--allow-root", "-c", config], {})
        self.wait(self.proxy_port)
        return self

    def start(self, name, command, identity):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            self.children.append(subprocess.Popen(command, stdout=log, stderr=log, cwd="/", start_new_session=True, **identity))

    def wait(self, port):
        end = time.monotonic() + 60
        while True:
            try:
                self.sql("postgres", "SELECT 1", port=port)
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def sql(self, database, text, port=None, missing_ok=False):
        command = ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port or self.port), "-U", USER, "-d", database, "-v", "ON_ERROR_STOP=1", "-c", text]
        done = subprocess.run(command, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True)
        if done.returncode and not missing_ok:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.terminate()
        for child in reversed(self.children):
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
