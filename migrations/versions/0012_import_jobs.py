"""Imports that are begun in the browser."""

import sqlalchemy as sa
from alembic import op

from referral_dir.store.db import UtcDateTime

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'import_job',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('state', sa.String(12), nullable=False),
        sa.Column('step', sa.String(40), nullable=False),
        sa.Column('source', sa.String(80), nullable=False),
        sa.Column('suffix', sa.String(8), nullable=False),
        sa.Column('format', sa.String(20), nullable=False),
        sa.Column('kept_by_id', sa.Uuid()),
        sa.Column('by_id', sa.Uuid()),
        sa.Column('created', UtcDateTime(), nullable=False),
        sa.Column('heartbeat', UtcDateTime(), nullable=False),
        sa.Column('problem', sa.Text()),
        sa.Column('report', sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(['kept_by_id'], ['organization.id'], name=op.f('fk_import_job_kept_by_id'),
                                ondelete='SET NULL'),
        sa.ForeignKeyConstraint(['by_id'], ['person.id'], name=op.f('fk_import_job_by_id'), ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_import_job')))


def downgrade() -> None:
    op.drop_table('import_job')
