"""Referral directory and matching service."""

from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from config import Settings
    from referral_dir.store.db import Store


def create_app(settings: "Settings", store: "Store | None" = None) -> Flask:
    """The web application: settings, store, indexes, and each audience's pages behind its guard."""
    import config
    from referral_dir import logs
    from referral_dir.desk.opening_up import open_indexes, open_store
    from referral_dir.desk.retention import catch_up
    from referral_dir.web import auth, errors, page_words, request_log, security

    logs.install()
    app = Flask("referral_dir", template_folder=str(config.ROOT / "templates"), static_folder="static")
    app.secret_key = settings.secret_key
    store = store or open_store(settings.database_url, settings.master_keys, settings.ledger)
    catch_up(store, datetime.now(UTC))
    indexes = open_indexes(settings.instance, settings.text_index)
    app.extensions["referral_dir"] = auth.Edge(settings, store, indexes)
    security.install(app)
    auth.install(app)
    request_log.install(app)
    errors.install(app)
    page_words.install(app)
    for module in _audiences():
        app.register_blueprint(module.blueprint)
        app.before_request_funcs[module.blueprint.name] = [auth.guard(module.GUARD)]
    return app


def _audiences() -> list[ModuleType]:
    from referral_dir.web import account, administration, caseworker, officer, oversight, provider, public

    return [public, account, officer, caseworker, provider, oversight, administration]
