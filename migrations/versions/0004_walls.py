"""What holds even if a query forgets: histories that only grow, consent that stays as it was explained, and, on
PostgreSQL, row-level security on cases and all that hangs on them.

A later migration that makes `consent`, `handoff`, `audit_entry` or a history anew on SQLite must make its triggers
anew too: call `guard_sqlite` again.
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

HISTORIES = {'consent_event': ('consent_id', 'consent'), 'handoff_event': ('handoff_id', 'handoff')}
# May change in any state; and when the answer is given. All else of a consent record stays once it is no draft.
STATE = ('state', 'ended', 'withdrawn_by', 'withdrawal_method')
ANSWER = ('given', 'valid_from', 'method', 'assent', 'witness', 'evidence_sha256')
ENDED = "('refused','expired','withdrawn','superseded')"
APPEND_ONLY = 'this record is append-only'
NEVER_CHANGES = 'a consent record never changes once it has been explained'
PROTECTED = ('case', 'case_field', 'case_key', 'consent', 'consent_event', 'handoff', 'handoff_event', 'disclosure',
             'break_glass', 'case_exclusion')


def upgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        _run(SETTINGS, *_lookups(), *_postgres_guards(), *_policies())
    else:
        guard_sqlite()


def downgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        _run(*(f'DROP TRIGGER IF EXISTS {name} ON {table}' for name, table in _TRIGGERS),
             *(f'DROP POLICY {name} ON "{table}"' for table, name, *_ in POLICIES),
             *(f'ALTER TABLE "{t}" NO FORCE ROW LEVEL SECURITY' for t in PROTECTED),
             *(f'ALTER TABLE "{t}" DISABLE ROW LEVEL SECURITY' for t in PROTECTED),
             *(f'DROP FUNCTION {name}' for name in reversed(FUNCTIONS)))
    else:
        names = op.get_bind().exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
        _run(*(f'DROP TRIGGER {name}' for name in names if name.startswith('guard_')))


def _run(*statements: str) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


# SQLite

def guard_sqlite() -> None:
    """Triggers that refuse. A history goes only with its record, and that only with its case."""
    columns = [c['name'] for c in sa.inspect(op.get_bind()).get_columns('consent')]
    late = [c for c in columns if c not in STATE + ANSWER]
    answer = [c for c in columns if c in ANSWER]

    def refuse(name: str, when: str, condition: str, words: str) -> str:
        return (f"CREATE TRIGGER guard_{name} BEFORE {when} WHEN {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{words}'); END")

    def differ(names: list[str]) -> str:
        return ' OR '.join(f'NEW."{c}" IS NOT OLD."{c}"' for c in names)

    _run(refuse('audit_update', 'UPDATE ON audit_entry', '1', APPEND_ONLY),
         refuse('audit_delete', 'DELETE ON audit_entry',
                'NOT EXISTS (SELECT 1 FROM audit_head WHERE sequence >= OLD.sequence)', APPEND_ONLY),
         refuse('consent_update', 'UPDATE ON consent',
                f"OLD.state <> 'draft' AND ({differ(late)}) OR OLD.state NOT IN ('draft','explained') AND "
                f"({differ(answer)}) OR OLD.state IN {ENDED} AND NEW.state NOT IN {ENDED}", NEVER_CHANGES),
         *(refuse(f'{table}_update', f'UPDATE ON {table}', '1', APPEND_ONLY) for table in HISTORIES),
         *(refuse(f'{table}_delete', f'DELETE ON {table}',
                  f'EXISTS (SELECT 1 FROM {parent} WHERE id = OLD.{key})', APPEND_ONLY)  # nosec B608
           for table, (key, parent) in HISTORIES.items()),
         *(refuse(f'{table}_delete', f'DELETE ON {table}',
                  'EXISTS (SELECT 1 FROM "case" WHERE id = OLD.case_id)', APPEND_ONLY)
           for table in ('consent', 'handoff')))


# PostgreSQL

FUNCTIONS = ('referral_setting(text)', 'referral_is_system()', 'referral_organization()', 'referral_excluded(uuid)',
             'referral_owns(uuid)', 'referral_received(uuid)', 'referral_serves(uuid)', 'referral_shows(uuid, text)',
             'referral_refuse()', 'referral_guard_audit()', 'referral_guard_child()', 'referral_guard_consent()')
_TRIGGERS = [('guard_change', 'audit_entry'), ('guard_truncate', 'audit_entry'), ('guard_delete', 'audit_entry'),
             ('guard_change', 'consent'), ('guard_delete', 'consent'), ('guard_delete', 'handoff'),
             *((name, table) for table in HISTORIES for name in ('guard_change', 'guard_delete', 'guard_truncate'))]

SETTINGS = """
CREATE FUNCTION referral_setting(name text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT nullif(current_setting('referral.' || name, true), '') $$;
CREATE FUNCTION referral_is_system() RETURNS boolean LANGUAGE sql STABLE AS
$$ SELECT coalesce(starts_with(referral_setting('scope'), 'system:'), false) $$;
CREATE FUNCTION referral_organization() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT referral_setting('organization')::uuid $$
"""


def _lookups() -> list[str]:
    """What the policies ask of other tables. Each runs as the owner in a scope of its own, so that the policies of
    two tables that ask for each other do not run in a ring."""
    def look(head: str, query: str) -> str:
        return f"""
CREATE FUNCTION {head} RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER {_search_path()} AS $$
DECLARE scope text := coalesce(referral_setting('scope'), ''); found boolean;
BEGIN
  PERFORM set_config('referral.scope', 'system:policy', true);
  found := EXISTS ({query});
  PERFORM set_config('referral.scope', scope, true);
  RETURN found;
END $$"""

    received = """SELECT FROM handoff h WHERE h.case_id = asked AND h.recipient_organization_id = referral_organization()
                  AND NOT referral_excluded(asked)"""
    return [
        look('referral_excluded(asked uuid)', """SELECT FROM case_exclusion x WHERE x.case_id = asked AND
             (x.organization_id = referral_organization()
              OR x.person_key = ANY (string_to_array(referral_setting('person_keys'), ',')))"""),
        look('referral_owns(asked uuid)', """SELECT FROM "case" c WHERE c.id = asked
             AND c.organization_id = referral_organization() AND NOT referral_excluded(asked)"""),
        look('referral_received(asked uuid)', received + " AND h.state <> 'draft'"),
        look('referral_serves(asked uuid)',
             received + " AND h.state IN ('requested','on_hold','accepted','in_progress')"),
        look('referral_shows(asked uuid, wanted text)', received + """ AND h.state IN ('accepted','in_progress') AND (
             EXISTS (SELECT FROM consent k WHERE k.id = h.consent_id AND k.state = 'active'
                     AND k.fields::jsonb ? wanted)
             OR EXISTS (SELECT FROM break_glass b WHERE b.case_id = asked AND b.fields::jsonb ? wanted
                        AND b.recipient_organization_id = referral_organization()))"""),  # nosec B608
    ]


def _search_path() -> str:
    """Where the tables are now: the owner's rights must not be lent to a table of the same name elsewhere."""
    schema = op.get_bind().exec_driver_sql('SELECT current_schema()').scalar()
    return f'SET search_path = "{schema}", pg_temp'


def _postgres_guards() -> list[str]:
    def function(name: str, body: str, declare: str = '') -> str:
        return (f'CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {_search_path()} AS '
                f'$$ {declare} BEGIN {body} END $$')

    refuse = f"RAISE EXCEPTION '{APPEND_ONLY}' USING ERRCODE = 'restrict_violation';"
    alike = "to_jsonb({row}) - ARRAY[{names}]"

    def differ(names: tuple[str, ...]) -> str:
        listed = ','.join(f"'{n}'" for n in names)
        return f"({alike.format(row='NEW', names=listed)}) IS DISTINCT FROM ({alike.format(row='OLD', names=listed)})"

    def trigger(table: str, name: str, when: str, call: str) -> str:
        each = 'STATEMENT' if 'TRUNCATE' in when else 'ROW'
        return f'CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {call}'

    # The parent is looked for in a scope that sees every case: one that is only hidden is not one that is gone.
    child = f"""
  PERFORM set_config('referral.scope', 'system:guard', true);
  EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE id = $1)', TG_ARGV[0])
    INTO there USING (to_jsonb(OLD) ->> TG_ARGV[1])::uuid;
  PERFORM set_config('referral.scope', scope, true);
  IF there THEN {refuse} END IF;
  RETURN OLD;"""  # nosec B608
    return [
        function('referral_refuse', refuse),
        function('referral_guard_audit', f"""
  IF NOT EXISTS (SELECT FROM audit_head WHERE sequence >= OLD.sequence) THEN {refuse} END IF; RETURN OLD;"""),  # nosec B608
        function('referral_guard_child', child.replace('%', '%%'),
                 "DECLARE there boolean; scope text := coalesce(referral_setting('scope'), '');"),
        function('referral_guard_consent', f"""
  IF OLD.state <> 'draft' AND {differ(STATE + ANSWER)}
     OR OLD.state NOT IN ('draft','explained') AND {differ(STATE)}
     OR OLD.state IN {ENDED} AND NEW.state NOT IN {ENDED} THEN
    RAISE EXCEPTION '{NEVER_CHANGES}' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;"""),
        trigger('audit_entry', 'guard_change', 'UPDATE', 'referral_refuse()'),
        trigger('audit_entry', 'guard_delete', 'DELETE', 'referral_guard_audit()'),
        trigger('audit_entry', 'guard_truncate', 'TRUNCATE', 'referral_refuse()'),
        trigger('consent', 'guard_change', 'UPDATE', 'referral_guard_consent()'),
        *(trigger(table, 'guard_delete', 'DELETE', "referral_guard_child('case', 'case_id')")
          for table in ('consent', 'handoff')),
        *(trigger(table, 'guard_change', 'UPDATE', 'referral_refuse()') for table in HISTORIES),
        *(trigger(table, 'guard_truncate', 'TRUNCATE', 'referral_refuse()') for table in HISTORIES),
        *(trigger(table, 'guard_delete', 'DELETE', f"referral_guard_child('{parent}', '{key}')")
          for table, (key, parent) in HISTORIES.items()),
    ]


_MINE = 'organization_id = referral_organization() AND NOT referral_excluded({id})'
_OWN = 'referral_owns(case_id)'
_PARTY = """(requester_organization_id = referral_organization()
             OR recipient_organization_id = referral_organization() AND state <> 'draft')
            AND NOT referral_excluded(case_id)"""
_FOR_US = 'recipient_organization_id = referral_organization() AND referral_received(case_id)'
_ANSWERED = f"{_FOR_US} AND state NOT IN ('draft','explained')"
_OVERSEER = "referral_setting('scope') = 'overseer' AND NOT referral_excluded(case_id)"
# Table, name, command, which rows are seen or touched, which may be written. A recipient may lock what a disclosure
# stands on, and so needs its update policy, but can write none of it.
POLICIES = (
    ('case', 'see', 'SELECT', f"{_MINE.format(id='id')} OR referral_received(id)", None),
    ('case', 'add', 'INSERT', None, 'organization_id = referral_organization()'),
    ('case', 'change', 'UPDATE', _MINE.format(id='id'), 'organization_id = referral_organization()'),
    ('case_field', 'see', 'SELECT', f'{_OWN} OR referral_shows(case_id, field)', None),
    ('case_field', 'add', 'INSERT', None, _OWN),
    ('case_field', 'change', 'UPDATE', _OWN, _OWN),
    ('case_field', 'remove', 'DELETE', _OWN, None),
    ('case_key', 'see', 'SELECT', f'{_OWN} OR referral_serves(case_id)', None),
    ('case_key', 'add', 'INSERT', None, _OWN),
    ('consent', 'see', 'SELECT', f'{_OWN} OR {_ANSWERED}', None),
    ('consent', 'add', 'INSERT', None, _OWN),
    ('consent', 'change', 'UPDATE', f'{_OWN} OR {_ANSWERED}', _OWN),
    ('consent_event', 'see', 'SELECT', 'EXISTS (SELECT FROM consent k WHERE k.id = consent_id AND referral_owns(k.case_id))',
     None),
    ('consent_event', 'add', 'INSERT', None,
     'EXISTS (SELECT FROM consent k WHERE k.id = consent_id AND referral_owns(k.case_id))'),
    ('handoff', 'see', 'SELECT', _PARTY, None),
    ('handoff', 'add', 'INSERT', None, f'requester_organization_id = referral_organization() AND {_OWN}'),
    ('handoff', 'change', 'UPDATE', _PARTY, _PARTY),
    ('handoff_event', 'see', 'SELECT', 'EXISTS (SELECT FROM handoff h WHERE h.id = handoff_id)', None),
    ('handoff_event', 'add', 'INSERT', None, 'EXISTS (SELECT FROM handoff h WHERE h.id = handoff_id)'),
    ('disclosure', 'see', 'SELECT', f'{_OWN} OR organization_id = referral_organization() AND referral_received(case_id)',
     None),
    ('disclosure', 'add', 'INSERT', None,
     'organization_id = referral_organization() AND referral_received(case_id)'),
    ('break_glass', 'see', 'SELECT', f"{_OWN} OR {_FOR_US} OR {_OVERSEER} OR person_id::text = referral_setting('person')",
     None),
    ('break_glass', 'add', 'INSERT', None, _OWN),
    ('break_glass', 'change', 'UPDATE', f'{_OWN} OR {_FOR_US} OR {_OVERSEER}', f'{_OWN} OR {_OVERSEER}'),
    ('case_exclusion', 'see', 'SELECT', _OWN, None),
    ('case_exclusion', 'add', 'INSERT', None, _OWN),
    ('case_exclusion', 'remove', 'DELETE', _OWN, None),
    *((table, 'system', 'ALL', '', '') for table in PROTECTED),
)


def _policies() -> list[str]:
    statements = [f'ALTER TABLE "{t}" {how} ROW LEVEL SECURITY' for t in PROTECTED for how in ('ENABLE', 'FORCE')]
    for table, name, command, using, check in POLICIES:
        parts = [f'{word} (referral_is_system(){f" OR ({condition})" if condition else ""})'
                 for word, condition in (('USING', using), ('WITH CHECK', check)) if condition is not None]
        statements.append(f'CREATE POLICY {name} ON "{table}" FOR {command} {" ".join(parts)}')
    return statements
