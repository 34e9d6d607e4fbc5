"""Settings, read from the environment. Outside the demo nothing starts without its secrets."""

import base64
import binascii
import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent

# Name, default, meaning: the README's table says the same, and a test compares them.
VARIABLES: Final[tuple[tuple[str, str, str], ...]] = (
    ("REFERRAL_DIR_DEMO", "0", "1: invented data, loopback only, secrets made by itself"),
    ("REFERRAL_DIR_INSTANCE", "instance", "folder of the embedded database, the indexes and the demo's keys"),
    ("REFERRAL_DIR_DATABASE_URL", "sqlite in the instance folder", "postgresql://user:password@host/name, or sqlite"),
    ("REFERRAL_DIR_LEDGER", "ledger in the instance folder",
     "file of erasures and withdrawals, outside the database; on another disk than its backups"),
    ("REFERRAL_DIR_SECRET_KEY", "none", "signs cookies and tokens; at least 32 characters"),
    ("REFERRAL_DIR_MASTER_KEYS", "none", "ID:BASE64 of 32 bytes, comma between several; the first one seals"),
    ("REFERRAL_DIR_BASE_URL", "http://127.0.0.1:8000", "what links in e-mails begin with; https outside the demo"),
    ("REFERRAL_DIR_HOST", "127.0.0.1", "address to listen on; the demo takes loopback only"),
    ("PORT", "8000", "port to listen on"),
    ("REFERRAL_DIR_TRUSTED_PROXY", "0", "how many proxies of yours every request passes, like 1 for TLS in front"),
    ("REFERRAL_DIR_SMTP_HOST", "none", "mail server; without one, messages wait in the outbox"),
    ("REFERRAL_DIR_SMTP_PORT", "587", "its port"),
    ("REFERRAL_DIR_SMTP_USER", "none", "its user"),
    ("REFERRAL_DIR_SMTP_PASSWORD", "none", "its password"),
    ("REFERRAL_DIR_SMTP_STARTTLS", "1", "0: send without encryption (a mail server on this machine)"),
    ("REFERRAL_DIR_MAIL_FROM", "referrals@localhost", "sender of e-mails"),
    ("REFERRAL_DIR_TEXT_INDEX", "whoosh", "whoosh, or tantivy for large directories (the extra `large`)"),
    ("REFERRAL_DIR_AUDIT_KEY", "none", "base64 of 32 bytes: signs the heads of the audit chain (Ed25519)"),
    ("REFERRAL_DIR_AUDIT_WITNESS", "none", "e-mail address elsewhere that keeps the signed heads"),
    ("REFERRAL_DIR_GEOCODER", "offline", "offline, nominatim, photon or pelias: for public addresses only"),
    ("REFERRAL_DIR_GEOCODER_DOMAIN", "none", "your own server for it"),
    ("REFERRAL_DIR_TILES", "none",
     "your own tile server, like https://tiles.example.org/{z}/{x}/{y}.png: it learns where people look"),
)
# What nobody may read back, and what it is called where it is kept.
SECRET: Final = frozenset({"REFERRAL_DIR_SECRET_KEY", "REFERRAL_DIR_MASTER_KEYS", "REFERRAL_DIR_SMTP_PASSWORD",
                           "REFERRAL_DIR_AUDIT_KEY"})
_KEPT_AS: Final = {"PORT": "port", "REFERRAL_DIR_TRUSTED_PROXY": "trusted_proxies"}
# No form is longer. A body that is longer still is cut off by the server before anything has read it.
LARGEST_BODY: Final = 256 * 1024
LARGEST_BODY_READ: Final = 4 * LARGEST_BODY

# The host goes into the pages' policy, so no character may end or widen it.
TILES: Final = re.compile(r"https://[a-z0-9.-]+(:\d+)?/(?=[^?#]*\{z\})(?=.*\{x\})(?=.*\{y\})[\w./{}@?&=%-]+", re.ASCII)


