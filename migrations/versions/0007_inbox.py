"""What the two sides of a handoff say and agree on, whether a request was opened in time, and who is on duty.

On PostgreSQL what hangs on a handoff is behind the same wall: it exists for those for whom the handoff exists, for a
provider only as long as the handoff is open.
"""

import sqlalchemy as sa
from alembic import op

from referral_dir.store.db import UtcDateTime

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

PROTECTED = ('handoff_message', 'handoff_time', 'handoff_watch')
# The handoff's own policy is asked too: whoever may not see it finds none here.
_SEEN = """EXISTS (SELECT FROM handoff h WHERE h.id = handoff_id AND (
           h.requester_organization_id = referral_organization()
           OR h.state IN ('requested','on_hold','accepted','in_progress')))"""
_RECEIVED = f"{_SEEN[:-1]} AND h.recipient_organization_id = referral_organization())"
POLICIES = (
    ('handoff_message', 'see', 'SELECT', _SEEN, None),
    ('handoff_message', 'add', 'INSERT', None, _SEEN),
    ('handoff_time', 'see', 'SELECT', _SEEN, None),
    ('handoff_time', 'add', 'INSERT', None, _RECEIVED),
    ('handoff_time', 'change', 'UPDATE', _SEEN, _SEEN),
    ('handoff_watch', 'see', 'SELECT', _SEEN, None),
    ('handoff_watch', 'add', 'INSERT', None, _SEEN),
    ('handoff_watch', 'change', 'UPDATE', _SEEN, _SEEN),
    *((table, 'system', 'ALL', '', '') for table in PROTECTED),
)


def upgrade() -> None:
    def of_handoff(**more: bool) -> sa.Column:
        return sa.Column('handoff_id', sa.Uuid(), sa.ForeignKey('handoff.id', ondelete='CASCADE'), nullable=False,
                         **more)

    op.create_table(
        'handoff_message', sa.Column('id', sa.Uuid(), primary_key=True), of_handoff(),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('by_id', sa.Uuid(), sa.ForeignKey('person.id'), nullable=False),
        sa.Column('party', sa.String(10), nullable=False), sa.Column('sealed', sa.LargeBinary(), nullable=False))
    op.create_index('ix_handoff_message_handoff_id', 'handoff_message', ['handoff_id'])
    op.create_table(
        'handoff_time', sa.Column('id', sa.Uuid(), primary_key=True), of_handoff(),
        sa.Column('at', UtcDateTime(), nullable=False),
        sa.Column('by_id', sa.Uuid(), sa.ForeignKey('person.id'), nullable=False),
        sa.Column('starts', UtcDateTime(), nullable=False), sa.Column('timezone', sa.String(64), nullable=False),
        sa.Column('state', sa.String(10), nullable=False), sa.Column('wish', sa.String(10)),
        sa.Column('decided', UtcDateTime()), sa.Column('decided_by_id', sa.Uuid(), sa.ForeignKey('person.id')))
    op.create_index('ix_handoff_time_handoff_id', 'handoff_time', ['handoff_id'])
    op.create_table(
        'handoff_watch', of_handoff(primary_key=True), sa.Column('escalate_at', UtcDateTime(), nullable=False),
        sa.Column('opened', UtcDateTime()), sa.Column('escalated', UtcDateTime()))
    op.create_index('ix_handoff_watch_escalate_at', 'handoff_watch', ['escalate_at'])
    _rosters()
    if op.get_bind().dialect.name == 'postgresql':
        _wall()


def _rosters() -> None:
    def of(table: str, **more: bool) -> sa.Column:
        return sa.Column(f'{table}_id', sa.Uuid(), sa.ForeignKey(f'{table}.id', ondelete='CASCADE'), nullable=False,
                         **more)

    op.create_table('roster', of('organization', primary_key=True), sa.Column('timezone', sa.String(64), nullable=False),
                    sa.Column('escalate_minutes', sa.Integer(), nullable=False))
    op.create_table('duty_shift', sa.Column('id', sa.Uuid(), primary_key=True), of('organization'), of('person'),
                    sa.Column('days', sa.JSON(), nullable=False), sa.Column('begins', sa.String(5), nullable=False),
                    sa.Column('ends', sa.String(5), nullable=False))
    for column in ('organization_id', 'person_id'):
        op.create_index(f'ix_duty_shift_{column}', 'duty_shift', [column])
    op.create_table('duty_away', of('person', primary_key=True), sa.Column('until', UtcDateTime(), nullable=False))
    op.create_index('ix_duty_away_until', 'duty_away', ['until'])


def _wall() -> None:
    run = op.get_bind().exec_driver_sql
    for table in PROTECTED:
        for how in ('ENABLE', 'FORCE'):
            run(f'ALTER TABLE {table} {how} ROW LEVEL SECURITY')
    for table, name, command, using, check in POLICIES:
        parts = [f'{word} (referral_is_system(){f" OR ({condition})" if condition else ""})'
                 for word, condition in (('USING', using), ('WITH CHECK', check)) if condition is not None]
        run(f'CREATE POLICY {name} ON {table} FOR {command} {" ".join(parts)}')


def downgrade() -> None:
    for table in (*PROTECTED, 'roster', 'duty_shift', 'duty_away'):
        op.drop_table(table)
