"""
Finds or starts the database servers that the tests run against.

A server is looked for in this order: the one that `TEST_POSTGRESQL_URL` or `TEST_MARIADB_URL` names; the one on the
usual port of this machine, if it lets us in; a throwaway one in a temporary folder, which ends with the tests.
`TWOFOLD_TEST_THROWAWAY=1` goes to the last of these at once.
"""

import atexit
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

LOGIN_SECONDS = 3
START_SECONDS = 60
STOP_SECONDS = 20
START_ATTEMPTS = 5
# Below the ports that the kernel hands to clients, so that nobody is given ours while the server starts.
PORTS = range(20_000, 32_768)


@dataclass(frozen=True)
class Database:
    """One empty database of its own, and the ways to reach it."""

    name: str
    sync_url: str
    async_url: str
    plain_url: str


@dataclass(frozen=True)
class Kind:
    """What has to be known about PostgreSQL and MariaDB to find, start and use one."""

    name: str
    plain_driver: str
    sync_driver: str
    async_driver: str
    override: str
    url: URL
    create: str
    drop: Sequence[str]
    account: str
    start: Callable[[Path, int], subprocess.Popen[bytes]]
    stop_signal: signal.Signals


class Server:
    """A running server, on which each test session makes databases of its own."""

    def __init__(
        self, kind: Kind, url: URL, process: subprocess.Popen[bytes] | None = None, folder: Path | None = None
    ):
        self.kind = kind
        self.url = url
        self.process = process
        self._folder = folder
        self._owner = os.getpid()
        # A server may be shared by several machines, on which process ids repeat.
        self._names = (f"twofold_test_{self._owner}_{secrets.token_hex(3)}_{number}" for number in itertools.count(1))
        self._databases: dict[str, Database] = {}
        atexit.register(self.close)

    def fresh_database(self) -> Database:
        name = next(self._names)
        run(self.url, self.kind.create.format(name=name))
        self._databases[name] = Database(
            name,
            *(
                self.url.set(drivername=driver, database=name).render_as_string(hide_password=False)
                for driver in (self.kind.sync_driver, self.kind.async_driver, self.kind.plain_driver)
            ),
        )
        return self._databases[name]

    def drop(self, database: Database) -> None:
        """Drop *database*, whoever is still connected to it."""
        del self._databases[database.name]
        for statement in self.kind.drop:
            run(self.url, statement.format(name=database.name))

    def close(self) -> None:
        """Leave nothing behind: neither databases on a server that was found, nor a server that was started."""
        if os.getpid() != self._owner:
            return  # A forked child: the server is not its own.
        atexit.unregister(self.close)
        if self.process is None:
            for database in tuple(self._databases.values()):
                self.drop(database)
        else:
            stop(self.process, self.kind.stop_signal)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def postgresql() -> Server:
    return find(POSTGRESQL) or start(POSTGRESQL)


def mariadb() -> Server:
    return find(MARIADB) or start(MARIADB)


def find(kind: Kind) -> Server | None:
    """
    Return the server that was named or stands on the usual port, or None.

    Raises:
        OperationalError: A server was named and does not let us in.
    """
    if named := os.environ.get(kind.override):
        url = make_url(named).set(drivername=kind.sync_driver)
        run(url, "SELECT 1")
        return Server(kind, url)
    if os.environ.get("TWOFOLD_TEST_THROWAWAY") == "1" or not lets_in(kind.url):
        return None
    return Server(kind, kind.url)


def start(kind: Kind) -> Server:
    """Start a throwaway server; should another process be quicker to take the port, try others."""
    log = ""
    for _ in range(START_ATTEMPTS):
        folder = Path(tempfile.mkdtemp(prefix=f"twofold-{kind.name}-"))
        url = kind.url.set(host="127.0.0.1", port=free_port())
        try:
            if os.getuid() == 0:
                shutil.chown(folder, kind.account, kind.account)
            process = kind.start(folder, url.port or 0)
        except BaseException:
            shutil.rmtree(folder)
            raise
        server = Server(kind, url, process, folder)
        if wait_until_it_lets_us_in(process, url):
            return server
        log = end_of(folder / "log")
        server.close()
    message = f"{kind.name} did not start:\n{log}"
    raise RuntimeError(message)


def wait_until_it_lets_us_in(process: subprocess.Popen[bytes], url: URL) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if lets_in(url):
            return True
        time.sleep(0.05)
    return False


