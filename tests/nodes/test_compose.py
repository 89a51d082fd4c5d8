"""What `compose.yaml` says: each setting is one, no secret is in it, and its parts know each other."""

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from redis import Redis
from redis.exceptions import AuthenticationError
from sqlalchemy import make_url

from app.main import LAST_BATCH_SECONDS, LAST_REQUEST_SECONDS
from soak.front import CONFIGURATION
from tests import redis_server
from tests.backend.image import DOCKERFILE
from twofold import PCI_DSS, settings
from twofold.settings import DRAIN_SECONDS, Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
RAW = yaml.safe_load(TEXT)
GIVEN = {
    "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "POSTGRES_PASSWORD": "sOmE0LeTtErS1aNd2DiGiTs",
    "REDIS_PASSWORD": "OtHeR0LeTtErS1aNd2DiGiTs",
}
"""What has to stand in `.env`."""
NODES = ("node-a", "node-b")
SECRET = re.compile(r"password|secret|key|token", re.IGNORECASE)

# The Compose Specification, as far as it is used here.
FIELDS = {"name", "services", "networks", "volumes", "configs"}
SERVICE_FIELDS = {
    *("build", "cap_drop", "command", "configs", "depends_on", "environment", "healthcheck", "image", "networks"),
    *("ports", "read_only", "restart", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "volumes"),
}


