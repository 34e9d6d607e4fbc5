"""The role that the server uses on PostgreSQL: bound by row-level security, and unable to rewrite what only grows."""

import re
from typing import Final

from sqlalchemy import Engine, inspect

APPLICATION_ROLE: Final = "referral_app"
# Written once: no right to change or delete. Histories go with their case, which the database does by itself.
APPEND_ONLY: Final = ("audit_entry", "consent_event", "handoff_event")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def grant_application_role(engine: Engine, role: str = APPLICATION_ROLE) -> None:
    """Make the role if it is not there, and give it exactly what the server needs. Run it after every `init`.

    Raises ValueError for another database or a name that is none.
    """
    if engine.dialect.name != "postgresql":
        raise ValueError("only PostgreSQL has roles: SQLite's file belongs to whoever can read it")
    if not _NAME.fullmatch(role):
        raise ValueError("a role's name is small letters, digits and _")
    with engine.begin() as connection:
        there = connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).scalar()
        if not there:
            connection.exec_driver_sql(f'CREATE ROLE "{role}" LOGIN')
        connection.exec_driver_sql(f'ALTER ROLE "{role}" NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE')
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar()
        tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
        connection.exec_driver_sql(f'REVOKE CREATE ON SCHEMA "{schema}" FROM PUBLIC')
        connection.exec_driver_sql(f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"')
        connection.exec_driver_sql(f'GRANT SELECT ON alembic_version TO "{role}"')
        for table in sorted(tables):
            connection.exec_driver_sql(f'REVOKE ALL ON "{table}" FROM PUBLIC, "{role}"')
            rights = "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
            connection.exec_driver_sql(f'GRANT {rights} ON "{table}" TO "{role}"')
