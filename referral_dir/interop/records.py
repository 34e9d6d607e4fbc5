"""The neutral shape between a source and the store: one record per row, known by its source's own id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from referral_dir.domain.suggest import Suggestion

NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:referral-dir:import")

# In the order in which parents come before children.
TABLES: Final = (
    "organization", "program", "taxonomy", "taxonomy_term", "unit", "service", "location", "service_at_location",
    "address", "contact", "phone", "schedule", "service_area", "language", "accessibility", "required_document",
    "cost_option", "funding", "url", "organization_identifier", "service_capacity", "attribute", "metadata",
)
# Column -> the table it points to.
PARENTS: Final[Mapping[str, str]] = {
    "organization_id": "organization", "program_id": "program", "service_id": "service", "location_id": "location",
    "service_at_location_id": "service_at_location", "contact_id": "contact", "phone_id": "phone",
    "unit_id": "unit", "taxonomy_id": "taxonomy", "taxonomy_term_id": "taxonomy_term",
}


@dataclass(slots=True)
class SourceRecord:
    """A row of a source. `values` hold HSDS columns; parents are the source's ids, as text.

    `needs`, `eligibility` and `secret` are for services only: what HSDS has no table for. `suggested` is what its words
    suggest, once somebody has looked.
    """

    table: str
    foreign_id: str
    values: dict[str, Any]
    where: tuple[str, int]
    extra: dict[str, Any] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    needs: tuple[tuple[str, bool], ...] | None = None
    suggested: tuple[Suggestion, ...] | None = None
    eligibility: tuple[tuple[str, str, str], ...] | None = None
    secret: Mapping[str, Any] | None = None


def identify(source: str, table: str, foreign_id: str) -> UUID:
    """The id of a record: its own where that is a UUID, else one that the same source always gets again."""
    try:
        return UUID(foreign_id)
    except ValueError:
        return uuid5(NAMESPACE, f"{source}\n{table}\n{foreign_id}")
