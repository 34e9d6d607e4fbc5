"""How often a need was asked for in a month, by place and by language: counts without anybody."""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'asked_count',
        sa.Column('month', sa.Date(), nullable=False),
        sa.Column('need', sa.String(60), nullable=False),
        sa.Column('trait', sa.String(10), nullable=False),
        sa.Column('value', sa.String(200), nullable=False),
        sa.Column('fitted', sa.Integer(), nullable=False),
        sa.Column('unfitted', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('month', 'need', 'trait', 'value', name='pk_asked_count'))


def downgrade() -> None:
    op.drop_table('asked_count')
