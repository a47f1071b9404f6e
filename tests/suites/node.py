"""The published tests of node-postgres: its driver in JavaScript, its driver over libpq, pool, cursor and stream.

They are scripts of the project's repository. What they import comes from npm.
"""
import glob
import os
import re
import subprocess

from archives import unpack
from lab import PASSWORD, USER
from report import read_report

ARCHIVE = "https://github.com/brianc/node-postgres/archive/refs/tags/pg@8.16.3.tar.gz"
PACKAGES = [
    "pg@8.16.3", "pg-pool@3.10.1", "pg-cursor@2.15.3", "pg-query-stream@4.10.3", "pg-native@3.5.2", "async@2.6.4", "bluebird@3.7.2", "co@4.6.0",
    "pg-copy-streams@0.3.0", "mocha@10", "expect.js@0.3.1", "lodash@4", "JSONStream@1.3.5", "concat-stream@1.0", "stream-spec@0.3", "okay@0.3",
    "semver@7", "ts-node@8", "typescript@4", "@types/node@14", "@types/mocha@10", "@types/chai@4", "@types/pg@7",
]
# Scripts that say what they test with a tick a line, and folders of mocha's.
SCRIPTS = ["packages/pg/test/unit/**/*-tests.js", "packages/pg/test/integration/**/*-tests.js"]
NATIVE = ["packages/pg/test/native/**/*-tests.js", "packages/pg/test/integration/**/*-tests.js"]
MOCHA = ["packages/pg-pool", "packages/pg-cursor", "packages/pg-query-stream", "packages/pg-native"]
SECONDS_A_SCRIPT = 60


def prepare(folder):
    """Unpacks the repository and installs what its tests import."""
    if os.path.exists(os.path.join(folder, "complete")):
        return
    os.makedirs(folder, exist_ok=True)
    run = os.path.join(folder, "run")
    unpack("node-postgres", ARCHIVE, run)
    # Not the repository's workspace: the packages that its tests import are those that are published.
    with open(os.path.join(run, "package.json"), "w") as out:
        out.write('{"private": true}\n')
    subprocess.run(["npm", "install", "--no-save", *PACKAGES], cwd=run, check=True, stdout=subprocess.DEVNULL)
    # npm may leave out the building of what is not JavaScript.
    subprocess.run(["npm", "rebuild", "libpq"], cwd=run, check=True, stdout=subprocess.DEVNULL)
    open(os.path.join(folder, "complete"), "w").close()


def outcomes(folder, way, port):
    """Runs all of it against one port: the outcome of each script, of each line that it ticks and of each of mocha's tests."""
    run = os.path.join(folder, "run")
    environment = {
        **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": USER, "PGPASSWORD": PASSWORD, "PGDATABASE": "postgres",
        "PGTESTNOSSL": "1", "TS_NODE_TRANSPILE_ONLY": "1",
    }
    found = {}
    with open(f"{folder}-{way}.log", "w") as log:
        tables = ["node", "script/create-test-tables.js"]
        subprocess.run(tables, cwd=os.path.join(run, "packages", "pg"), env=environment, stdout=log, stderr=log, check=True)
        for driver, patterns in (("js", SCRIPTS), ("native", NATIVE)):
            for path in sorted(path for pattern in patterns for path in glob.glob(os.path.join(run, pattern), recursive=True)):
                found.update(script(driver, os.path.relpath(path, run), run, environment, log))
        for package in MOCHA:
            found.update(mocha(package, run, environment, log))
    return found


def script(driver, path, run, environment, log):
    """A script passes when it ends well; it ends at the first of its lines that does not."""
    driven = {**environment, "PG_TEST_NATIVE": "1"} if driver == "native" else environment
    ended = subprocess.Popen(
        ["node", os.path.join(run, path)], cwd=os.path.join(run, "packages", "pg"), env=driven, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        text, _ = ended.communicate(timeout=SECONDS_A_SCRIPT)
    except subprocess.TimeoutExpired:
        ended.kill()
        text, _ = ended.communicate()
    outcome = "passed" if ended.returncode == 0 else "failed"
    log.write(f"== {driver} {path}: {outcome}\n{text}\n")
    log.flush()
    lines = re.findall(r"^  (\S.*?) *✔$", text, re.MULTILINE)
    return {f"{driver} {path}": outcome, **{f"{driver} {path}: {line}": "passed" for line in lines}}


def mocha(package, run, environment, log):
    """The outcome of each test of a package."""
    report = os.path.join(run, package, "report.xml")
    typescript = ["-r", "ts-node/register", "test/**/*.ts"] if glob.glob(os.path.join(run, package, "test", "*.ts")) else []
    command = [os.path.join(run, "node_modules", ".bin", "mocha"), "--exit", "--reporter", "xunit", "--reporter-option", f"output={report}", *typescript]
    log.write(f"== {package}\n")
    log.flush()
    if os.path.exists(report):
        os.remove(report)
    subprocess.run(command, cwd=os.path.join(run, package), env=environment, stdout=log, stderr=log, check=False, timeout=600)
    return read_report(report, f"{package} ")
