"""When a service must be looked at again, who changed what at which moment, corrections, doubles, and bulk edits."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('service', sa.Column('verify_due', sa.Date()))
    op.add_column('service', sa.Column('verify_months', sa.Integer()))
    op.add_column('metadata', sa.Column('at', sa.DateTime(timezone=True)))
    op.add_column('metadata', sa.Column('person_id', sa.Uuid()))
    op.create_table('correction',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('about', sa.String(length=40), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('created', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=True),
    sa.Column('decided', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_correction_service_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_correction_person_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['decided_by_id'], ['person.id'], name=op.f('fk_correction_decided_by_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_correction'))
    )
    op.create_index(op.f('ix_correction_service_id'), 'correction', ['service_id'])
    op.create_index(op.f('ix_correction_created'), 'correction', ['created'])
    op.create_table('not_double',
    sa.Column('first_id', sa.Uuid(), nullable=False),
    sa.Column('second_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['first_id'], ['service.id'], name=op.f('fk_not_double_first_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['second_id'], ['service.id'], name=op.f('fk_not_double_second_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('first_id', 'second_id', name=op.f('pk_not_double'))
    )
    op.create_table('merged_service',
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('into_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_merged_service_service_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['into_id'], ['service.id'], name=op.f('fk_merged_service_into_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('service_id', name=op.f('pk_merged_service'))
    )
    op.create_index(op.f('ix_merged_service_into_id'), 'merged_service', ['into_id'])
    op.create_table('bulk_draft',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('created', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done', sa.DateTime(timezone=True), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_bulk_draft_organization_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_bulk_draft_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bulk_draft'))
    )
    op.create_index(op.f('ix_bulk_draft_organization_id'), 'bulk_draft', ['organization_id'])
    op.create_index(op.f('ix_bulk_draft_created'), 'bulk_draft', ['created'])


def downgrade() -> None:
    for table in ('bulk_draft', 'merged_service', 'not_double', 'correction'):
        op.drop_table(table)
    op.drop_column('metadata', 'person_id')
    op.drop_column('metadata', 'at')
    op.drop_column('service', 'verify_months')
    op.drop_column('service', 'verify_due')
