"""Cases that were opened together, as after a raid, can be shown together."""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('case', sa.Column('batch_id', sa.Uuid()))
    op.create_index(op.f('ix_case_batch_id'), 'case', ['batch_id'])


def downgrade() -> None:
    op.drop_index(op.f('ix_case_batch_id'), 'case')
    op.drop_column('case', 'batch_id')
