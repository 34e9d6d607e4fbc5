"""`column among these ids` as one parameter, however many ids there are: the statement stays the same, and so do its
compiled form in SQLAlchemy and its plan in the database. (An IN with a list is another statement for each length.)
"""

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, ColumnElement, Dialect, Text, Uuid, bindparam, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine


class _Ids(TypeDecorator[Collection[UUID | str]]):
    """An array on PostgreSQL; on SQLite JSON of the text in which it keeps a UUID."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Uuid()))

    def process_bind_param(self, value: Collection[UUID | str] | None, dialect: Dialect) -> Any:
        if dialect.name != "sqlite":
            return list(value or ())
        return json.dumps([each if isinstance(each, str) else each.hex for each in value or ()])


def raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column's UUID as the driver gives it (text on SQLite): good as a key and for `among`, at no cost."""
    return type_coerce(column, NullType()).label(column.key)


def as_uuid(key: Any) -> UUID:
    """The UUID of such a key."""
    return key if isinstance(key, UUID) else UUID(int=int(key, 16))


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: object = None) -> "_Among":
        """As it is: SQLAlchemy would add "= 1" on SQLite, which keeps its indexes from being used."""
        return self


def among(column: ColumnElement[Any], name: str = "ids") -> ColumnElement[bool]:
    """Whether the column's UUID is among those of the parameter of this name."""
    return _Among(column, bindparam(name, type_=_Ids()))


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    # A column and a placeholder, both SQLAlchemy's.
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 # nosec B608


@compiles(_Among)
def _elsewhere(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY ({ids})"
