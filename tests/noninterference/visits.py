"""Random visits to every page: routes from the URL map, ids from the tables, form fields from the templates.

Nothing here names a page: one that is added tomorrow is walked tomorrow.
"""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid5

from flask import Flask
from sqlalchemy import Uuid, select
from werkzeug.routing import Rule
from werkzeug.routing.converters import AnyConverter, UUIDConverter

import config
from referral_dir.domain import vocabulary
from referral_dir.domain.access import ACTIONS
from referral_dir.domain.listing import FIELDS
from referral_dir.store.db import Base, reading
from referral_dir.web.forms import ASKED
from tests.noninterference.documents import NAMES
from tests.noninterference.questions import CODES, LANGUAGES, Chance
from tests.noninterference.twins import WALKERS, Side, Twins, token_of

# Signing out, and forms that check a password by a slow hash, are visited once at the end of a walk, not at random.
ONCE: Final = re.compile(r"sign.?out|password|sign.?in|step.?up|reset|join|leave", re.IGNORECASE)
_FIELD: Final = re.compile(r"""name="([a-z_]+)"|ui\.(?:field|area|choice|tile)\(\s*"([a-z_]+)\"""")
_READ: Final = re.compile(r"""form(?:\.get|\.getlist)?[(\[]"([a-z_]+)\"""")
# What the same request may be answered with twice, and not be the same: form tokens, nonces of the policy, and the
# second in a session's cookie; and where each side's files are.
NOISE: Final = tuple(re.compile(p) for p in (
    r'(?<=name="csrf_token" value=")[^"]*', r"(?<=nonce-)[\w+/=-]+", r'(?<=nonce=")[^"]*',
    r"(?<=/)(?:left1|right)(?=/)"))


@cache
def fields() -> tuple[str, ...]:
    """Every name that a form of ours sends."""
    found = set()
    for path in (config.ROOT / "templates").rglob("*.html"):
        found |= {one or other for one, other in _FIELD.findall(path.read_text(encoding="utf-8"))}
    for path in (config.ROOT / "referral_dir" / "web").glob("*.py"):
        found |= set(_READ.findall(path.read_text(encoding="utf-8")))
    found |= {*FIELDS, *ASKED}
    return tuple(sorted(found - {"csrf_token", "viewport", "robots"}))


@cache
def codes() -> tuple[str, ...]:
    """Every value of every choice."""
    enums = [e for e in vars(vocabulary).values() if isinstance(e, type) and issubclass(e, StrEnum)]
    return (*(str(value) for e in enums for value in e), "yes", "1", "bed", "professional_remote", "text", "adult")


