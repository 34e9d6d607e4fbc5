"""Where the next step of a request is done. Not a blueprint: cases, consent and asking all lead on from here."""

from uuid import UUID

from flask import url_for

from referral_dir.desk.tasks import Task
from referral_dir.domain.task_list import Step


def page_of(task: Task) -> str:
    """The page on which a chosen service's next step is done."""
    case_id, service_id = task.handoff.case_id, task.handoff.service_id
    if task.step is Step.CHECK:
        return url_for("asking.check", case_id=case_id, service_id=service_id)
    if task.step is not Step.SHARE and task.consent is not None:
        return url_for("consent.page", consent_id=task.consent.id)
    return url_for("consent.draft", case_id=case_id, service_id=service_id)


def page_for(tasks: list[Task], case_id: UUID, service_id: UUID) -> str:
    """The next step for this service; the case where it was not chosen, or was asked already."""
    task = next((t for t in tasks if t.handoff.service_id == service_id), None)
    return page_of(task) if task else url_for("officer.case", case_id=case_id)
