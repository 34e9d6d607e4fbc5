"""Every text is marked, and said in every language of the pages."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import ROOT
from translations import update

PLACEHOLDER = re.compile(r"%\((\w+)\)")
WORD = re.compile(r"[^\W\d_]{2,}")


@pytest.mark.parametrize("language", update.TRANSLATED)
def test_no_text_is_missing_or_fuzzy_in_any_language(language: str) -> None:
    catalogue = update.read(language)
    missing = []
    for text in update.template():
        if not text.id:
            continue
        said = catalogue.get(text.id, text.context)
        if said is None or said.fuzzy or not all(update.forms(said)) or (
                text.pluralizable and len(update.forms(said)) != catalogue.num_plurals):
            missing.append(text.id)
    assert missing == [], f"{len(missing)} texts: run translations/update.py, and translate what is empty"


@pytest.mark.parametrize("language", update.TRANSLATED)
def test_a_translation_has_the_values_of_its_text(language: str) -> None:
    wrong = []
    for said in update.read(language):
        if not said.id:
            continue
        texts = said.id if isinstance(said.id, tuple) else (said.id,)
        wanted = set(PLACEHOLDER.findall(" ".join(texts)))
        for form in update.forms(said):
            found = set(PLACEHOLDER.findall(form))
            # "One bed" may leave the number out, in a language that would not say it.
            if found - wanted or (wanted - found - ({"number", "num"} if len(texts) > 1 else set())):
                wrong.append((said.id, form))
            if wanted and re.search(r"%(?!\()", form.replace("%%", "")):
                wrong.append((said.id, form))
    assert wrong == []


@pytest.mark.parametrize("language", update.TRANSLATED)
def test_a_machines_translation_says_so_until_somebody_has_read_it(language: str) -> None:
    """A catalogue whose every entry is reviewed needs no word of it in the README."""
    awaits = [m for m in update.read(language) if m.id and update.AWAITS_REVIEW in m.user_comments]
    readme = (ROOT / "README.md").read_text()
    assert not awaits or "awaits review" in readme


# Templates: what stands outside of {{ }} and {% %} is seen as it is, so no word may stand there.
SPOKEN = ("placeholder", "title", "aria-label", "alt", "label", "data-confirm")
UNTRANSLATED = frozenset({"km", "UTC", "CSV", "JSON", "XLSX", "HSDS", "SHA"})
# The block `typed` holds the id of the page's form.
JINJA = re.compile(r"\{% block typed %\}[^{]*\{% endblock %\}|\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
ATTRIBUTES = re.compile(r'(?:\s*[\w-]+="[^"]*")+\s*')
LITERAL_IN_JINJA = re.compile(r"""\{\{-?\s*(?:"([^"]+)"|'([^']+)')\s*-?\}\}""")


class _Words(HTMLParser):
    """What a template says by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.found += [value for name, value in attributes if name in SPOKEN and value and self._words(value)]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        # A macro may write a tag's attributes: those are no text.
        if self.inside not in ("script", "style", "code") and not ATTRIBUTES.fullmatch(data) and self._words(data):
            self.found.append(" ".join(data.split()))

    @staticmethod
    def _words(text: str) -> list[str]:
        return [word for word in WORD.findall(text) if word not in UNTRANSLATED]


# The living page of components is for whoever builds pages, in the demo alone; its samples stay English.
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if path.name != "styleguide.html")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_no_template_says_anything_that_is_not_marked(path: Path) -> None:
    source = path.read_text()
    reader = _Words()
    reader.feed(JINJA.sub(" ", source))
    reader.close()
    literal = [a or b for a, b in LITERAL_IN_JINJA.findall(source) if WORD.search(a or b) and "=\"" not in (a or b)]
    assert reader.found + literal == []


# Code: where a text goes to a person, a literal is a text that somebody forgot to mark.
# What is not found, and what is another role's, is told in one sentence whatever it was (`web/errors.py`).
TOLD = ("Invalid", "WrongState", "ConsentMissing", "NoCapacity", "PurposeNeeded", "TooOften",
        "SignInRefused", "TooManyTries", "PlaceError", "UnknownPlace", "AmbiguousPlace")
# Only the command line and logs say what these raise.
COMMAND_LINE = ("cli.py", "cli_start.py", "cli_retention.py", "desk/audit_heads.py", "desk/retention.py",
                "desk/opening_up.py", "store/")


def unmarked(tree: ast.AST) -> Iterator[ast.expr]:
    """Texts that are raised to a person, flashed, or kept as the error of a field, without a mark."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in TOLD or name == "flash":
                for argument in node.args[:1]:
                    values = argument.values if isinstance(argument, ast.Dict) else [argument]
                    yield from (value for value in values if is_text(value))
        elif isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Subscript) and isinstance(t.value, ast.Name) and t.value.id == "errors"
                for t in node.targets) and is_text(node.value):
            yield node.value


def is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return is_text(node.left) or is_text(node.right)
    if isinstance(node, ast.JoinedStr):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(WORD.search(node.value))


@pytest.mark.parametrize("room", ["domain", "desk", "web", "geo.py"])
def test_no_code_tells_a_person_anything_that_is_not_marked(room: str) -> None:
    folder = ROOT / "referral_dir"
    paths = [folder / room] if room.endswith(".py") else sorted((folder / room).rglob("*.py"))
    found = [f"{path.relative_to(folder)}:{node.lineno}" for path in paths
             if not str(path.relative_to(folder)).startswith(COMMAND_LINE)
             for node in unmarked(ast.parse(path.read_text()))]
    assert found == []


def test_the_checks_see_a_text_that_is_not_marked() -> None:
    reader = _Words()
    reader.feed(JINJA.sub(" ", '<p title="Not marked">{{ _("Marked") }} <b>nor this</b></p>'))
    assert reader.found == ["Not marked", "nor this"]
    code = 'raise Invalid({"a": "not marked", "b": say("marked")})\nerrors["c"] = f"nor {this}"\nflash("nor this")'
    assert len(list(unmarked(ast.parse(code)))) == 3
