"""Alembic's entry: migrates over the connection that store.db.migrate hands it."""

from alembic import context

from referral_dir.store import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata,
                  render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
