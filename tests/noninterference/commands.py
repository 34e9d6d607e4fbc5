"""Random use of the command line, in this process: every command, with options by their type."""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

import click
from click.testing import CliRunner

from referral_dir import cli
from tests.noninterference import documents
from tests.noninterference.questions import CODES, LANGUAGES, Chance
from tests.noninterference.twins import NOW, Side, Twins

# One serves until it is stopped, its pages are visited elsewhere; a backup is the database, compared table by table.
LEFT_OUT: Final = frozenset({"serve", "backup", "restore"})
OFTEN: Final = ("match", "search", "export")
# An import is the owner's, who holds the file; what it says and reports is compared all the same. The file's folder and
# the second are noise.
_NOISE: Final = re.compile(r"/\S*/(?:left1|right)/")


Named = tuple[tuple[str, ...], click.Command]


def commands(group: click.Group = cli.main, path: tuple[str, ...] = ()) -> Iterator[Named]:
    """Every command, also those inside groups."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif name not in LEFT_OUT:
            yield (*path, name), command


def run(twins: Twins, chance: Chance, path: tuple[str, ...], command: click.Command) -> Any:
    """The command with random options, on both. What it prints, and the files that it writes, must be the same."""
    arguments = [*path, *_arguments(chance, path, command)]

    def ask(side: Side) -> Any:
        out = side.folder / "out"
        out.mkdir(exist_ok=True)
        environ = {"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(side.settings.instance),
                   "REFERRAL_DIR_SECRET_KEY": side.settings.secret_key,
                   "REFERRAL_DIR_MASTER_KEYS": side.settings.master_keys,
                   "REFERRAL_DIR_AUDIT_KEY": side.settings.audit_key,
                   "REFERRAL_DIR_DATABASE_URL": side.settings.database_url}
        with patch.object(cli, "_now", lambda: NOW):
            done = CliRunner().invoke(cli.main, [a.format(out=out, folder=side.folder) for a in arguments],
                                      env=environ, input="long enough words here\n" * 2)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise AssertionError(f"{arguments}: an error") from done.exception
        files = {file.name: file.read_text(encoding="utf-8") for file in sorted(out.iterdir())}
        for file in out.iterdir():
            file.unlink()
        return done.exit_code, _NOISE.sub("", done.output), {n: _NOISE.sub("", text) for n, text in files.items()}
    return twins.compare(" ".join(arguments), ask)


def _arguments(chance: Chance, path: tuple[str, ...], command: click.Command) -> list[str]:
    r = chance.random
    given: list[str] = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            given += [_value(chance, path, parameter)] * parameter.required
            continue
        if not isinstance(parameter, click.Option) or parameter.name == "help":
            continue
        if parameter.name == "report_path":
            given += ["--report", "{out}/report.json"]
        elif parameter.required or r.random() < (0.5 if parameter.name == "as_json" else 0.25):
            name = parameter.opts[-1]
            given += [name] if parameter.is_flag else [name, _value(chance, path, parameter)]
    return given


def _value(chance: Chance, path: tuple[str, ...], parameter: click.Parameter) -> str:
    r, kind = chance.random, parameter.type
    if isinstance(kind, click.Choice):
        return str(r.choice(list(kind.choices)))
    if isinstance(kind, click.types.UUIDParameterType):
        return str(chance.service())
    if isinstance(kind, click.Path):
        return "{folder}/directory.json" if path == ("import",) else "{out}/out.json"
    if isinstance(kind, click.types.IntParamType):
        return str(r.randint(0, 40))
    if isinstance(kind, click.types.FloatParamType):
        return f"{chance.number():g}"
    pools = {"needs": CODES[:-1], "languages": LANGUAGES[:-1]}
    if parameter.name in pools:
        return str(r.choice(pools[parameter.name]))
    if parameter.name in ("near", "avoid"):
        return _no_option(chance.place())
    if parameter.name == "source":
        return "twin"
    return _no_option(chance.text().replace("{", "").replace("}", ""))


def _no_option(text: str) -> str:
    return text if not text.startswith("-") else f"0{text}"


def move_files(twins: Twins, seed: int) -> None:
    """Other files to import: the same directories, with the hidden services elsewhere in their zones."""
    for number, side in enumerate(twins):
        documents.write(Path(side.folder / "directory.json"), Random(seed * 2 + number))
