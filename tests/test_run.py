"""The two commands' own mistakes are told plainly."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import run


def test_a_python_without_venv_is_told_the_one_command_and_leaves_nothing(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(run, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(run, "PYTHON", tmp_path / ".venv" / "bin" / "python")

    def no_pip(command: list[object], **_: object) -> SimpleNamespace:
        (tmp_path / ".venv").mkdir()
        return SimpleNamespace(returncode=1, stdout="", stderr="ensurepip is not available")

    monkeypatch.setattr(subprocess, "run", no_pip)
    assert run.set_up("requirements.lock") == 1
    assert f"apt-get install -y python{sys.version_info.major}.{sys.version_info.minor}-venv" in capsys.readouterr().out
    assert not (tmp_path / ".venv").exists()


def test_an_unknown_command_shows_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["nonsense"]) == 2
    assert "python3 run.py test" in capsys.readouterr().out


def test_the_continuous_integration_calls_the_second_command_and_nothing_cleverer() -> None:
    lines = (run.ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec python3 run.py test"
    assert len(lines) == 4
