"""`referral-dir`: the command line. Every command obeys the REFERRAL_DIR_* variables that the server obeys."""

import json
import os
import smtplib
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

import config
from referral_dir import cli_retention, logs
from referral_dir.cli_demo import load_month
from referral_dir.cli_start import clear_errors as _clear_errors
from referral_dir.cli_start import open_all as _open
from referral_dir.cli_start import this_moment as _now
from referral_dir.desk import accounts, audit_heads, demo, find, notify, reminders, resets
from referral_dir.desk.find import Indexes
from referral_dir.desk.handoffs import expire_due
from referral_dir.desk.opening_up import open_indexes
from referral_dir.domain.explaining import Explanation
from referral_dir.domain.vocabulary import Gender, Role
from referral_dir.index import feed
from referral_dir.interop import jobs
from referral_dir.interop.answers_json import explanation_json, match_json, search_json
from referral_dir.interop.report import FORMATS, ImportReport
from referral_dir.store import people_queries, roles
from referral_dir.store.db import Store, make_engine, reading, transaction

if TYPE_CHECKING:
    from referral_dir.geocoder import PublicGeocoder

DELIVER_EVERY_SECONDS = 10


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Referral directory and matching service for people who may have been trafficked."""
    logs.install()
    logs.catch_defects()


for _command in (cli_retention.purge, cli_retention.ledger_group, cli_retention.backup, cli_retention.restore):
    main.add_command(_command)


def _indexes(settings: config.Settings) -> Indexes:
    try:
        return open_indexes(settings.instance, settings.text_index)
    except ValueError as error:
        raise config.ConfigError(f"REFERRAL_DIR_TEXT_INDEX: {error}") from error


@main.command()
def init() -> None:
    """Create the database, or bring its schema up to date."""
    with _clear_errors():
        settings, _ = _open()
        click.echo(f"The database is ready ({settings.database_url.partition('@')[2] or settings.database_url}).")


@main.command("demo")
def demo_command() -> None:
    """Load the invented demo directory and accounts; what is there already stays."""
    with _clear_errors():
        settings, store = _open()
        if not settings.demo:
            raise click.ClickException("set REFERRAL_DIR_DEMO=1: invented accounts do not belong in a real directory")
        load_demo(store)
        load_month(store, _now())
        _print_accounts()


def load_demo(store: Store) -> None:
    """The demo's accounts and directory, loaded once."""
    with transaction(store) as session:
        added = demo.add_demo_accounts(session, _now())
        network = people_queries.organization_by_name(session, demo.NETWORK)
    if not added:
        return
    click.echo("Loading the demo directory …")
    from referral_dir.interop.importing import import_directory

    import_directory(store, config.ROOT / "data" / "demo" / "directory.json", now=_now(), source="demo",
                     kept_by=network.id if network else None)
    # A provider's account names its organization before the directory brings it in: they are one.
    with transaction(store) as session:
        people_queries.join_organizations_of_one_name(session, "demo")
        demo.add_demo_figures(session, _now())


@main.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), default="auto", show_default=True)
@click.option("--source", help="name under which the records are known; the same name updates them")
@click.option("--kept-by", help="name of the organization whose caseworkers keep the new services")
@click.option("--dry-run", is_flag=True, help="try everything, change nothing")
@click.option("--report", "report_path", type=click.Path(dir_okay=False), help="write the full report as JSON")
def import_command(path: Path, format_: str, source: str | None, kept_by: str | None, dry_run: bool,
                   report_path: str | None) -> None:
    """Import a directory: HSDS 3 (JSON or CSV), HSDS 1 (CSV), or UNHCR's GeoJSON features."""
    from referral_dir.interop.importing import import_directory

    with _clear_errors():
        settings, store = _open()
        report = import_directory(store, path, now=_now(), format=format_, source=source, dry_run=dry_run,
                                  kept_by=_keeper(store, kept_by), geocoder=_own_geocoder(settings),
                                  progress=lambda step: click.echo(f"{step} …", err=True))
        if report_path:
            report.write(report_path)
        _print_report(report)
        if not dry_run:
            click.echo("indexing …", err=True)
            indexes = _indexes(settings)
            with reading(store) as session:
                feed.catch_up(session, indexes.match, indexes.text)


def _own_geocoder(settings: config.Settings) -> "PublicGeocoder | None":
    """The geocoder that this deployment runs; none by default."""
    if settings.geocoder == "offline":
        return None
    from referral_dir.geocoder import public_geocoder

    return public_geocoder(settings.geocoder, settings.geocoder_domain or "")


