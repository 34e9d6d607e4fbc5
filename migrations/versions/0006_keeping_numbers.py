"""What numbers of free places were, and links in mails that can confirm or set them."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

# What stands now is where each history begins.
BEGIN = """INSERT INTO capacity_history (sequence, capacity_id, at, available, maximum, cause)
           SELECT row_number() OVER (ORDER BY updated, id), id, updated, available, maximum, 'other'
           FROM service_capacity"""


def upgrade() -> None:
    op.create_table(
        'capacity_history',
        sa.Column('sequence', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False,
                  nullable=False),
        sa.Column('capacity_id', sa.Uuid(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('available', sa.Integer(), nullable=False),
        sa.Column('maximum', sa.Integer()),
        sa.Column('cause', sa.String(10), nullable=False),
        sa.Column('person_id', sa.Uuid()),
        sa.Column('was_available', sa.Integer()),
        sa.Column('was_updated', sa.DateTime(timezone=True)),
        sa.Column('was_updated_by_id', sa.Uuid()),
        sa.ForeignKeyConstraint(['capacity_id'], ['service_capacity.id'], ondelete='CASCADE',
                                name=op.f('fk_capacity_history_capacity_id')),
        sa.PrimaryKeyConstraint('sequence', name=op.f('pk_capacity_history')))
    op.create_index(op.f('ix_capacity_history_capacity_id'), 'capacity_history', ['capacity_id'])
    op.create_index(op.f('ix_capacity_history_at'), 'capacity_history', ['at'])
    op.create_table(
        'capacity_link',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('person_id', sa.Uuid(), nullable=False),
        sa.Column('token_hash', sa.String(64), nullable=False),
        sa.Column('capacities', sa.JSON(), nullable=False),
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('created', sa.DateTime(timezone=True), nullable=False),
        sa.Column('expires', sa.DateTime(timezone=True), nullable=False),
        sa.Column('used', sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], ondelete='CASCADE',
                                name=op.f('fk_capacity_link_person_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_capacity_link')),
        sa.UniqueConstraint('person_id', 'day', name=op.f('uq_capacity_link_person_id_day')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_capacity_link_token_hash')))
    op.create_index(op.f('ix_capacity_link_expires'), 'capacity_link', ['expires'])
    op.execute(BEGIN)
    _guard()


def downgrade() -> None:
    op.drop_table('capacity_link')
    op.drop_table('capacity_history')


def _guard() -> None:
    """No line of the history ever changes; it goes with its capacity, and when it has come to its end."""
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('CREATE TRIGGER guard_change BEFORE UPDATE ON capacity_history '
                   'FOR EACH ROW EXECUTE FUNCTION referral_refuse()')
    else:
        op.execute("CREATE TRIGGER guard_capacity_history_update BEFORE UPDATE ON capacity_history "
                   "BEGIN SELECT RAISE(ABORT, 'this record is append-only'); END")
