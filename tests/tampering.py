"""What an attacker does who may change the schema: the triggers go first."""

from sqlalchemy import Connection


def drop_guards(connection: Connection, table: str) -> None:
    """Take the table's guarding triggers away."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    names = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)).scalars().all()
    for name in names:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