def _keeper(store: Store, name: str | None) -> UUID | None:
    """The named organization; without a name the only one that has caseworkers."""
    with reading(store) as session:
        if name:
            row = people_queries.organization_by_name(session, name)
            if row is None:
                raise click.ClickException(f"no organization is called “{name}”")
            return row.id
        keepers = people_queries.organizations_with(session, Role.CASEWORKER)
        return keepers[0] if len(keepers) == 1 else None


def _print_report(report: ImportReport) -> None:
    click.echo(f"{'table':24}{'read':>9}{'created':>9}{'updated':>9}{'unchanged':>11}{'refused':>9}")
    for table, c in sorted(report.tables.items()):
        if c.read or c.created or c.updated or c.unchanged or c.refused:
            click.echo(f"{table:24}{c.read:9}{c.created:9}{c.updated:9}{c.unchanged:11}{c.refused:9}")
    totals = report.to_json()
    click.echo(f"{totals['refused']} values refused, {totals['repaired']} repaired"
               + (": see the report" if report.issues else "")
               + (" (dry run: nothing was changed)" if report.dry_run else ""))


@main.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "format_", type=click.Choice(["hsds3-json"]), default="hsds3-json", show_default=True)
def export(path: Path, format_: str) -> None:
    """Export the directory as HSDS 3.1 JSON. Confidential services go out with their zone only."""
    from referral_dir.interop.exporting import export_hsds3_json

    with _clear_errors():
        _, store = _open()
        with reading(store) as session:
            counts = export_hsds3_json(session, path)
        click.echo(", ".join(f"{count} {kind}" for kind, count in counts.items()) + f" written to {path}")


