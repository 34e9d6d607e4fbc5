"""Settings: refused as a whole with everything that is wrong, and the demo's own secrets."""

import base64
import os
import stat
from pathlib import Path

import pytest

from config import ConfigError, load_settings

GOOD = {"REFERRAL_DIR_SECRET_KEY": "s" * 40, "REFERRAL_DIR_BASE_URL": "https://directory.example",
        "REFERRAL_DIR_MASTER_KEYS": "k1:" + base64.b64encode(b"k" * 32).decode(),
        "REFERRAL_DIR_AUDIT_KEY": base64.b64encode(b"a" * 32).decode()}


def test_outside_the_demo_nothing_starts_without_its_secrets() -> None:
    with pytest.raises(ConfigError) as error:
        load_settings({})
    for name in GOOD:
        assert name in str(error.value)


def test_good_settings_hide_their_secrets_when_printed() -> None:
    text = repr(load_settings(GOOD))
    assert "ssss" not in text
    assert "k1:" not in text


@pytest.mark.parametrize(("name", "value"), [
    ("PORT", "http"), ("REFERRAL_DIR_GEOCODER", "elsewhere"), ("REFERRAL_DIR_TEXT_INDEX", "none"),
    ("REFERRAL_DIR_SECRET_KEY", "short"), ("REFERRAL_DIR_BASE_URL", "http://plain.example"),
    ("REFERRAL_DIR_TILES", "http://tiles.example/{z}/{x}/{y}.png"),
    ("REFERRAL_DIR_TILES", "https://tiles.example/{x}/{y}.png"),
    ("REFERRAL_DIR_TILES", "https://tiles.example; script-src */{z}/{x}/{y}.png")])
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load_settings({**GOOD, name: value})


def test_the_demo_listens_on_loopback_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        load_settings({"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(tmp_path),
                       "REFERRAL_DIR_HOST": "0.0.0.0"})


def test_the_demo_makes_its_secrets_once_for_its_owner_only(tmp_path: Path) -> None:
    environ = {"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(tmp_path / "instance")}
    first, second = load_settings(environ), load_settings(environ)
    assert (first.secret_key, first.master_keys) == (second.secret_key, second.master_keys)
    for path in (tmp_path / "instance").iterdir():
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_secret_may_stand_in_a_file_but_not_in_both(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("f" * 40 + "\n")
    rest = {k: v for k, v in GOOD.items() if k != "REFERRAL_DIR_SECRET_KEY"}
    assert load_settings({**rest, "REFERRAL_DIR_SECRET_KEY_FILE": str(path)}).secret_key == "f" * 40
    with pytest.raises(ConfigError, match="both set"):
        load_settings({**GOOD, "REFERRAL_DIR_SECRET_KEY_FILE": str(path)})


def test_a_postgresql_address_gets_its_driver() -> None:
    settings = load_settings({**GOOD, "REFERRAL_DIR_DATABASE_URL": "postgresql://u@h/d"})
    assert settings.database_url == "postgresql+psycopg://u@h/d"