def stop(process: subprocess.Popen[bytes], politely: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(politely)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(url: URL, statement: str) -> None:
    engine = create_engine(
        url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": LOGIN_SECONDS}
    )
    with engine.connect() as connection:
        connection.execute(text(statement))


def lets_in(url: URL) -> bool:
    try:
        run(url, "SELECT 1")
    except OperationalError:
        return False
    return True


def free_port() -> int:
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def program(name: str, *folders: str) -> str:
    """
    Return the path of *name*, also where Debian keeps servers out of a user's PATH.

    Raises:
        FileNotFoundError: It is not installed.
    """
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *folders, "/usr/sbin"]))
    if path is None:
        message = f"{name} is not installed: see scripts/test-packages"
        raise FileNotFoundError(message)
    return path


def as_account(account: str, dies_by: signal.Signals) -> list[str]:
    """
    Return the words that run a server without root's rights, and end it when the tests are killed.

    They replace themselves by the server, so that it is our own child.
    """
    if sys.platform != "linux":
        return []
    lower = [f"--reuid={account}", f"--regid={account}", "--init-groups"] if os.getuid() == 0 else []
    return [program("setpriv"), *lower, f"--pdeathsig={dies_by.name.removeprefix('SIG')}", "--"]


def prepare(command: Sequence[str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(
            command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if done.returncode != 0:
        message = f"{' '.join(command)} failed:\n{end_of(log)}"
        raise RuntimeError(message)


def end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def launch(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        # In a session of its own, a Ctrl-C for the tests leaves it alone until the last database is dropped.
        return subprocess.Popen(
            command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def start_postgresql(folder: Path, port: int) -> subprocess.Popen[bytes]:
    account = as_account("postgres", POSTGRESQL.stop_signal)
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    initdb, postgres = (program(name, *map(str, versions)) for name in ("initdb", "postgres"))
    data, log = folder / "data", folder / "log"
    user = POSTGRESQL.url.username
    prepare(
        [*account, initdb, f"-D{data}", f"-U{user}", "--auth=trust", "-EUTF8", "--locale=C.UTF-8", "--no-sync"], log
    )
    # Without fsync a commit still survives the death of the server, only not that of the machine.
    settings = ["-h127.0.0.1", f"-p{port}", f"-k{folder}", "-cfsync=off", "-cmax_connections=300"]
    return launch([*account, postgres, f"-D{data}", *settings], log)


def start_mariadb(folder: Path, port: int) -> subprocess.Popen[bytes]:
    account = as_account("mysql", MARIADB.stop_signal)
    install, mariadbd = (program(name) for name in ("mariadb-install-db", "mariadbd"))
    data, log = folder / "data", folder / "log"
    prepare(
        [
            *(*account, install, "--no-defaults", f"--datadir={data}", f"--tmpdir={folder}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        ],
        log,
    )
    here = [f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--bind-address=127.0.0.1", f"--port={port}"]
    # When a server starts it clears its temporary folder, of the files of others too.
    here.append(f"--tmpdir={folder}")
    # Flushed every second, a commit still survives the death of the server, only not that of the machine.
    settings = ["--innodb-flush-log-at-trx-commit=2", "--max-connections=500"]
    return launch([*account, mariadbd, "--no-defaults", f"--datadir={data}", *here, *settings], log)


POSTGRESQL = Kind(
    name="postgresql",
    plain_driver="postgresql",
    sync_driver="postgresql+psycopg",
    async_driver="postgresql+asyncpg",
    override="TEST_POSTGRESQL_URL",
    url=URL.create(
        "postgresql+psycopg", os.environ.get("PGUSER", "postgres"), host="127.0.0.1", port=5432, database="postgres"
    ),
    # template0, because template1 cannot be copied while anybody is connected to it.
    create="CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'",
    drop=["DROP DATABASE IF EXISTS {name} WITH (FORCE)"],
    account="postgres",
    start=start_postgresql,
    stop_signal=signal.SIGINT,  # Its "fast" shutdown: SIGTERM would wait for the clients.
)

MARIADB = Kind(
    name="mariadb",
    plain_driver="mysql",
    sync_driver="mysql+pymysql",
    async_driver="mysql+asyncmy",
    override="TEST_MARIADB_URL",
    url=URL.create("mysql+pymysql", "root", host="127.0.0.1", port=3306),
    create="CREATE DATABASE {name} CHARACTER SET utf8mb4",
    drop=[
        """
        BEGIN NOT ATOMIC
            DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;  -- Unknown thread: it left by itself.
            FOR client IN (SELECT id FROM information_schema.processlist WHERE db = '{name}')
                DO EXECUTE IMMEDIATE CONCAT('KILL ', client.id);
            END FOR;
        END
        """,
        "DROP DATABASE IF EXISTS {name}",
    ],
    account="mysql",
    start=start_mariadb,
    stop_signal=signal.SIGTERM,
)