@main.command()
@click.argument("text")
@click.option("--near", default="", help="town or coordinates")
@click.option("--need", "needs", multiple=True, help="only services for this need")
@click.option("--language", "languages", multiple=True, help="only services that speak it")
@click.option("--radius-km", type=float, help="only within this distance of --near")
@click.option("--by-distance", is_flag=True, help="nearest first")
@click.option("--open-now", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def search(text: str, near: str, needs: tuple[str, ...], languages: tuple[str, ...], radius_km: float | None,
           by_distance: bool, open_now: bool, as_json: bool) -> None:
    """Find services by words."""
    with _clear_errors():
        settings, store = _open()
        filters = find.SearchFilters(tuple(needs), _codes(languages), open_now, (), radius_km, by_distance)
        with reading(store) as session:
            answer = find.search_services(session, _indexes(settings), None, text, _now(), near=near, filters=filters)
        if as_json:
            _print_json(search_json(answer))
            return
        if answer.did_you_mean:
            click.echo(f"Did you mean: {answer.did_you_mean}?")
        for found in answer.found:
            c = found.candidate
            far = f"{found.distance_km:g} km" if found.distance_km is not None else c.zone or ""
            click.echo(f"{c.name}, {c.organization}  {far}  {c.service_id}")
        click.echo(f"{answer.total} found")


def _codes(languages: tuple[str, ...]) -> tuple[str, ...]:
    from referral_dir.desk.languages import UnknownLanguage, language_codes

    try:
        return tuple(language_codes(languages))
    except UnknownLanguage as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--need", "needs", multiple=True, required=True, help="code of a need, like legal.immigration")
@click.option("--language", "languages", multiple=True, help="code or name; any one of several is enough")
@click.option("--near", required=True, help="town or coordinates")
@click.option("--radius-km", type=float, default=find.DEFAULT_RADIUS_KM, show_default=True)
@click.option("--age", type=int)
@click.option("--gender", type=click.Choice([str(g) for g in Gender]))
@click.option("--household", type=int, default=1, show_default=True, help="people who stay together")
@click.option("--accessibility", multiple=True)
@click.option("--open-now", is_flag=True)
@click.option("--avoid-near", "avoid", multiple=True, help="a place to keep away from")
@click.option("--avoid-km", type=float, default=25.0, show_default=True, help="how far from each --avoid-near")
@click.option("--avoid-organization", "organizations", multiple=True, help="words of its name")
@click.option("--avoid-community", "communities", multiple=True)
@click.option("--explain", type=click.UUID, metavar="SERVICE_ID", help="why this one was or was not offered")
@click.option("--json", "as_json", is_flag=True)
def match(explain: UUID | None, as_json: bool, avoid: tuple[str, ...], avoid_km: float, age: int | None,
          organizations: tuple[str, ...], communities: tuple[str, ...], **asked: Any) -> None:
    """Find services that can take a person, with reasons; and those that nearly can, with what is unmet."""
    with _clear_errors():
        settings, store = _open()
        with transaction(store) as session:
            need = find.make_need(
                **asked, ages=(age, age) if age is not None else None, excluded_communities=communities,
                excluded_areas=[(place, avoid_km) for place in avoid],
                excluded_organizations=find.organizations_named(session, organizations))
            if explain is not None:
                told = find.explain_match(session, _indexes(settings), need, explain, _now())
            else:
                answer = find.match_services(session, _indexes(settings), None, need, _now())
        if explain is not None:
            _print_json(explanation_json(told)) if as_json else _print_explanation(told)
        else:
            _print_json(match_json(answer)) if as_json else _print_matches(answer)


def _print_matches(answer: find.MatchAnswer) -> None:
    for m in answer.matches:
        click.echo(f"{m.score:.2f}  {m.candidate.name}, {m.candidate.organization}  {m.candidate.service_id}")
        for reason in m.reasons:
            click.echo(f"        {reason}")
    for m in answer.near_misses:
        unmet = "; ".join(c.detail for c in m.unmet)
        click.echo(f"nearly {m.candidate.name}: {unmet}  {m.candidate.service_id}")
    for h in answer.helplines:
        click.echo(f"call    {h.name} {h.phone or h.url}" + (" (unverified)" if h.unverified else ""))


def _print_explanation(told: Explanation) -> None:
    click.echo(f"{told.candidate.name}, {told.candidate.organization}: {told.outcome}")
    click.echo(f"{'criterion':14}{'asked':32}{'verdict':9}{'points':>8}  what the service says")
    for line in told.lines:
        click.echo(f"{line.criterion:14}{line.asked[:30]:32}{line.verdict:9}{line.points:+8.4f}  {line.says}")
    click.echo(f"{'score':14}{'':32}{'':9}{told.score:8.4f}")


def _print_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


@main.command()
def reindex() -> None:
    """Build the match index and the text index anew; what is there is used until the new ones are whole."""
    with _clear_errors():
        settings, store = _open()
        indexes = _indexes(settings)
        with reading(store) as session:
            feed.rebuild(session, indexes.match, indexes.text)
        click.echo("The indexes are new.")


@main.command()
def deliver() -> None:
    """Send what waits in the outbox, and end what time has ended."""
    with _clear_errors():
        settings, store = _open()
        done = deliver_once(settings, store)
        click.echo(f"sent {done.sent}, to be retried {done.retried}, cancelled {done.cancelled}, failed {done.failed}")


def deliver_once(settings: config.Settings, store: Store) -> notify.Delivered:
    """One round: expiries first, so that nothing is announced that has just ended."""
    with transaction(store, system="deliver") as session:
        expire_due(session, _now())
        notify.escalate(session, _now())
    with transaction(store) as session:
        resets.prepare(session, _now())
    # A directory that nobody confirmed says in the clear where hidden services are.
    jobs.sweep(store, settings.instance, _now())
    if not settings.smtp_host:
        return notify.Delivered(0, 0, 0, 0)
    mailer = notify.Mailer(settings.smtp_host, settings.smtp_port, settings.mail_from, settings.base_url,
                           settings.smtp_user, settings.smtp_password, settings.smtp_starttls)
    _send_head(settings, store, mailer)
    with transaction(store) as session:
        reminders.prepare(session, _now())
    return notify.deliver(store, mailer, _now())


def _send_head(settings: config.Settings, store: Store, mailer: notify.Mailer) -> None:
    """Once a day the signed head goes to whoever keeps it elsewhere."""
    if settings.audit_witness is None:
        return
    with reading(store) as session:
        if not audit_heads.head_is_due(session, _now()):
            return
        signed = audit_heads.sign_head(session, audit_heads.signing_key(settings.audit_key), _now())
    try:
        mailer.send(audit_heads.head_mail(signed, settings.mail_from, settings.audit_witness))
    except (OSError, smtplib.SMTPException) as error:
        click.echo(f"the audit head was not sent: {type(error).__name__}", err=True)
        return
    with transaction(store) as session:
        audit_heads.keep_head(session, signed, _now())


@main.group("audit")
def audit_group() -> None:
    """The audit trail."""


@audit_group.command("verify")
@click.option("--head", "head_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="a head that was kept elsewhere, as `audit head` wrote it")
@click.option("--public-key", help="by whom heads must be signed (base64); this server's own without it")
def audit_verify(head_path: Path | None, public_key: str | None) -> None:
    """Check that every entry is in its place and unchanged; exits with 1 where one is not."""
    with _clear_errors():
        settings, store = _open()
        trusted = public_key or audit_heads.public_key(audit_heads.signing_key(settings.audit_key))
        kept = head_path.read_text(encoding="utf-8", errors="replace") if head_path else None
        head = audit_heads.read_head(kept, trusted).head if kept is not None else None
        with reading(store) as session:
            result = audit_heads.verify(session, trusted, head)
        if result.broken_at is not None:
            raise click.ClickException(f"the chain is broken at entry {result.broken_at}: {result.why}")
        against = f", as the head of entry {head.sequence} has it" if head else "; only a kept head shows a cut end"
        click.echo(f"{result.entries} entries, unbroken{against}; head {result.head}")


@audit_group.command("head")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="write it to a file")
def audit_head(output: Path | None) -> None:
    """Sign the end of the chain, to be kept where nobody who runs this can change it."""
    with _clear_errors():
        settings, store = _open()
        with transaction(store) as session:
            signed = audit_heads.take_head(session, audit_heads.signing_key(settings.audit_key), _now())
        if output:
            output.write_text(signed.to_json() + "\n", encoding="utf-8")
            click.echo(f"head of entry {signed.head.sequence} written to {output}; public key {signed.public_key}")
        else:
            click.echo(signed.to_json())


@main.group("database")
def database_group() -> None:
    """The database."""


@database_group.command("roles")
@click.option("--role", default=roles.APPLICATION_ROLE, show_default=True, help="made if it is not there")
def database_roles(role: str) -> None:
    """Give the server's own PostgreSQL role what it needs and no more. Run as the owner, after every `init`."""
    with _clear_errors():
        settings = config.load_settings()
        engine = make_engine(settings.database_url)
        try:
            roles.grant_application_role(engine, role)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{role} is ready. Set its password (psql: \\password {role}) and let the server sign in with it.")


@main.group("user")
def user_group() -> None:
    """People who sign in."""


@user_group.command("add")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice([str(r) for r in Role]))
@click.option("--organization", required=True, help="made if it is not there")
@click.password_option(help="asked for if not given")
def user_add(email: str, name: str, role: str, organization: str, password: str) -> None:
    """Add a person."""
    with _clear_errors():
        _, store = _open()
        with transaction(store) as session:
            accounts.add_person(session, None, email=email, name=name, role=role, organization=organization,
                                password=password, now=_now())
        click.echo("added")


