"""A mail may say how many there are of what it is about."""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('outbox_message', sa.Column('number', sa.Integer()))


def downgrade() -> None:
    op.drop_column('outbox_message', 'number')