@dataclass
class Walk:
    """One walk through both apps: the routes, what is known of their ids, and who carries which form token."""

    twins: Twins
    routes: Sequence[tuple[Rule, str]]
    ids: Mapping[str, Sequence[UUID]]
    tokens: dict[str, str] = field(default_factory=dict)
    visited: set[tuple[str, str]] = field(default_factory=set)

    def visit(self, chance: Chance) -> Any:
        """One random visit to both, mostly by someone who may do what the page is for. Raises Leak."""
        r = chance.random
        finding = [route for route in self.routes if self._action(route[0]).startswith(("service:", "public:"))]
        rule, method = r.choice(finding if r.random() < 0.4 else self.routes)
        roles = ACTIONS.get(self._action(rule), frozenset())
        able = [who for who in WALKERS[1:] if getattr(self.twins.left.cast, who).role in roles]
        return self.go(chance, rule, method, r.choice(able if able and r.random() < 0.8 else WALKERS))

    def go(self, chance: Chance, rule: Rule, method: str, who: str) -> Any:
        """Visit this route as this person, with random ids and a random form."""
        path = self._path(chance, rule)
        form = self._form(chance, rule.endpoint) if method == "POST" else {}
        if form is not None and who in self.tokens:
            form["csrf_token"] = self.tokens[who]
        self.visited.add((rule.endpoint, method))

        def ask(side: Side) -> Any:
            client = self.twins.client(side, who)
            answer = client.open(path, method=method, data=form or None, headers=self._headers(chance))
            if answer.status_code == 500:
                raise AssertionError(f"{who} {method} {path} with {form}: an error")
            return plain(answer)
        return self.twins.compare(f"{who} {method} {path} {form}", ask)

    def begin(self) -> None:
        """Everything as in the beginning, with a form token for each who is signed in: it belongs to the session."""
        self.twins.restore()
        for side in self.twins if not self.tokens else ():
            self.tokens = {who: token_of(self.twins.client(side, who).get("/account").text) for who in WALKERS[1:]}

    def _action(self, rule: Rule) -> str:
        return str(getattr(self.twins.left.app.view_functions[rule.endpoint], "action", ""))

    def _headers(self, chance: Chance) -> dict[str, str]:
        return {"If-None-Match": '"x"', "Accept": "application/json"} if chance.numbers[0] == 1 else {}

    def _path(self, chance: Chance, rule: Rule) -> str:
        r = chance.random
        values: dict[str, Any] = {}
        for name in rule.arguments:
            converter = rule._converters[name]
            if isinstance(converter, AnyConverter):
                values[name] = r.choice(sorted(converter.items))
            elif isinstance(converter, UUIDConverter):
                pool = self.ids.get(name, ())
                values[name] = r.choice(pool) if pool and r.random() < 0.9 else uuid5(NAMES, str(r.random()))
            else:
                values[name] = r.choice(("US", "JO", "1", "x"))
        adapter = self.twins.left.app.url_map.bind("localhost")
        path = adapter.build(rule.endpoint, values, method=None)
        return path + ("?" + r.choice(("page=2", "words=hid", "next=/", "language=fr", "action=service:find"))
                       if r.random() < 0.1 else "")

    def _form(self, chance: Chance, endpoint: str) -> dict[str, Any]:
        """Mostly what makes sense, so that the answer is more than an error."""
        r = chance.random
        form: dict[str, Any] = {}
        for name in fields():
            if r.random() < (0.75 if name in ("needs", "near", "text", "reason", "zone", "method") else 0.25):
                form[name] = self._value(chance, name)
        return form

    def _value(self, chance: Chance, name: str) -> Any:
        r = chance.random
        if r.random() < 0.05:
            return r.choice(chance.texts)
        if name == "needs":
            return chance.some(CODES[:-1], 3) or ["shelter.emergency"]
        if name in ("languages", "other_languages", "language"):
            return chance.some(LANGUAGES[:-1]) if name == "languages" else r.choice(LANGUAGES[:-1])
        if name in ("near", "zone", "avoid_near", "near_choice"):
            return chance.place() if name != "near_choice" else ""
        if name in ("household", "age", "available", "maximum", "days", "revision", "hours", "radius_km", "avoid_km"):
            number = chance.number()
            return str(int(number) if name not in ("radius_km", "avoid_km") and abs(number) < 1e9 else number)
        if name.endswith("_id") or name in ("service", "to"):
            return str(r.choice(self.ids.get(name.removesuffix("_id") + "_id") or [chance.service()]))
        return r.choice((chance.text(), r.choice(codes()), r.choice(codes()), "1"))


def plain(answer: Any) -> tuple[Any, ...]:
    """Status, headers and body, without noise: the names of cookies, not the second in them, nor that of the answer;
    nor how long a workbook is, which packs the second that it was made in: its parts are compared."""
    body = _body(answer)
    noise = ("Date", "Content-Length") if _is_workbook(answer) else ("Date",)
    headers = [(name, _quiet(re.sub(r"=[^;]*", "=", value, count=1) if name == "Set-Cookie" else value))
               for name, value in answer.headers if name not in noise]
    return answer.status_code, headers, _quiet(body)


def _is_workbook(answer: Any) -> bool:
    return bool(answer.get_data()[:2] == b"PK")


def _body(answer: Any) -> str:
    """The answer as text; of a workbook what its parts hold, without the second that it was made in."""
    data = answer.get_data()
    if not _is_workbook(answer):
        return str(data.decode())
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return "".join(book.read(name).decode() for name in sorted(book.namelist()) if not name.startswith("docProps"))


def _quiet(text: str) -> str:
    for pattern in NOISE:
        text = pattern.sub("", text)
    return text


def begin(twins: Twins) -> Walk:
    """A walk over every route of the app."""
    walk = Walk(twins, routes(twins.left.app), ids(twins.left))
    walk.begin()
    return walk


def routes(app: Flask) -> list[tuple[Rule, str]]:
    """(route, method) for all that the app answers, but those that end a session."""
    return [(rule, method) for rule in app.url_map.iter_rules() for method in sorted(rule.methods or set())
            if method in ("GET", "POST") and rule.endpoint != "static"
            and not (method == "POST" and ONCE.search(rule.endpoint + rule.rule))
            and "leave" not in rule.rule]  # what comes after it is an empty page


def ids(side: Side) -> dict[str, list[UUID]]:
    """For each argument like service_id what is in the table of this name, or ends in it."""
    found: dict[str, list[UUID]] = {}
    with reading(side.store) as session:
        for table in Base.metadata.sorted_tables:
            key = table.c.get("id")
            if key is None or not isinstance(key.type, Uuid):
                continue
            rows = sorted(session.scalars(select(key).limit(200)).all())
            for name in (table.name, table.name.rpartition("_")[2]):
                if rows:
                    found.setdefault(f"{name}_id", list(rows))
    found["capacity_id"] = [*found.get("capacity_id", ()), side.cast.beds]
    return found
