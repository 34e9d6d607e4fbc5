"""The language that a person chose for pages and messages."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('person', sa.Column('language', sa.String(10)))


def downgrade() -> None:
    # Not by a copy of the table: what refers to its rows would stand in the way on SQLite.
    op.drop_column('person', 'language')
