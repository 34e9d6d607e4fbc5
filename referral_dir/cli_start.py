"""What every command does first: read the settings, open the store, and bring it up to date with schema and ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

import config
from referral_dir.desk.opening_up import open_store
from referral_dir.desk.retention import Replayed, catch_up
from referral_dir.domain.errors import Invalid, Refused
from referral_dir.interop.report import ImportRefused
from referral_dir.store.backup import BackupRefused
from referral_dir.store.db import Store, migrate
from referral_dir.store.ledger import LedgerBroken


@contextmanager
def clear_errors() -> Iterator[None]:
    """Everything that a person can mend is one message, not a trace."""
    try:
        yield
    except config.ConfigError as error:
        raise click.ClickException(f"the settings can't be used:\n{error}") from error
    except Invalid as error:
        raise click.ClickException("\n".join(f"{field}: {text}" for field, text in error.errors.items())) from error
    except (ImportRefused, Refused, BackupRefused, LedgerBroken) as error:
        raise click.ClickException(str(error)) from error


def open_settings() -> tuple[config.Settings, Store]:
    """The settings, and a store that nobody has looked into yet."""
    settings = config.load_settings()
    settings.instance.mkdir(parents=True, exist_ok=True)
    try:
        return settings, open_store(settings.database_url, settings.master_keys, settings.ledger)
    except ValueError as error:
        raise config.ConfigError(f"REFERRAL_DIR_MASTER_KEYS: {error}") from error


def open_all() -> tuple[config.Settings, Store]:
    """The settings and a store whose schema is up to date, and in which nothing is alive that the ledger has ended."""
    settings, store = open_settings()
    migrate(store.engine)
    print_replayed(catch_up(store, this_moment()))
    return settings, store


def print_replayed(done: Replayed) -> None:
    """Say it where the database was older than the ledger."""
    if done.begun:
        click.echo("A ledger has been begun with what the database knows.", err=True)
    elif done:
        click.echo(f"The database was older than its ledger. Ended again: {done.consents} consents, "
                   f"{done.cases} cases, {done.keys} keys, {done.fields} fields.", err=True)


def this_moment() -> datetime:
    """Now."""
    return datetime.now(UTC)
