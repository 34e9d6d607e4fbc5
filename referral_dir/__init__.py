"""Referral directory and matching service."""

from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings
    from referral_dir.store.db import Store


def create_app(settings: "Settings", store: "Store | None" = None) -> "Flask":
    """The web application: settings, store, indexes, and each audience's pages behind its guard."""
    # Here, so that a command that serves no page does not wait for what pages are made with.
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    import config
    from referral_dir import logs
    from referral_dir.desk.opening_up import open_indexes, open_store
    from referral_dir.desk.retention import catch_up
    from referral_dir.web import (
        auth,
        compression,
        errors,
        facts,
        languages,
        map_pages,
        page_words,
        request_log,
        security,
        uploads,
    )

    logs.install()
    app = Flask("referral_dir", template_folder=str(config.ROOT / "templates"), static_folder="static")
    app.secret_key = settings.secret_key
    app.request_class = uploads.Request
    if settings.trusted_proxies:
        # Only then is the client's address, and that it came by https, taken from headers.
        proxies = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    store = store or open_store(settings.database_url, settings.master_keys, settings.ledger)
    catch_up(store, datetime.now(UTC))
    indexes = open_indexes(settings.instance, settings.text_index)
    app.extensions["referral_dir"] = auth.Edge(settings, store, indexes)
    # Before all others: the last to look at an answer on its way out.
    compression.install(app)
    security.install(app)
    auth.install(app)
    languages.install(app)
    request_log.install(app)
    errors.install(app)
    page_words.install(app)
    facts.install(app)
    map_pages.install(app)
    for module in _audiences():
        app.register_blueprint(module.blueprint)
        app.before_request_funcs[module.blueprint.name] = [auth.guard(module.GUARD)]
    return app


def _audiences() -> list[ModuleType]:
    from referral_dir.web import (
        account,
        administration,
        asking,
        break_glass,
        caseworker,
        consent,
        consent_screen,
        corrections,
        factors,
        finding,
        imports,
        installation,
        joining,
        listings,
        numbers,
        officer,
        offline,
        organizations,
        oversight,
        provider,
        public,
        raid,
        resets,
        reveals,
        rosters,
        styleguide,
        threads,
    )

    return [
        public,
        account,
        resets,
        factors,
        joining,
        finding,
        officer,
        asking,
        raid,
        consent,
        consent_screen,
        break_glass,
        offline,
        caseworker,
        listings,
        corrections,
        provider,
        threads,
        rosters,
        numbers,
        reveals,
        oversight,
        administration,
        organizations,
        imports,
        installation,
        styleguide,
    ]
