"""Accounts with second factors, fuller consent, break glass, conflicts of interest, case keys apart, signed heads."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_head',
    sa.Column('sequence', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('signature', sa.String(length=128), nullable=False),
    sa.Column('sent', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('sequence', name=op.f('pk_audit_head'))
    )
    op.create_table('erasure',
    sa.Column('reference_hash', sa.String(length=64), nullable=False),
    sa.Column('rule', sa.String(length=24), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('reference_hash', 'rule', name=op.f('pk_erasure'))
    )
    op.create_table('rate_count',
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('window', sa.DateTime(timezone=True), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('key', 'window', name=op.f('pk_rate_count'))
    )
    op.create_index(op.f('ix_rate_count_window'), 'rate_count', ['window'])
    op.drop_table('sign_in_failure')
    op.create_table('invitation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('invited_by_id', sa.Uuid(), nullable=False),
    sa.Column('approved_by_id', sa.Uuid(), nullable=True),
    sa.Column('needs_second', sa.Boolean(), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=True),
    sa.Column('created', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('approved_by_id IS NULL OR approved_by_id <> invited_by_id', name=op.f('ck_invitation_second')),
    sa.CheckConstraint('NOT needs_second OR token_hash IS NULL OR approved_by_id IS NOT NULL', name=op.f('ck_invitation_approved')),
    sa.ForeignKeyConstraint(['approved_by_id'], ['person.id'], name=op.f('fk_invitation_approved_by_id')),
    sa.ForeignKeyConstraint(['invited_by_id'], ['person.id'], name=op.f('fk_invitation_invited_by_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_invitation_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_invitation_token_hash'))
    )
    with op.batch_alter_table('invitation', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_invitation_person_id'), ['person_id'], unique=False)

    op.create_table('passkey',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('credential_id', sa.LargeBinary(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('sign_count', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('created', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_used', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_passkey_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_passkey')),
    sa.UniqueConstraint('credential_id', name=op.f('uq_passkey_credential_id'))
    )
    with op.batch_alter_table('passkey', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_passkey_person_id'), ['person_id'], unique=False)

    op.create_table('password_reset',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('address', sa.LargeBinary(), nullable=True),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('token_hash', sa.String(length=64), nullable=True),
    sa.Column('created', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_password_reset_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_password_reset')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_password_reset_token_hash'))
    )
    with op.batch_alter_table('password_reset', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_password_reset_expires'), ['expires'], unique=False)
        batch_op.create_index(batch_op.f('ix_password_reset_person_id'), ['person_id'], unique=False)

    op.create_table('recovery_code',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('used', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_recovery_code_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_code'))
    )
    with op.batch_alter_table('recovery_code', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_recovery_code_person_id'), ['person_id'], unique=False)

    op.create_table('unusual_pattern',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('details', sa.JSON(none_as_null=True), nullable=False),
    sa.Column('seen', sa.DateTime(timezone=True), nullable=True),
    sa.Column('seen_by_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_unusual_pattern_person_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['seen_by_id'], ['person.id'], name=op.f('fk_unusual_pattern_seen_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unusual_pattern'))
    )
    with op.batch_alter_table('unusual_pattern', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_unusual_pattern_person_id'), ['person_id'], unique=False)

    op.create_table('break_glass',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('recipient_organization_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('reason', sa.String(length=24), nullable=False),
    sa.Column('imminence', sa.String(length=24), nullable=False),
    sa.Column('why_no_consent', sa.String(length=24), nullable=False),
    sa.Column('explanation', sa.LargeBinary(), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.Column('granted', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires', sa.DateTime(timezone=True), nullable=False),
    sa.Column('review_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reviewed', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reviewed_by_id', sa.Uuid(), nullable=True),
    sa.Column('verdict', sa.String(length=16), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['case.id'], name=op.f('fk_break_glass_case_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_break_glass_person_id')),
    sa.ForeignKeyConstraint(['recipient_organization_id'], ['organization.id'], name=op.f('fk_break_glass_recipient_organization_id')),
    sa.ForeignKeyConstraint(['reviewed_by_id'], ['person.id'], name=op.f('fk_break_glass_reviewed_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_break_glass'))
    )
    with op.batch_alter_table('break_glass', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_break_glass_case_id'), ['case_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_break_glass_person_id'), ['person_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_break_glass_recipient_organization_id'), ['recipient_organization_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_break_glass_review_by'), ['review_by'], unique=False)

    op.create_table('case_exclusion',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('organization_id', sa.Uuid(), nullable=True),
    sa.Column('person_key', sa.String(length=64), nullable=True),
    sa.Column('named', sa.LargeBinary(), nullable=False),
    sa.Column('created', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(organization_id IS NULL) <> (person_key IS NULL)', name=op.f('ck_case_exclusion_one_of_both')),
    sa.ForeignKeyConstraint(['case_id'], ['case.id'], name=op.f('fk_case_exclusion_case_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_case_exclusion_organization_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_exclusion'))
    )
    with op.batch_alter_table('case_exclusion', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_exclusion_case_id'), ['case_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_exclusion_organization_id'), ['organization_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_exclusion_person_key'), ['person_key'], unique=False)
        batch_op.create_index('uq_case_exclusion', ['case_id', 'organization_id', 'person_key'], unique=True)

    op.create_table('case_key',
    sa.Column('case_id', sa.Uuid(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['case.id'], name=op.f('fk_case_key_case_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('case_id', name=op.f('pk_case_key'))
    )
    op.create_table('address_reveal',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('handoff_id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('to_person_id', sa.Uuid(), nullable=False),
    sa.Column('granted_by_id', sa.Uuid(), nullable=False),
    sa.Column('granted', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended', sa.DateTime(timezone=True), nullable=True),
    sa.Column('viewed', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['granted_by_id'], ['person.id'], name=op.f('fk_address_reveal_granted_by_id')),
    sa.ForeignKeyConstraint(['handoff_id'], ['handoff.id'], name=op.f('fk_address_reveal_handoff_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_address_reveal_service_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['to_person_id'], ['person.id'], name=op.f('fk_address_reveal_to_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_address_reveal'))
    )
    with op.batch_alter_table('address_reveal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_address_reveal_handoff_id'), ['handoff_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_address_reveal_service_id'), ['service_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_address_reveal_to_person_id'), ['to_person_id'], unique=False)

    # Not by batch: on SQLite that makes a table anew, and dropping the old one would delete what refers to it.
    op.execute('INSERT INTO case_key (case_id, wrapped) SELECT id, wrapped_key FROM "case" WHERE wrapped_key IS NOT NULL')
    op.drop_column('case', 'wrapped_key')
    for column in (
        sa.Column('notice_format', sa.String(length=12), nullable=True),
        sa.Column('interpreter_reference', sa.String(length=80), nullable=True),
        sa.Column('capacity', sa.String(length=12), nullable=True),
        sa.Column('guardian', sa.String(length=20), nullable=True),
        sa.Column('guardian_suspected', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('assent', sa.Boolean(), nullable=True),
        sa.Column('onward_sharing', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('legal_basis', sa.String(length=24), nullable=True),
        sa.Column('evidence_sha256', sa.String(length=64), nullable=True),
        sa.Column('valid_from', sa.DateTime(timezone=True), nullable=True),
        sa.Column('review', sa.DateTime(timezone=True), nullable=True),
        sa.Column('withdrawn_by', sa.String(length=20), nullable=True),
        sa.Column('withdrawal_method', sa.String(length=20), nullable=True),
    ):
        op.add_column('consent', column)

    with op.batch_alter_table('disclosure', schema=None) as batch_op:
        batch_op.add_column(sa.Column('break_glass_id', sa.Uuid(), nullable=True))
        batch_op.alter_column('consent_id', existing_type=sa.Uuid(), nullable=True)
        batch_op.create_foreign_key(batch_op.f('fk_disclosure_break_glass_id'), 'break_glass', ['break_glass_id'], ['id'])
        batch_op.create_check_constraint(batch_op.f('ck_disclosure_one_ground'),
                                         '(consent_id IS NULL) <> (break_glass_id IS NULL)')

    # Everyone signs in anew.
    op.execute('DELETE FROM login_session')
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.add_column(sa.Column('id', sa.Uuid(), nullable=False))
        batch_op.add_column(sa.Column('factor', sa.String(length=10), server_default='password', nullable=False))
        batch_op.add_column(sa.Column('pending', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column('stepped_up', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('challenge', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('challenge_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_unique_constraint(batch_op.f('uq_login_session_id'), ['id'])

    op.add_column('outbox_message', sa.Column('link', sa.LargeBinary(), nullable=True))
    op.add_column('person', sa.Column('totp_secret', sa.LargeBinary(), nullable=True))
    op.add_column('person', sa.Column('totp_step', sa.Integer(), nullable=True))
    op.add_column('person', sa.Column('may_break_glass', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('person', sa.Column('is_supervisor', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for name in ('is_supervisor', 'may_break_glass', 'totp_step', 'totp_secret'):
        op.drop_column('person', name)
    op.drop_column('outbox_message', 'link')
    op.execute('DELETE FROM login_session')
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_login_session_id'), type_='unique')
        for name in ('challenge_until', 'challenge', 'stepped_up', 'pending', 'factor', 'id'):
            batch_op.drop_column(name)

    op.execute('DELETE FROM disclosure WHERE consent_id IS NULL')
    with op.batch_alter_table('disclosure', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('ck_disclosure_one_ground'), type_='check')
        batch_op.drop_constraint(batch_op.f('fk_disclosure_break_glass_id'), type_='foreignkey')
        batch_op.alter_column('consent_id', existing_type=sa.Uuid(), nullable=False)
        batch_op.drop_column('break_glass_id')

    for name in ('withdrawal_method', 'withdrawn_by', 'review', 'valid_from', 'evidence_sha256', 'legal_basis',
                 'onward_sharing', 'assent', 'guardian_suspected', 'guardian', 'capacity', 'interpreter_reference',
                 'notice_format'):
        op.drop_column('consent', name)
    op.add_column('case', sa.Column('wrapped_key', sa.LargeBinary(), nullable=True))
    op.execute('UPDATE "case" SET wrapped_key = (SELECT wrapped FROM case_key WHERE case_key.case_id = "case".id)')
    for table in ('address_reveal', 'case_key', 'case_exclusion', 'break_glass', 'unusual_pattern', 'recovery_code',
                  'password_reset', 'passkey', 'invitation', 'rate_count', 'erasure', 'audit_head'):
        op.drop_table(table)
    op.create_table('sign_in_failure',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_failure'))
    )
    op.create_index(op.f('ix_sign_in_failure_key'), 'sign_in_failure', ['key'])
