"""No secret was ever committed: every line that any commit added is looked at."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing

ROOT = Path(__file__).resolve().parents[1]
# What kind, how it looks, and one that is none, so that the pattern is known to find it. They are put together here:
# written out whole, they would find themselves.
KINDS = {
    "private key": (r"-----BEGIN [A-Z ]*PRIVATE KEY-----", "-----BEGIN RSA PRIVATE" + " KEY-----"),
    "cloud key": (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "AKIA" + "ABCDEFGHIJKLMNOP"),
    "repository token": (r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,}|glpat-[\w-]{20})", "ghp_" + "a1B2" * 9),
    "registry token": (r"\b(?:pypi-AgEI[\w-]{50,}|npm_[A-Za-z0-9]{36})", "npm_" + "a1B2" * 9),
    "chat token": (r"\bxox[abprs]-[0-9A-Za-z-]{20,}", "xoxb-" + "1234567890" * 3),
    "payment or mail key": (r"\b(?:sk_live_[0-9A-Za-z]{20,}|SG\.[\w-]{22}\.[\w-]{43})", "sk_live_" + "a1b2c3d4" * 3),
    "model key": (r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}", "sk-ant-" + "a1b2c3d4" * 5),
    "web token": (r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}", ".".join(["eyJ" + "hbGciOiJIUzI1NiJ9", "eyJ"
                                                                          + "zdWIiOiIxMjM0NTYifQ", "a" * 30])),
    "address with a password": (r"\b[a-z][a-z0-9+]{2,12}://[^/\s:@\"'{}<>$%]+:[^/\s:@\"'{}<>$%]{3,}@[A-Za-z0-9.-]+",
                                "postgresql://someone:" + "hunter2hunter2@db.internal"),
    "secret that is set": (r"(?i)\b\w*(?:secret_?key|master_?keys?|api_?key|passw(?:or)?d|auth_?token|client_secret)\w*"
                           r"[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/_=:!@#-]{16,}[\"']",
                           'SECRET_' + 'KEY = "q8Zx0bV3mK5tR7wYuE2nL4"'),
    "key of 32 bytes": (r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])", "Q" * 20 + "aB3/" * 5 + "xyz="),
}
# What looks like one and is none, each with its reason.
HARMLESS = (
    r"user:password@host/name",  # the form of a database's address, in the settings' own words
    r"[a-z]+://[\w.-]+:[\w.-]+@(?:[\w-]+\.)*example(?:\.org|\.com|\.net)?\b",  # hosts that can't exist
    r"[\"'](?:[\w-]*-)?(?:invented|for-tests?)(?:-[\w-]*)?[\"']",  # says of itself that it is invented
)


def added_lines() -> Iterator[tuple[str, str]]:
    """(file, line) for every line that a commit added; pictures and locks have no words."""
    log = subprocess.run(["git", "log", "-m", "-p", "--no-color", "--unified=0", "--format=", "--no-textconv", "--",
                          ".", ":!*.lock", ":!*.svg", ":!*.xz"],
                         cwd=ROOT, capture_output=True, text=True, errors="replace", check=True).stdout
    file = ""
    for line in log.splitlines():
        if line.startswith("+++ "):
            file = line[6:]
        elif line.startswith("+"):
            yield file, line[1:]


def secrets_in(line: str) -> list[str]:
    """The kinds of secret that the line seems to hold."""
    for harmless in HARMLESS:
        line = re.sub(harmless, "", line)
    return [kind for kind, (pattern, _) in KINDS.items() if re.search(pattern, line)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_secret_would_be_found(kind: str) -> None:
    assert kind in secrets_in(f"    value: {KINDS[kind][1]} # text")


def test_no_commit_ever_added_a_secret() -> None:
    if not (ROOT / ".git").exists():
        missing("no git history here")
    looked_at, found = 0, []
    for file, line in added_lines():
        looked_at += 1
        found += [(kind, file, line.strip()[:60]) for kind in secrets_in(line)]
    assert found == []
    assert looked_at > 10_000, "the history is whole"


def test_no_file_that_holds_secrets_was_ever_committed() -> None:
    if not (ROOT / ".git").exists():
        missing("no git history here")
    names = subprocess.run(["git", "log", "-m", "--name-only", "--format=", "--diff-filter=A"], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split("\n")
    private = re.compile(r"(^|/)(\.env(\..*)?|id_(rsa|ed25519|ecdsa)|instance/.*|secret-key|master-keys|audit-key|"
                         r".*\.(pem|p12|pfx|jks|key|keystore|sqlite3?|db|dump|sql\.gz))$")
    assert sorted({name for name in names if private.search(name)}) == []
