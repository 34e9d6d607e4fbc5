"""The rooms and who may import whom, read from the code itself."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import config
from referral_dir import _audiences, create_app
from referral_dir.domain.access import ACTIONS
from referral_dir.store.db import Store

PACKAGE = Path(__file__).resolve().parents[1] / "referral_dir"
MAY_IMPORT = {
    "domain": set(), "store": {"domain"}, "geo": {"domain"}, "geocoder": {"geo", "domain"},
    "index": {"store", "domain"},
    "desk": {"index", "geo", "store", "domain"}, "interop": {"desk", "geo", "geocoder", "store", "domain", "logs"},
    "web": {"desk", "interop", "geo", "store", "domain", "logs"}, "logs": set(),
    "cli": {"desk", "geo", "geocoder", "store", "domain", "interop", "index", "cli_demo", "cli_start", "cli_retention",
            "logs", "serving"},
    "serving": {"interop"},
    "cli_demo": {"desk", "store"}, "cli_start": {"desk", "store", "domain", "interop"},
    "cli_retention": {"cli_start", "desk", "store", "domain"},
    "__init__": {"desk", "web", "store", "logs"},
}
FLASK_ROOMS = {"web", "__init__"}
# The only places that may name SQLAlchemy's Session outside the store, as an annotation.
SESSION_ROOMS = {"desk", "interop", "index", "web"}


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        yield room, path, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, [alias.name for alias in node.names]


def rooms_imported(tree: ast.AST) -> set[str]:
    found = set()
    for module, names in imports(tree):
        parts = module.split(".")
        if parts[0] != "referral_dir":
            continue
        found |= {parts[1]} if len(parts) > 1 else {n for n in names if n != "create_app"}
    return found


def test_every_room_imports_only_what_the_design_allows() -> None:
    breaches = [f"{path.relative_to(PACKAGE)} imports {other}" for room, path, tree in modules()
                for other in rooms_imported(tree) if other != room and other not in MAY_IMPORT[room]]
    assert breaches == []


def test_the_rules_stand_on_the_standard_library_alone() -> None:
    foreign = [f"{path.name}: {module}" for room, path, tree in modules() if room == "domain"
               for module, _ in imports(tree)
               if module.split(".")[0] not in sys.stdlib_module_names | {"referral_dir"}]
    assert foreign == []


def test_flask_stays_at_the_edge() -> None:
    inside = [str(path) for room, path, tree in modules() if room not in FLASK_ROOMS
              for module, _ in imports(tree) if module.split(".")[0] in ("flask", "flask_login", "flask_wtf")]
    assert inside == []


def test_nobody_but_the_store_writes_sql() -> None:
    outside = [f"{path}: {module} {names}" for room, path, tree in modules() if room != "store"
               for module, names in imports(tree) if module.split(".")[0] == "sqlalchemy"
               and not (room in SESSION_ROOMS and module == "sqlalchemy.orm" and names == ["Session"])]
    assert outside == []


ABOUT_CASES = {"Case", "Consent", "Handoff", "BreakGlass", "Disclosure"}


def unasked(tree: ast.AST) -> list[str]:
    """Queries on cases that look at the organization without asking whether the case exists for the actor."""
    found = []
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        inside = list(ast.walk(function))
        names = {node.id for node in inside if isinstance(node, ast.Name)}
        arguments = {argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]}
        scoped = "organization_id" in arguments or any(
            isinstance(node, ast.Attribute) and ast.unparse(node) == "actor.organization_id" for node in inside)
        if scoped and names & ABOUT_CASES and not names & {"visible", "_asked_by", "_sent_to"}:
            found.append(function.name)
    return found


def test_a_query_that_is_scoped_to_an_organization_asks_whether_the_case_is_visible() -> None:
    forgetful = "def f(session, actor): return select(Case).where(Case.organization_id == actor.organization_id)"
    assert unasked(ast.parse(forgetful)) == ["f"]
    # These name the recipient of records, of a case that was loaded for the actor before.
    recipients = {"lock_consents_for", "lock_active", "last_answer"}
    found = {name for room, _, tree in modules() if room == "store" for name in unasked(tree)} - recipients
    assert found == set(), "take the actor, and ask exclusion_queries.visible"


def test_blueprints_never_import_each_other() -> None:
    names = {module.__name__.rpartition(".")[2] for module in _audiences()}
    crossed = [f"{path.name}: {module} {imported}" for room, path, tree in modules()
               if room == "web" and path.stem in names for module, imported in imports(tree)
               if module.startswith("referral_dir.web") and names & {module.rpartition(".")[2], *imported}]
    assert crossed == []


def test_every_blueprint_has_a_guard_and_every_view_declares_its_action(
        settings: config.Settings, sqlite_store: Store) -> None:
    assert all(hasattr(module, "GUARD") for module in _audiences())
    app = create_app(settings, sqlite_store)
    undeclared = [rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint != "static"
                  and getattr(app.view_functions[rule.endpoint], "action", None) not in ACTIONS]
    assert undeclared == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "config.py", "run.py", "requirements.lock"])
def test_the_front_door_is_there(name: str) -> None:
    assert (PACKAGE.parent / name).is_file()


def test_the_readme_lists_every_variable_with_its_default() -> None:
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    unlisted = [name for name, default, _ in config.VARIABLES if f"| `{name}` | {default} |" not in readme]
    assert unlisted == []


def test_the_readme_lists_every_command_and_dependency() -> None:
    import tomllib

    from referral_dir.cli import main

    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    names = [d.partition(">")[0].partition("[")[0]
             for d in project["project"]["dependencies"] + project["dependency-groups"]["dev"]]
    assert [n for n in names if f"| {n} |" not in readme] == []
    assert [c for c in main.commands if f"`{c}`" not in readme] == []
