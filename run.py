"""The two commands: `python3 run.py` sets up and serves the demo, `python3 run.py test` sets up and tests.

Standard library only, as nothing is installed yet when it runs.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CHROMIUM = Path("/usr/bin/chromium")
# Of bandit, findings of medium and high severity fail.
CHECKS = {
    "ruff": ["ruff", "check", "."],
    "bandit": ["bandit", "--quiet", "-ll", "--recursive", "referral_dir", "migrations", "benchmarks", "data",
               "config.py", "run.py"],
    "mypy": ["mypy"],
    # A file at a time on each of two processors: what a module sets up is set up once. tests/conftest.py orders them.
    "pytest": ["pytest", "--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder"],
}
USAGE = """python3 run.py                     set up and serve the demo on 127.0.0.1:8000 (PORT changes it)
python3 run.py setup               set up alone
python3 run.py test [ARGUMENTS]    set up and run ruff, bandit, mypy and pytest with the arguments
python3 run.py screens             set up and take pictures of every page, by the browser tests, into docs/screens
python3 run.py audit [ALL.ZIP]     set up and look for known holes in what the locks name: asks PyPI, or looks into
                                   OSV's export for PyPI where PyPI is out of reach
python3 run.py bench [ARGUMENTS]   set up and measure: match, text, request, import, stale, plots, line or
                                   noninterference (--pairs N); --help says more
"""


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever has an older one should be told so
        print("Python 3.11 or newer is needed; this is", sys.version.split()[0])
        return 1
    command, rest = (arguments[0], arguments[1:]) if arguments else ("serve", [])
    here = Path.cwd()
    os.chdir(ROOT)
    if command == "setup" and not rest:
        return set_up("requirements.lock")
    if command == "serve" and not rest:
        return set_up("requirements.lock") or serve()
    if command == "test":
        return set_up("requirements-dev.lock") or test(rest)
    if command == "screens" and not rest:
        return set_up("requirements-dev.lock") or screens()
    if command == "audit" and len(rest) <= 1:
        return set_up("requirements-dev.lock") or audit(*(here / path for path in rest))
    if command == "bench":
        # What set-up says is not part of what is measured.
        with contextlib.redirect_stdout(sys.stderr):
            failed = set_up("requirements-dev.lock")
        return failed or subprocess.run([PYTHON, "-m", "benchmarks", *rest], check=False).returncode
    print(USAGE, end="")
    return 0 if command in ("help", "-h", "--help") else 2


def set_up(lock: str) -> int:
    """Make .venv and install what the lock names, once; a set-up that was interrupted is done again."""
    wanted = stamp("requirements.lock") + (stamp(lock) if lock != "requirements.lock" else "")
    mark = VENV / "installed"
    have = mark.read_text() if mark.exists() else ""
    if have.startswith(wanted) and PYTHON.exists():
        return 0
    try:
        make_venv()
        if not have.startswith(stamp("requirements.lock")):
            install("requirements.lock")
            pip("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ".")
        if lock != "requirements.lock":
            install(lock)
    except subprocess.CalledProcessError as error:
        print(f"Set-up failed ({error.returncode}). The lines above say why; run it again when that is mended.")
        return 1
    except VenvMissing as error:
        print(error)
        return 1
    mark.write_text(wanted)
    print("Set-up is done.")
    return 0


class VenvMissing(Exception):
    """This Python can't make a virtual environment with pip."""


def make_venv() -> None:
    probe = [str(PYTHON), "-m", "pip", "--version"]
    if PYTHON.exists() and subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return
    print("Making .venv …", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
        raise VenvMissing("This Python lacks venv or pip. One command mends that on Debian and Ubuntu:\n\n"
                          f"    {sudo}apt-get install -y python{version}-venv\n")


def install(lock: str) -> None:
    print(f"Installing what {lock} names, checked by hash …", flush=True)
    pip("install", "--require-hashes", "--progress-bar", "on", "--disable-pip-version-check", "-r", lock)


def pip(*arguments: str) -> None:
    # To standard error (2), so that `bench --json` prints nothing but its answer.
    subprocess.run([PYTHON, "-m", "pip", *arguments], check=True, stdout=2)


def stamp(lock: str) -> str:
    """Changes when the lock, the project file or the Python does."""
    content = (ROOT / lock).read_bytes() + (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest() + "\n"


def serve() -> int:
    environ = {**os.environ, "REFERRAL_DIR_DEMO": os.environ.get("REFERRAL_DIR_DEMO", "1")}
    command = [str(BIN / "referral-dir"), "serve"]
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(command[0], command, environ)
    return subprocess.run(command, env=environ, check=False).returncode


def screens() -> int:
    """Pictures of every page and of every step of the tasks, taken by the tests that walk through them."""
    provide_chromium()
    folder = ROOT / "docs" / "screens"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("REFERRAL_DIR_")}
    return subprocess.run([str(BIN / "pytest"), "-q", "--numprocesses", "2", "--dist", "loadfile", "tests/browser"],
                          env={**environ, "SHOTS": str(folder)}, check=False).returncode


def test(arguments: list[str]) -> int:
    """ruff, bandit, mypy, pytest; all but the last also when pytest is given arguments, as they are quick."""
    provide_chromium()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("REFERRAL_DIR_")}
    # The embedded PostgreSQL keeps a lock file there, which another user's would block.
    environ["TMPDIR"] = tempfile.mkdtemp(prefix="referral-dir-")
    failed = []
    try:
        for name, command in CHECKS.items():
            more = arguments if name == "pytest" else []
            started = time.monotonic()
            print(f"== {name}", flush=True)
            # bandit remarks on each exception that is marked in the code: told only when it fails.
            done = subprocess.run([PYTHON, "-m", *command, *more], env=environ, check=False, text=True,
                                  stderr=subprocess.PIPE if name == "bandit" else None)
            if done.returncode:
                print(done.stderr or "", end="", flush=True)
                failed.append(name)
            print(f"== {name} took {time.monotonic() - started:.0f} s", flush=True)
    finally:
        shutil.rmtree(environ["TMPDIR"], ignore_errors=True)
    print("Failed: " + ", ".join(failed) if failed else "All checks passed.")
    return 1 if failed else 0


def audit(database: Path | None = None) -> int:
    """pip-audit on both locks. What can't be looked up counts as a failure: nothing is known about it."""
    if database is not None and not database.is_file():
        print(f"There is no file {database}")
        return 1
    if database is not None:
        return subprocess.run([PYTHON, "-m", "benchmarks.holes", database], check=False).returncode
    failed = False
    for lock in ("requirements.lock", "requirements-dev.lock"):
        print(f"== {lock}", flush=True)
        command = [str(PYTHON), "-m", "pip_audit", "--requirement", lock, "--disable-pip", "--require-hashes",
                   "--strict", "--progress-spinner", "off"]
        failed |= subprocess.run(command, check=False).returncode != 0
    print("Not clean: the lines above say why." if failed else "No known holes.")
    return 1 if failed else 0


def provide_chromium() -> None:
    """Debian's Chromium for the browser tests, with letters for the languages that they look at."""
    if CHROMIUM.exists():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium for the browser tests …", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], env=quiet, stdout=subprocess.DEVNULL, check=False)
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-dejavu-core",
                        "fonts-freefont-ttf"], env=quiet, stdout=subprocess.DEVNULL, check=False)
    if not CHROMIUM.exists():
        print("There is no Chromium for the browser tests: apt-get install -y chromium")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
