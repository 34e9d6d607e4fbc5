"""The schema by migrations equals the models, and goes down and up again with data in it."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from referral_dir.store.db import MIGRATIONS, Base, Store, migrate
from tests import cast as people


def test_models_equal_the_newest_migration(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_go_down_and_up_with_data_in_place(store: Store) -> None:
    cast = people.build(store)
    people.request(store, cast)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(store.engine).get_table_names()) <= {"alembic_version"}
    migrate(store.engine)
    again = people.build(store)
    assert people.free_beds(store, again) == 3
