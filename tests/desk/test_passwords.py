"""What a password costs outside the tests, where most need none that costs much (tests/quick.py)."""

import pytest

from referral_dir.desk import passwords
from tests.quick import REAL_COST


def test_a_password_costs_a_thief_what_the_standard_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, cost in zip(("TIME_COST", "MEMORY_KIB", "LANES"), REAL_COST, strict=True):
        monkeypatch.setattr(passwords, name, cost)
    passwords._hasher.cache_clear()
    try:
        kept = passwords.hash_password("tulips on the railway bridge")
        assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$"), "RFC 9106, low memory"
        assert passwords.matches(kept, "tulips on the railway bridge")
        assert not passwords.matches(kept, "tulips on the railway bridg")
    finally:
        passwords._hasher.cache_clear()