@user_group.command("list")
def user_list() -> None:
    """List people with their role and organization."""
    with _clear_errors():
        _, store = _open()
        with reading(store) as session:
            for person, organization in people_queries.everyone(session):
                click.echo(f"{person.email:40}{person.role:15}{'' if person.active else 'locked '}{organization}")


@main.command()
def serve() -> None:
    """Serve the pages. In the demo this also sets up, prints the accounts and sends what waits."""
    with _clear_errors():
        settings, store = _open()
        if settings.demo:
            load_demo(store)
            load_month(store, _now())
            _print_accounts()
        from waitress import create_server

        from referral_dir import create_app
        from referral_dir.index.match import warm
        from referral_dir.serving import allow_imports

        allow_imports()
        app = create_app(settings, store)
        threading.Thread(target=warm, args=(settings.instance,), daemon=True).start()
        try:
            server = create_server(app, host=settings.host, port=settings.port, ident=None, threads=8,
                                   max_request_body_size=config.LARGEST_BODY_READ,
                                   clear_untrusted_proxy_headers=settings.trusted_proxies == 0)
        except OSError as error:
            raise click.ClickException(f"port {settings.port} can't be used ({error.strerror}): "
                                       f"set another, like PORT={settings.port + 1}") from error
        if settings.demo:
            threading.Thread(target=_deliver_forever, args=(settings, store), daemon=True).start()
        click.echo(f"\nServing on http://{settings.host}:{settings.port}/  (Ctrl-C stops)")
        sys.stdout.flush()
        try:
            server.run()
        except KeyboardInterrupt:
            server.close()


def _deliver_forever(settings: config.Settings, store: Store) -> None:
    while True:
        time.sleep(DELIVER_EVERY_SECONDS)
        try:
            deliver_once(settings, store)
        except Exception as error:
            logs.failure("not delivered", error)  # the thread must live on


def _print_accounts() -> None:
    click.echo("\nDemo: every person and provider here is invented. Sign in as")
    for account in demo.DEMO_ACCOUNTS:
        click.echo(f"  {account.role:15}{account.email}")
    click.echo(f"  password for all: {demo.DEMO_PASSWORD}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUTF8", "1")
    main()
