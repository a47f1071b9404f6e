#!/usr/bin/env python3
"""The test suites that drivers publish, on plain PostgreSQL and through shardway in front of it: which tests are lost?

    cargo build --release
    tests/suites/run.py                 all suites; some minutes each
    tests/suites/run.py asyncpg         one of them
    tests/suites/run.py --shardway target/debug/shardway psycopg2

Needs Python 3.9 with venv, pip with a package index, node with npm, Cargo, and PostgreSQL. shardway runs in transaction mode before one database, with
`default_shard`. Suites and drivers are fetched into target/suites. A test is lost when it passes on plain PostgreSQL and not
through shardway. Exit code 1 when one is lost that LOST does not name.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile

import node
import rust
from lab import Lab, PASSWORD, USER
from report import read_report

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = os.path.join(ROOT, "target", "suites")
PYTEST = ["-v", "-p", "no:cacheprovider", "--timeout", "20", "--timeout-method", "thread"]
TWO_AT_ONCE = ["-n", "2", "--dist", "loadfile"]
# A test that takes too long ends by itself, not with its process.
SIGNALS = ["--timeout-method", "signal"]

# Suite: package with its tests, what the tests import, and the variables that tell them of the server. `tests` are their
# folders, `prepare` what they expect in databases, by name, `users` who logs in; `whole` says that they run in the unpacked source.
# A `runner` knows all but `prepare` and `users` itself.
SUITES = {
    "asyncpg": {
        "source": "asyncpg==0.32.0",
        "needs": ["asyncpg==0.32.0", "distro", "uvloop"],
        "environment": {"PGHOST": "{host}", "PGPORT": "{port}", "PGUSER": USER, "PGPASSWORD": PASSWORD, "PGDATABASE": "postgres"},
        "options": [*TWO_AT_ONCE, *SIGNALS],
        "leave_out": ["tests/test__sourcecode.py"],
    },
    "psycopg2": {
        "source": "psycopg2==2.9.13",
        "needs": ["psycopg2-binary==2.9.13"],
        "environment": {
            "PSYCOPG2_TESTDB_HOST": "{host}", "PSYCOPG2_TESTDB_PORT": "{port}", "PSYCOPG2_TESTDB_USER": USER,
            "PSYCOPG2_TESTDB_PASSWORD": PASSWORD, "PGPASSWORD": PASSWORD,
        },
        "prepare": {"psycopg2_test": ["CREATE EXTENSION hstore"]},
        "options": TWO_AT_ONCE,
    },
    "pg8000": {
        "source": "pg8000==1.31.6",
        "needs": ["pg8000==1.31.6", "pytz", "pytest-benchmark", "pytest-mock"],
        "environment": {"PGHOST": "{host}", "PGPORT": "{port}", "PGUSER": USER, "PGPASSWORD": PASSWORD, "PGDATABASE": "postgres"},
        "tests": ["test"],
        "options": SIGNALS,
        # They need a server with other passwords or the package's README, or measure.
        "leave_out": [
            "test/test_readme.py",
            *(f"test/{part}/{what}" for part in ("native", "dbapi", "legacy") for what in ("auth", "test_benchmarks.py")),
        ],
    },
    "sqlalchemy": {
        "source": "sqlalchemy==2.0.52",
        "needs": ["greenlet", "typing_extensions", "psycopg[binary]==3.3.9"],
        "whole": True,
        "environment": {},
        "prepare": {"test": ["CREATE SCHEMA test_schema", "CREATE SCHEMA test_schema_2", "CREATE EXTENSION hstore", "CREATE EXTENSION citext"]},
        "tests": ["test/dialect/test_suite.py", "test/dialect/postgresql"],
        "options": [
            *SIGNALS, "-p", "no:xdist", "--maxfail", "100000", f"--dburi=postgresql+psycopg://{USER}:{PASSWORD}@{{host}}:{{port}}/test",
        ],
    },
    "django": {
        "source": "django==5.2.19",
        "needs": ["django==5.2.19", "psycopg[binary,pool]==3.3.9", "pillow", "jinja2", "tblib"],
        "whole": True,
        "environment": {"SUITES_HOST": "{host}", "SUITES_PORT": "{port}", "SUITES_USER": USER, "SUITES_PASSWORD": PASSWORD},
        # Django would create its databases; these are there, and kept, either way.
        "prepare": {"test_default": [], "test_other": []},
        "apps": ["backends", "postgres_tests", "transactions", "queries", "migrations", "select_for_update", "schema", "aggregation"],
    },
    "node-postgres": {"source": "node-postgres==8.16.3", "runner": node},
    "tokio-postgres": {
        "source": "tokio-postgres==0.7.18",
        "runner": rust.TOKIO_POSTGRES,
        "users": {"pass_user": "password", "md5_user": "password", "scram_user": "password"},
        "prepare": {"postgres": ["CREATE EXTENSION hstore", "CREATE EXTENSION citext", "CREATE EXTENSION ltree"]},
    },
    "sqlx": {"source": "sqlx==0.8.6", "runner": rust.SQLX},
}

# Lost, and known why.
LOST = {
    "asyncpg": {
        "test_executemany_server_failure_during_writes": "a race: the error must come before the client has written 4 MiB",
        "test_close_has_one_timeout_budget": "must be over in 0.7 s, which a busy machine does not always give",
        "test_pool_config_persistence": "a race: the pool closes while it opens a connection, whose end nobody awaits then",
    },
    "psycopg2": {},
    "pg8000": {},
    "sqlalchemy": {},
    "django": {},
    "node-postgres": {
        "connection-pool/error-tests": "ends the idle sessions that pg_stat_activity shows: an idle client has none there, and the script ends",
        "multiple client and many queries": "logs in 20 times in 2 seconds, which a build for debugging does not",
    },
    "tokio-postgres": {},
    "sqlx": {},
}


def venv(name, suite):
    """A virtual environment with what the suite imports, and the unpacked source beside it."""
    folder = os.path.join(WORK, name)
    if "runner" in suite:
        return suite["runner"].prepare(folder)
    python = os.path.join(folder, "venv", "bin", "python")
    if not os.path.exists(os.path.join(folder, "complete")):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        subprocess.run([sys.executable, "-m", "venv", os.path.join(folder, "venv")], check=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "pytest", "pytest-timeout", "pytest-xdist", *suite["needs"]], check=True)
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", folder, suite["source"]], check=True)
        with tarfile.open(glob.glob(os.path.join(folder, "*.tar.gz"))[0]) as packed:
            packed.extractall(folder)
        unpacked = glob.glob(os.path.join(folder, name + "-*", ""))[0]
        if suite.get("whole"):
            os.rename(unpacked, os.path.join(folder, "run"))
        # Away from the package's own folder, so that the installed driver is imported.
        for tests in suite.get("tests", ["tests"]) if not suite.get("whole") else []:
            shutil.copytree(os.path.join(unpacked, tests), os.path.join(folder, "run", tests))
        open(os.path.join(folder, "complete"), "w").close()
    return python, os.path.join(folder, "run")


def command(suite, python, address, report):
    """What runs the suite and writes a report as pytest does."""
    if "apps" in suite:
        return [python, os.path.join("tests", "runtests.py"), "--settings=django_settings", "--keepdb", "--noinput", "--parallel=1", "-v", "2", *suite["apps"]]
    options = [word.format(**address) for word in suite.get("options", [])]
    leave_out = [word for path in suite.get("leave_out", []) for word in ("--deselect", path)]
    return [python, "-m", "pytest", *PYTEST, *options, f"--junitxml={report}", *suite.get("tests", ["tests"]), *leave_out]


def run(name, suite, way, port):
    """Runs a suite against one port: the outcome of each test."""
    if "runner" in suite:
        return suite["runner"].outcomes(os.path.join(WORK, name), way, port)
    python, folder = venv(name, suite)
    report = os.path.join(WORK, f"{name}-{way}.xml")
    address = {"host": "127.0.0.1", "port": port}
    environment = {key: value.format(**address) for key, value in suite["environment"].items()}
    environment |= {"SUITES_REPORT": report, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__)) if "apps" in suite else ""}
    with open(os.path.join(WORK, f"{name}-{way}.log"), "w") as log:
        subprocess.run(
            command(suite, python, address, report),
            cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log, check=False, timeout=3600,
        )
    return read_report(report)


def known(name, test):
    return next((why for word, why in LOST[name].items() if re.search(word, test)), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--shardway", default=os.path.join(ROOT, "target", "release", "shardway"))
    flags = parser.parse_args()
    rows, unknown = [], 0
    for name in flags.suites or SUITES:
        suite = SUITES[name]
        venv(name, suite)
        # Servers of its own for each way, so that nothing one run leaves is in the way of the other.
        outcomes = {}
        for way in ("plain", "shardway"):
            with Lab(os.path.abspath(flags.shardway), suite.get("prepare", {}), suite.get("users")) as lab:
                for database, statements in suite.get("prepare", {}).items():
                    for statement in statements:
                        lab.sql(database, statement)
                outcomes[way] = run(name, suite, way, lab.port if way == "plain" else lab.proxy_port)
        passed = [test for test, outcome in outcomes["plain"].items() if outcome == "passed"]
        lost = [test for test in passed if outcomes["shardway"].get(test) != "passed"]
        rows.append(f"| {suite['source'].replace('==', ' ')} | {len(passed)} | {len(lost)} |")
        for test in sorted(lost):
            why = known(name, test)
            unknown += why is None
            print(f"lost: {name}: {test}: {why or 'NOT KNOWN WHY'}", flush=True)
    print("| suite | pass on PostgreSQL | lost through shardway |\n|---|---|---|")
    print("\n".join(rows))
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
