"""The keeper's configuration: one JSON file, read strictly. It holds keys, so only root may read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langflow_ha.keeper.model import Kind
from langflow_ha.node.strict import ConfigError, build, read_json

DEFAULT_PATH = Path("/etc/langflow-ha/backup.json")


@dataclass(frozen=True, slots=True)
class Database:
    """The database of this node and its place in Patroni's cluster."""

    stanza: str
    version: str
    """Major version of the server, such as 17."""
    data_directory: str
    bin_directory: str
    socket_directory: str
    port: int
    application: str
    """Name of the database whose flows are exported."""
    patroni_url: str
    ca_file: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """An S3 endpoint and a bucket in it. `ca_file` "": the system's store."""

    endpoint: str
    region: str
    bucket: str
    access_key: str
    secret_key: str
    ca_file: str


@dataclass(frozen=True, slots=True)
class Retention:
    """How many snapshots of files, flows and configuration are kept, the newest of each period."""

    days: int
    weeks: int
    months: int


@dataclass(frozen=True, slots=True)
class Age:
    """How old the newest backup of a kind may be."""

    kind: str
    hours: float


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration. Exactly one of `target_store` and `target_directory` is given."""

    site: str
    langflow_version: str
    database: Database
    target_store: ObjectStore | None
    target_directory: str
    passphrase_file: str
    files_store: ObjectStore | None
    files_directory: str
    """Where LangFlow's files are when they are in no bucket; "": they are."""
    work_directory: str
    retention: Retention
    ages: tuple[Age, ...]
    textfile_directory: str
    """Where the node exporter looks; "": no metrics."""
    scratch_port: int

    @property
    def limits(self) -> dict[Kind, float]:
        """Kind → hours; kinds that are not listed are not made here."""
        return {Kind(age.kind): age.hours for age in self.ages}

    @property
    def work(self) -> Path:
        """Directory of the keeper's own files."""
        return Path(self.work_directory)


def load(path: Path = DEFAULT_PATH) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    return parse(read_json(path))


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    if (config.target_store is None) == (not config.target_directory):
        raise ConfigError(
            "target_directory", config.target_directory, "give it or target_store, and not both"
        )
    for age in config.ages:
        if age.kind not in list(Kind):
            raise ConfigError("ages.kind", age.kind, f"must be one of {', '.join(Kind)}")
        if age.hours <= 0:
            raise ConfigError(f"ages.{age.kind}", age.hours, "must be above 0")
    return config