class ConfigError(Exception):
    """The environment can't be used; the message names each variable and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that may differ between two installations."""

    demo: bool
    instance: Path
    database_url: str
    ledger: Path
    secret_key: str = field(repr=False)
    master_keys: str = field(repr=False)
    base_url: str
    host: str
    port: int
    trusted_proxies: int
    smtp_host: str | None
    smtp_port: int
    smtp_user: str | None
    smtp_password: str | None = field(repr=False)
    smtp_starttls: bool
    mail_from: str
    text_index: str
    audit_key: str = field(repr=False)
    audit_witness: str | None
    geocoder: str
    geocoder_domain: str | None
    tiles: str | None


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises ConfigError that lists all that is wrong at once.

    The demo makes its secrets once and keeps them in the instance folder, readable by its owner only.
    """
    values, errors = _read(environ)
    demo = values["REFERRAL_DIR_DEMO"] == "1"
    instance = Path(values["REFERRAL_DIR_INSTANCE"])
    instance = instance if instance.is_absolute() else ROOT / instance
    secret, keys = values["REFERRAL_DIR_SECRET_KEY"], values["REFERRAL_DIR_MASTER_KEYS"]
    if demo and not errors:
        _private_folder(instance)
        secret = secret or _kept(instance / "secret-key", lambda: secrets.token_urlsafe(48))
        keys = keys or _kept(instance / "master-keys",
                             lambda: "demo1:" + base64.b64encode(secrets.token_bytes(32)).decode())
        values["REFERRAL_DIR_AUDIT_KEY"] = values["REFERRAL_DIR_AUDIT_KEY"] or _kept(
            instance / "audit-key", lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    errors += _check(values, demo, secret, keys)
    if errors:
        raise ConfigError("\n".join(errors))
    url = values["REFERRAL_DIR_DATABASE_URL"] or f"sqlite:///{instance / 'referral-dir.sqlite'}"
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg://" + url.removeprefix(prefix)
    ledger = Path(values["REFERRAL_DIR_LEDGER"] or instance / "ledger")
    ledger = ledger if ledger.is_absolute() else ROOT / ledger
    port = int(values["PORT"] or 8000)
    return Settings(
        demo=demo, instance=instance, database_url=url, ledger=ledger, secret_key=secret, master_keys=keys,
        base_url=values["REFERRAL_DIR_BASE_URL"] or f"http://127.0.0.1:{port}",
        host=values["REFERRAL_DIR_HOST"] or "127.0.0.1", port=port,
        trusted_proxies=int(values["REFERRAL_DIR_TRUSTED_PROXY"] or 0),
        smtp_host=values["REFERRAL_DIR_SMTP_HOST"] or None,
        smtp_port=int(values["REFERRAL_DIR_SMTP_PORT"] or 587), smtp_user=values["REFERRAL_DIR_SMTP_USER"] or None,
        smtp_password=values["REFERRAL_DIR_SMTP_PASSWORD"] or None,
        smtp_starttls=values["REFERRAL_DIR_SMTP_STARTTLS"] != "0",
        mail_from=values["REFERRAL_DIR_MAIL_FROM"] or "referrals@localhost",
        text_index=values["REFERRAL_DIR_TEXT_INDEX"] or "whoosh", audit_key=values["REFERRAL_DIR_AUDIT_KEY"],
        audit_witness=values["REFERRAL_DIR_AUDIT_WITNESS"] or None,
        geocoder=values["REFERRAL_DIR_GEOCODER"] or "offline",
        geocoder_domain=values["REFERRAL_DIR_GEOCODER_DOMAIN"] or None, tiles=values["REFERRAL_DIR_TILES"] or None)


@dataclass(frozen=True, slots=True)
class Present:
    """One setting as it stands. Of a secret only whether it is set; `origin`: variable, file, made or default."""

    name: str
    meaning: str
    value: str
    secret: bool
    origin: str


def present(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Present]:
    """Every setting with its present value and where it came from."""
    found = []
    for name, _, meaning in VARIABLES:
        value = getattr(settings, _KEPT_AS.get(name, name.removeprefix("REFERRAL_DIR_").lower()))
        origin = "variable" if environ.get(name) else "file" if environ.get(name + "_FILE") else "default"
        secret = name in SECRET
        if secret:
            origin, value = "made" if value and origin == "default" else origin, bool(value)
        found.append(Present(name, meaning, _shown(name, value), secret, origin))
    return found


def _shown(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    text = "" if value is None else str(value)
    # The address of a database may hold its password.
    return re.sub(r"(?<=://)([^:@/]+):[^@]*@", r"\1:…@", text) if name == "REFERRAL_DIR_DATABASE_URL" else text


def _read(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Each variable from itself or from the file that NAME_FILE names."""
    values, errors = {}, []
    for name, _, _ in VARIABLES:
        value, path = environ.get(name, ""), environ.get(name + "_FILE", "")
        if value and path:
            errors.append(f"{name} and {name}_FILE are both set: keep one")
        if path and not value:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                errors.append(f"{name}_FILE can't be read: {error.strerror}")
        values[name] = value or ("instance" if name == "REFERRAL_DIR_INSTANCE" else "")
    return values, errors


