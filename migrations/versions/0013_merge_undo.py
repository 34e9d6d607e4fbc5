"""What is kept of a merge, so that it can be undone."""

import sqlalchemy as sa
from alembic import op

from referral_dir.store.db import UtcDateTime

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'merge_undo',
        sa.Column('service_id', sa.Uuid(), nullable=False),
        sa.Column('into_id', sa.Uuid(), nullable=False),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('body', sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_merge_undo_service_id'),
                                ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['into_id'], ['service.id'], name=op.f('fk_merge_undo_into_id'),
                                ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('service_id', name=op.f('pk_merge_undo')))
    op.create_index(op.f('ix_merge_undo_into_id'), 'merge_undo', ['into_id'])
    op.create_index(op.f('ix_merge_undo_at'), 'merge_undo', ['at'])


def downgrade() -> None:
    op.drop_table('merge_undo')
