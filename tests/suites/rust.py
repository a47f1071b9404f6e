"""The published tests of drivers in Rust, which their crates carry."""
import glob
import json
import os
import re
import shutil
import subprocess

from lab import PASSWORD, USER

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH = """
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[lib]
path = "fetch.rs"
[dependencies]
{crate} = {{ version = "={version}", default-features = false }}
[workspace]
"""
SECONDS_A_RUN = 1200


class Crate:
    """A crate whose tests are built and run by Cargo. `adapt` makes the copy at hand fit to be tested here, `setup` is SQL."""

    def __init__(self, name, version, features, tests, environment, adapt, setup=None):
        self.name, self.version, self.adapt, self.setup = name, version, adapt, setup
        targets = [word for test in tests for word in ("--test", test)]
        self.command = ["cargo", "test", "--no-default-features", "--features", ",".join(features), *targets]
        self.environment = environment

    def prepare(self, folder):
        """Fetches the crate and makes a copy of it."""
        if os.path.exists(os.path.join(folder, "complete")):
            return
        shutil.rmtree(folder, ignore_errors=True)
        fetch, run = os.path.join(folder, "fetch"), os.path.join(folder, "run")
        os.makedirs(fetch)
        open(os.path.join(fetch, "fetch.rs"), "w").close()
        manifest = os.path.join(fetch, "Cargo.toml")
        with open(manifest, "w") as out:
            out.write(FETCH.format(crate=self.name, version=self.version))
        told = subprocess.run(["cargo", "metadata", "--format-version", "1", "--manifest-path", manifest], check=True, capture_output=True, text=True)
        source = next(package["manifest_path"] for package in json.loads(told.stdout)["packages"] if package["name"] == self.name)
        shutil.copytree(os.path.dirname(source), run)
        with open(os.path.join(run, "Cargo.toml"), "a") as out:
            out.write("\n[workspace]\n")
        self.adapt(run)
        open(os.path.join(folder, "complete"), "w").close()

    def outcomes(self, folder, way, port):
        """Runs the tests against one port: the outcome of each."""
        run = os.path.join(folder, "run")
        told = {name: value.format(port=port) for name, value in self.environment.items()}
        environment = {**os.environ, "CARGO_TARGET_DIR": os.path.join(os.path.dirname(folder), "cargo"), **told}
        # Statements that are checked as they are compiled, are asked of this port.
        for path in sources(run):
            with open(path) as source:
                if re.search(r"query(_as|_scalar)?(_unchecked)?!\(", source.read()):
                    os.utime(path)
        with open(f"{folder}-{way}.log", "w+") as log:
            if self.setup:
                psql = ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-f", self.setup]
                subprocess.run(psql, cwd=run, env={**environment, "PGPASSWORD": PASSWORD}, stdout=log, stderr=log, check=True)
            command = [*self.command, "--no-fail-fast", "--", "--test-threads", "2"]
            running = subprocess.Popen(command, cwd=run, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                running.wait(SECONDS_A_RUN)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, 9)
                running.wait()
            log.seek(0)
            text = log.read()
        words = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}
        found, target = {}, ""
        for line in text.splitlines():
            if begun := re.match(r"\s+Running (\S+)", line):
                target = begun[1]
            elif ended := re.match(r"test (\S+) .*\.\.\. (ok|FAILED|ignored)", line):
                found[f"{target} {ended[1]}"] = words[ended[2]]
        return found


def sources(run):
    return glob.glob(os.path.join(run, "tests", "**", "*.rs"), recursive=True)


def point_at_the_lab(run):
    """The tests know the port, and log in without a password."""
    port = 'std::env::var("PGPORT").unwrap()'
    for path in sources(run):
        if os.path.basename(path) == "parse.rs":
            continue
        with open(path) as source:
            text = source.read()
        text = re.sub(r"\buser=postgres\b", f"user={USER} password={PASSWORD}", text)
        text = re.sub(r'"([^"]*5433[^"]*)"', lambda found: '&format!("' + found[1].replace("5433", "{0}") + f'", {port})', text)
        with open(path, "w") as out:
            out.write(text)


def add_the_helper(run):
    """sqlx's tests import a crate that is not published, and others that these tests have no use for."""
    shutil.copytree(os.path.join(HERE, "sqlx-test"), os.path.join(run, "sqlx-test"))
    os.remove(os.path.join(run, "rust-toolchain.toml"))
    manifest = os.path.join(run, "Cargo.toml")
    with open(manifest) as source:
        sections = re.split(r"(?m)^(?=\[)", source.read())
    useless = ("criterion", "libsqlite3-sys", "async-std", "trybuild")
    kept = [it for it in sections if not it.startswith(tuple(f"[dev-dependencies.{name}]" for name in useless)) and not it.startswith("[[bench]]")]
    with open(manifest, "w") as out:
        out.write("".join(kept) + '\n[dev-dependencies.sqlx-test]\npath = "sqlx-test"\n')


TOKIO_POSTGRES = Crate(
    "tokio-postgres", "0.7.18",
    [
        "runtime", "array-impls", "with-bit-vec-0_6", "with-bit-vec-0_7", "with-bit-vec-0_8", "with-bit-vec-0_9", "with-chrono-0_4",
        "with-eui48-1", "with-geo-types-0_6", "with-geo-types-0_7", "with-jiff-0_1", "with-jiff-0_2", "with-serde_json-1",
        "with-smol_str-01", "with-time-0_2", "with-time-0_3", "with-uuid-0_8", "with-uuid-1",
    ],
    ["test"], {"PGPORT": "{port}"}, point_at_the_lab,
)
SQLX = Crate(
    "sqlx", "0.8.6",
    ["any", "postgres", "macros", "migrate", "_unstable-all-types", "runtime-tokio"],
    [
        "any", "any-pool", "postgres", "postgres-types", "postgres-describe", "postgres-macros", "postgres-derives", "postgres-error",
        "postgres-test-attr", "postgres-migrate", "postgres-query-builder", "postgres-rustsec",
    ],
    {"DATABASE_URL": f"postgres://{USER}:{PASSWORD}@127.0.0.1:{{port}}/postgres"}, add_the_helper, os.path.join("tests", "postgres", "setup.sql"),
)
