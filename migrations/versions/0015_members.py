"""Who belongs to a group, so that a child among grown-ups is known; and which line of a list a case was."""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('case', sa.Column('batch_line', sa.Integer()))
    op.add_column('case', sa.Column('members', sa.JSON(), nullable=False, server_default=sa.text("'[]'")))


def downgrade() -> None:
    op.drop_column('case', 'members')
    op.drop_column('case', 'batch_line')
