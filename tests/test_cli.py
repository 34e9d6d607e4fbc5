"""The command line on the demo, as a person runs it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from referral_dir.cli import main

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Commands:
    """One demo, and its commands: each in a process of its own, or, which is quicker, in this one."""

    environ: dict[str, str]

    def __call__(self, *arguments: str, code: int = 0, **more: str) -> str:
        """What the command says, in this process."""
        done = CliRunner().invoke(main, arguments, env={**self.environ, **more})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout + done.stderr

    def process(self, *arguments: str, code: int = 0) -> str:
        """What it says as a person runs it, where arguments, output and exit code pass the system."""
        command = [sys.executable, "-m", "referral_dir.cli", *arguments]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **self.environ}, capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    commands = Commands({"REFERRAL_DIR_DEMO": "1", "PYTHONUTF8": "1",
                         "REFERRAL_DIR_INSTANCE": str(tmp_path_factory.mktemp("instance"))})
    commands.process("demo")
    return commands


def test_a_match_names_reasons_near_misses_and_helplines(run: Commands) -> None:
    found = json.loads(run("match", "--need", "shelter.safe_house", "--language", "ht", "--near", "Miami, FL",
                           "--json"))
    assert found["place"]["country"] == "US"
    first = found["results"][0]
    assert first["name"] == "Harbour Safe House (invented)"
    assert first["language"] == {"code": "ht", "via": "direct", "interpreter_service_id": None}
    assert first["capacity"]["state"] == "available"
    assert first["zone"] == "Miami"
    assert first["reasons"]
    other = next(r for r in found["results"] if r["language"]["via"] == "interpreter")
    assert other["language"]["interpreter_service_id"]
    assert found["helplines"]


def test_arabic_in_irbid_finds_the_safe_house_and_a_full_one_is_a_near_miss(run: Commands) -> None:
    found = json.loads(run.process("match", "--need", "shelter", "--language", "Arabic", "--near", "إربد", "--json",
                                   "--radius-km", "150", "--gender", "female"))
    assert found["results"][0]["name"] == "Jasmine Safe House Irbid (invented)"
    misses = {m["name"]: [u["criterion"] for u in m["unmet"]] for m in found["near_misses"]}
    assert misses["Jasmine Safe House Amman (invented)"] == ["capacity"]


def test_equal_input_gives_equal_output_in_every_process(run: Commands) -> None:
    arguments = ("match", "--need", "legal", "--near", "Miami", "--json")
    assert run.process(*arguments) == run.process(*arguments)


def test_an_explanation_adds_up_and_tells_why_a_service_was_not_shown(run: Commands) -> None:
    asked = ("match", "--need", "shelter", "--language", "ar", "--near", "Irbid", "--radius-km", "150",
             "--gender", "female")
    found = json.loads(run(*asked, "--json"))
    best, miss = found["results"][0], next(m for m in found["near_misses"] if m["unmet"])
    told = json.loads(run(*asked, "--explain", best["service_id"], "--json"))
    assert told["outcome"] == "a match"
    # Asked a moment later: how fresh a number is has gone down by as much.
    assert told["score"] == pytest.approx(best["score"], abs=0.0005)
    assert sum(line["points"] for line in told["criteria"]) == pytest.approx(told["score"], abs=0.001)
    every = {line["criterion"] for line in told["criteria"]}
    assert {"needs", "distance", "language", "capacity", "freshness"} <= every
    told = json.loads(run(*asked, "--explain", miss["service_id"], "--json"))
    assert told["outcome"].startswith("a near miss: unmet")
    away = run(*asked, "--avoid-near", "Irbid", "--avoid-km", "200", "--explain", best["service_id"])
    assert "area to avoid" in away
    assert best["name"] not in run(*asked, "--avoid-near", "Irbid", "--avoid-km", "200")
    assert "no service has this id" in run(*asked, "--explain", "00000000-0000-4000-8000-000000000000", code=1)


def test_reindex_builds_both_indexes_anew_and_answers_as_before(run: Commands) -> None:
    asked = ("search", "shelter", "--json")
    before = run(*asked)
    assert "new" in run("reindex")
    assert run(*asked) == before


@pytest.mark.parametrize(("arguments", "says"), [
    (("--need", "shelterr", "--near", "Miami"), "did you mean shelter"),
    (("--need", "shelter", "--near", "Miammi"), "did you mean Miami"),
    (("--need", "shelter", "--near", "Springfield"), "several places"),
    (("--need", "shelter", "--near", "Miami", "--language", "Qwertyish"), "not a language"),
    (("--need", "shelter", "--near", "Miami", "--radius-km", "0"), "above 0"),
    (("--need", "shelter", "--near", "Miami", "--radius-km", "nan"), "above 0"),
    (("--need", "shelter", "--near", "Miami", "--age", "-4"), "age"),
])
def test_bad_input_is_answered_with_what_to_do(run: Commands, arguments: tuple[str, ...], says: str) -> None:
    assert says in run("match", *arguments, code=1)


def test_a_process_that_is_given_bad_input_ends_with_one_and_what_to_do(run: Commands) -> None:
    assert "did you mean Miami" in run.process("match", "--need", "shelter", "--near", "Miammi", code=1)


def test_search_finds_food_by_a_spanish_word_and_corrects_a_typo(run: Commands) -> None:
    found = json.loads(run("search", "comida", "--near", "Key West", "--by-distance", "--json"))
    assert found["results"][0]["name"] == "Keys Food Table (invented)"
    assert json.loads(run("search", "lawyr", "--json"))["did_you_mean"] == "lawyer"


def test_an_import_writes_its_report_and_a_bad_path_is_refused(run: Commands, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"id": "o1", "name": "Invented", "description": "x"}))
    run("import", str(path), "--report", str(tmp_path / "report.json"))
    assert json.loads((tmp_path / "report.json").read_text())["tables"]["organization"]["created"] == 1
    assert "is not there" in run("import", str(tmp_path / "nothing"), code=1)
    run("export", str(tmp_path / "out.json"))
    exported = (tmp_path / "out.json").read_text()
    assert "Harbour Safe House" in exported
    assert "Hidden Court" not in exported


def test_both_text_indexes_can_be_chosen_and_find_the_same(run: Commands) -> None:
    asked = ("search", "comida", "--near", "Miami", "--json")
    found = {kind: {r["name"] for r in json.loads(run(*asked, REFERRAL_DIR_TEXT_INDEX=kind))["results"]}
             for kind in ("tantivy", "whoosh")}
    assert found["tantivy"] == found["whoosh"] != set()


def test_every_command_has_help_and_the_trail_verifies(run: Commands, tmp_path: Path) -> None:
    for name in main.commands:
        helped = CliRunner().invoke(main, [name, "--help"])
        assert helped.exit_code == 0
        assert "Usage" in helped.output
    assert "unbroken" in run("audit", "verify")
    assert "written" in run("audit", "head", "--output", str(tmp_path / "head.json"))
    assert "as the head of entry" in run("audit", "verify", "--head", str(tmp_path / "head.json"))
    (tmp_path / "head.json").write_text((tmp_path / "head.json").read_text().replace('"hash": "', '"hash": "0'))
    assert "signature" in run("audit", "verify", "--head", str(tmp_path / "head.json"), code=1)
    assert "officer@demo.example" in run("user", "list")
    assert "sent 0" in run("deliver")
    assert "only PostgreSQL has roles" in run("database", "roles", code=1)
    run("init")
