"""The demo's last month, for `demo` and `serve`: each person's part in a transaction of their own."""

from datetime import datetime

from referral_dir.desk import demo_history
from referral_dir.store.db import Store, transaction


def load_month(store: Store, now: datetime) -> None:
    """Requests of last month, all of them ended; nothing where the demo's officer has a case already."""
    with transaction(store) as session:
        cast = demo_history.cast(session)
    if cast is None:
        return
    with transaction(store, cast.officer) as session:
        if not demo_history.is_new(session, cast):
            return
    for told in demo_history.month(now):
        with transaction(store, cast.officer) as session:
            case_id, handoff_id = demo_history.ask(session, cast, told)
        with transaction(store, cast.provider) as session:
            over = demo_history.answer(session, cast, told, handoff_id)
            demo_history.free_again(session, cast, now)
        with transaction(store, cast.officer) as session:
            demo_history.close(session, cast, case_id, over)
