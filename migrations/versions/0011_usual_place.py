"""The town that somebody usually asks from."""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('person', sa.Column('usual_place', sa.String(200)))


def downgrade() -> None:
    op.drop_column('person', 'usual_place')