def interpolated(value: Any, environment: dict[str, str]) -> Any:
    """
    A value as Compose reads it, with `${NAME:-default}` and `${NAME:?what to do}` in all its texts.

    Raises:
        LookupError: A variable is missing that has no default; with what Compose says then.
    """

    def told(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if environment.get(name):
            return environment[name]
        if kind == ":?":
            message = f"required variable {name} is missing a value: {rest}"
            raise LookupError(message)
        return str(rest)

    match value:
        case str():
            return re.sub(r"\$\{([A-Z_]+)(:[-?])([^}]*)\}", told, value)
        case dict():
            return {name: interpolated(each, environment) for name, each in value.items()}
        case list():
            return [interpolated(each, environment) for each in value]
        case _:
            return value


def composed(**more: str) -> Any:
    """The whole of it, with what has to be given and *more*."""
    return interpolated(RAW, GIVEN | more)


def environment_of_a_node(**more: str) -> dict[str, str]:
    """What a node is told."""
    environment: dict[str, str] = composed(**more)["services"]["node-a"]["environment"]
    return environment


def variables() -> set[str]:
    """All that the backend reads from its environment."""
    return set(re.findall(r'reader\.\w+\("([A-Z_]+)"', Path(settings.__file__).read_text()))


def test_it_is_made_of_what_compose_knows():
    """Fields of the specification alone; `docker compose` would refuse others."""
    told = composed()

    assert {name for name in told if not name.startswith("x-")} == FIELDS
    assert {field for service in told["services"].values() for field in service} <= SERVICE_FIELDS
    assert set(told["services"]) == {*NODES, "proxy", "database", "redis"}


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_missing_is_named(name):
    """Without a key or a password nothing starts, and one line says which to set, and to what."""
    environment = {each: value for each, value in GIVEN.items() if each != name}

    with pytest.raises(LookupError, match=rf"{name} is missing a value: set it in .env, to [\w -]+$"):
        interpolated(RAW, environment)


def test_no_secret_stands_in_it():
    """Whatever is secret comes from outside: in the file itself there is a variable in its place."""
    told = RAW["x-node"]["environment"] | RAW["services"]["database"]["environment"]
    secrets = {name: value for name, value in told.items() if SECRET.search(name) or name.endswith("_URL")}

    assert set(secrets) == {"DATABASE_URL", "ENCRYPTION_KEY", "PUBLIC_URL", "REDIS_URL", "POSTGRES_PASSWORD"}
    assert [name for name, value in secrets.items() if "${" not in value] == []
    assert re.findall(r"^requirepass (?!\$\{REDIS_PASSWORD:\?)", RAW["configs"]["redis"]["content"], re.MULTILINE) == []
    assert re.search(r"[A-Za-z0-9_-]{43}=", TEXT) is None


def test_every_setting_of_a_node_is_one():
    """Each variable that a node is given is one that the backend reads, and both nodes are given the same."""
    told = composed()["services"]

    assert set(told["node-a"]["environment"]) <= variables()
    assert told["node-a"] == told["node-b"]


def test_the_backend_takes_the_settings():
    """The whole set, with the least that has to be given, is what a node in production starts with."""
    node = Settings.from_environment(environment_of_a_node())
    other = Settings.from_environment(environment_of_a_node(TWOFA_PROFILE="pci_dss", WEB_CONCURRENCY="4"))

    assert node.production
    assert not node.counts_alone
    assert node.key_ring().key_ids
    assert (other.policy, other.workers, other.counts_alone) == (PCI_DSS, 4, False)


def test_a_node_is_given_time_to_end():
    """Nobody ends a node before it has drained, answered what was on its way, and ended its maintenance."""
    [grace] = re.findall(r"^(\d+)s$", composed()["services"]["node-a"]["stop_grace_period"])
    drain = Settings.from_environment(environment_of_a_node()).drain_seconds

    assert drain == DRAIN_SECONDS
    assert int(grace) > drain + LAST_REQUEST_SECONDS + LAST_BATCH_SECONDS


def test_the_database_is_the_one_that_is_there():
    """Nodes use its name, its port, its user and its password; and what it stores outlives it."""
    url, database = make_url(environment_of_a_node()["DATABASE_URL"]), composed()["services"]["database"]
    known = database["environment"]

    assert (url.host, url.port) == ("database", 5432)
    assert (url.username, url.password) == (known["POSTGRES_USER"], known["POSTGRES_PASSWORD"])
    assert url.database == known["POSTGRES_DB"]
    assert database["volumes"] == ["database:/var/lib/postgresql/data"]


def test_redis_lets_in_who_has_the_password():
    """The configuration is one that Redis starts with; nodes get in by their URL, and nobody gets in without it."""
    url, configuration = make_url(environment_of_a_node()["REDIS_URL"]), composed()["configs"]["redis"]["content"]
    with redis_server.running(configuration, str(url.password)) as server, Redis(port=server.port) as stranger:
        kept = server.client.config_get("maxmemory-policy")
        with pytest.raises(AuthenticationError):
            stranger.ping()

    assert (url.host, url.port, kept) == ("redis", 6379, {"maxmemory-policy": "noeviction"})


def test_the_proxy_is_the_one_that_is_trusted():
    """Its address is its own, also while the others take theirs, and the only one whose word nodes believe."""
    told = composed()
    [network] = told["networks"]["nodes"]["ipam"]["config"]
    address = told["services"]["proxy"]["networks"]["nodes"]["ipv4_address"]

    assert environment_of_a_node()["TRUSTED_PROXIES"] == address
    assert IPv4Address(address) in IPv4Network(network["subnet"])
    assert IPv4Address(address) not in IPv4Network(network["ip_range"])
    assert IPv4Network(network["ip_range"]).subnet_of(IPv4Network(network["subnet"]))


def test_the_proxy_knows_the_nodes():
    """It is given every node by name and port, runs the configuration that these tests run, and is alone outside."""
    services = composed()["services"]
    proxy, image = services["proxy"], " ".join(rest for name, rest in DOCKERFILE if name == "ENV")
    port = re.findall(r"\bPORT=(\d+)", image)[-1]
    source, target, mode = proxy["volumes"][0].split(":")

    assert proxy["environment"]["NODES"].split() == [f"{name}:{port}" for name in NODES]
    assert (ROOT / source).samefile(CONFIGURATION)
    assert (target, mode) == ("/etc/caddy/Caddyfile", "ro")
    assert set(re.findall(r"\{\$([A-Z_]+)\}", CONFIGURATION.read_text())) == set(proxy["environment"])
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]


def test_only_who_has_to_meets():
    """The proxy reaches no database, and from the networks of nodes and databases there is no way out."""
    told = composed()
    networks = {name: set(service["networks"]) for name, service in told["services"].items()}

    assert networks["proxy"] == {"front", "nodes"}
    assert networks["node-a"] == {"nodes", "data"}
    assert networks["database"] == networks["redis"] == {"data"}
    assert told["networks"]["nodes"]["internal"] is told["networks"]["data"]["internal"] is True
