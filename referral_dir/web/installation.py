"""The administrator: how this installation is set, and what people are told before they consent."""

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

import config
from referral_dir.domain import notices
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.web.auth import action, edge

blueprint = Blueprint("installation", __name__, url_prefix="/administration")
GUARD = frozenset({Role.ADMINISTRATOR})
ORIGINS = {"variable": say("from its variable"), "file": say("from a file"), "made": say("made by the demo"),
           "default": say("as it comes")}
# As config.VARIABLES says them, which knows of no languages; a test compares the two.
MEANINGS = {
    "REFERRAL_DIR_DEMO": say("1: invented data, loopback only, secrets made by itself"),
    "REFERRAL_DIR_INSTANCE": say("folder of the embedded database, the indexes and the demo's keys"),
    "REFERRAL_DIR_DATABASE_URL": say("postgresql://user:password@host/name, or sqlite"),
    "REFERRAL_DIR_LEDGER":
        say("file of erasures and withdrawals, outside the database; on another disk than its backups"),
    "REFERRAL_DIR_SECRET_KEY": say("signs cookies and tokens; at least 32 characters"),
    "REFERRAL_DIR_MASTER_KEYS": say("ID:BASE64 of 32 bytes, comma between several; the first one seals"),
    "REFERRAL_DIR_BASE_URL": say("what links in e-mails begin with; https outside the demo"),
    "REFERRAL_DIR_HOST": say("address to listen on; the demo takes loopback only"),
    "PORT": say("port to listen on"),
    "REFERRAL_DIR_TRUSTED_PROXY": say("how many proxies of yours every request passes, like 1 for TLS in front"),
    "REFERRAL_DIR_SMTP_HOST": say("mail server; without one, messages wait in the outbox"),
    "REFERRAL_DIR_SMTP_PORT": say("its port"),
    "REFERRAL_DIR_SMTP_USER": say("its user"),
    "REFERRAL_DIR_SMTP_PASSWORD": say("its password"),
    "REFERRAL_DIR_SMTP_STARTTLS": say("0: send without encryption (a mail server on this machine)"),
    "REFERRAL_DIR_MAIL_FROM": say("sender of e-mails"),
    "REFERRAL_DIR_TEXT_INDEX": say("whoosh, or tantivy for large directories (the extra `large`)"),
    "REFERRAL_DIR_AUDIT_KEY": say("base64 of 32 bytes: signs the heads of the audit chain (Ed25519)"),
    "REFERRAL_DIR_AUDIT_WITNESS": say("e-mail address elsewhere that keeps the signed heads"),
    "REFERRAL_DIR_GEOCODER": say("offline, nominatim, photon or pelias: for public addresses only"),
    "REFERRAL_DIR_GEOCODER_DOMAIN": say("your own server for it"),
    "REFERRAL_DIR_TILES":
        say("your own tile server, like https://tiles.example.org/{z}/{x}/{y}.png: it learns where people look"),
}


@blueprint.get("/settings")
@action("installation:read")
def settings() -> ResponseReturnValue:
    """Every setting with its present value; of a secret only whether it is set."""
    return render_template("administration/settings.html", rows=config.present(edge().settings), origins=ORIGINS,
                           meanings=MEANINGS)


@blueprint.get("/notices")
@action("installation:read")
def notice_list() -> ResponseReturnValue:
    """The versions of the notice, and their translations."""
    return render_template("administration/notices.html", rows=notices.every_notice(), present=notices.VERSION)


@blueprint.get("/notices/<version>/<code>")
@action("installation:read")
def notice(version: str, code: str) -> ResponseReturnValue:
    """One of them, as it is read to people."""
    for found in notices.every_notice():
        if (found.version, found.language) == (version, code):
            return render_template("administration/notice.html", notice=found, present=notices.VERSION)
    return abort(404)
