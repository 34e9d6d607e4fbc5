"""The commands that end records and keep them ended: purge, ledger, backup, restore."""

from pathlib import Path

import click

from referral_dir.cli_start import clear_errors, open_all, open_settings, print_replayed, this_moment
from referral_dir.desk import retention
from referral_dir.domain.retention import RULES, in_words
from referral_dir.store import backup as backups
from referral_dir.store import ledger, retention_queries
from referral_dir.store.db import migrate, reading, transaction


@click.command()
@click.option("--dry-run", is_flag=True, help="count what has ended, change nothing")
@click.option("--case", "reference", help="erase this one case now, as the person wishes it")
def purge(dry_run: bool, reference: str | None) -> None:
    """Erase what has ended; run it every day. What a case's key sealed is destroyed with the key."""
    with clear_errors():
        _, store = open_all()
        if reference:
            if dry_run:
                raise click.UsageError("--case and --dry-run do not go together")
            with transaction(store, system="retention") as session:
                retention.erase_on_request(session, reference, this_moment())
            click.echo("Erased. The proof is kept: a hash of the reference, the day, and that it was asked for.")
        elif dry_run:
            with reading(store, system="retention") as session:
                _print_counts(retention.due(session, this_moment()))
            click.echo("(dry run: nothing was changed)")
            return
        else:
            _print_counts(retention.purge(store, this_moment()))
        if not retention_queries.leave_nothing(store.engine):
            click.echo("The database's files still hold traces of what was erased, as someone was reading (or, on "
                       "PostgreSQL, as this role does not own the tables): run this again.", err=True)


def _print_counts(counts: dict[str, int]) -> None:
    for kind, count in counts.items():
        rule = RULES[kind]
        click.echo(f"{kind.replace('_', ' '):22}{count:7}   {in_words(rule.period)} after {rule.counts_from}")


@click.group("ledger")
def ledger_group() -> None:
    """Erasures and withdrawals, kept outside the database."""


@ledger_group.command("replay")
def ledger_replay() -> None:
    """End again what the ledger holds, after an older backup was restored. Every start does so by itself too."""
    with clear_errors():
        settings, store = open_settings()
        migrate(store.engine)
        done = retention.replay(store, this_moment())
        print_replayed(done)
        click.echo(f"{len(ledger.read_lines(settings.ledger))} lines, unbroken; "
                   + ("the database agrees now." if done else "the database had it all."))


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(dir_okay=False, path_type=Path),
              help="file for the cases' keys, on another disk; it replaces the one before")
def backup(path: Path, keys: Path | None) -> None:
    """Copy the embedded database, without the cases' keys: they go into a file of their own."""
    with clear_errors():
        _, store = open_all()
        backups.back_up(store.engine, path, keys)
        click.echo(f"Written to {path}" + (f", the keys to {keys}." if keys else ". The keys were not copied."))


@click.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(dir_okay=False, path_type=Path), help="the newest file of the cases' keys")
def restore(path: Path, keys: Path | None) -> None:
    """Put a backup in the place of a missing database, and end again what has ended since."""
    with clear_errors():
        _, store = open_settings()
        backups.put_back(store.engine, path, keys)
        migrate(store.engine)
        print_replayed(retention.catch_up(store, this_moment()))
        click.echo("Restored." + ("" if keys else " Without keys no case can be read until they are put back."))