def _check(values: Mapping[str, str], demo: bool, secret: str, keys: str) -> list[str]:
    errors = []
    for name in ("PORT", "REFERRAL_DIR_SMTP_PORT"):
        if values[name] and not (values[name].isdecimal() and 0 < int(values[name]) < 65536):
            errors.append(f"{name} must be a port, 1 to 65535")
    if values["REFERRAL_DIR_TRUSTED_PROXY"] not in ("", *map(str, range(10))):
        errors.append("REFERRAL_DIR_TRUSTED_PROXY must be a number of proxies, 0 to 9")
    if values["REFERRAL_DIR_GEOCODER"] not in ("", "offline", "nominatim", "photon", "pelias"):
        errors.append("REFERRAL_DIR_GEOCODER must be offline, nominatim, photon or pelias")
    if values["REFERRAL_DIR_GEOCODER"] not in ("", "offline") and not values["REFERRAL_DIR_GEOCODER_DOMAIN"]:
        errors.append("REFERRAL_DIR_GEOCODER_DOMAIN must name your own server")
    if values["REFERRAL_DIR_TILES"] and not TILES.fullmatch(values["REFERRAL_DIR_TILES"]):
        errors.append("REFERRAL_DIR_TILES must be an address like https://tiles.example.org/{z}/{x}/{y}.png")
    if values["REFERRAL_DIR_TEXT_INDEX"] not in ("", "whoosh", "tantivy"):
        errors.append("REFERRAL_DIR_TEXT_INDEX must be whoosh or tantivy")
    if demo and not _is_loopback(values["REFERRAL_DIR_HOST"] or "127.0.0.1"):
        errors.append("REFERRAL_DIR_HOST: the demo listens on loopback only, like 127.0.0.1")
    if len(secret) < 32:
        errors.append("REFERRAL_DIR_SECRET_KEY must be set, with at least 32 random characters: "
                      "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'")
    if not keys:
        errors.append("REFERRAL_DIR_MASTER_KEYS must be set, like k1:BASE64: python3 -c 'import base64, os; "
                      "print(\"k1:\" + base64.b64encode(os.urandom(32)).decode())'")
    if not _is_key(values["REFERRAL_DIR_AUDIT_KEY"]):
        errors.append("REFERRAL_DIR_AUDIT_KEY must be set, with 32 random bytes: python3 -c 'import base64, os; "
                      "print(base64.b64encode(os.urandom(32)).decode())'")
    if not demo and not values["REFERRAL_DIR_BASE_URL"].startswith("https://"):
        errors.append("REFERRAL_DIR_BASE_URL must be set and begin with https://")
    return errors


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except binascii.Error:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _private_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    try:
        path.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"REFERRAL_DIR_INSTANCE: {path} can't be made private: {error.strerror}") from error


def _kept(path: Path, make: object) -> str:
    """The secret in the file; made when it is not there. Two processes that start at once agree on one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(make())  # type: ignore[operator]
    return path.read_text(encoding="utf-8").strip()
