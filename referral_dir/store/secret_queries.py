"""Sealed places: the only functions that touch where a confidential service is. No find path imports this."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from referral_dir.store.directory import Address, Location, Metadata, Phone, SecretLocation, ServiceAtLocation

CHUNK = 2000
_ADDRESS = ("address_1", "address_2", "city", "region", "state_province", "postal_code", "country")


Secret = tuple[Mapping[str, Any] | None, tuple[float, float] | None]


def seal_place(session: Session, service_id: UUID, address: Mapping[str, Any] | None,
               coordinates: tuple[float, float] | None) -> None:
    """Keep an address and coordinates (degrees, WGS 84) sealed, instead of what was sealed before."""
    seal_many(session, {service_id: (address, coordinates)})


def seal_many(session: Session, secrets: Mapping[UUID, Secret]) -> None:
    """As `seal_place`, for many services."""
    keys, ids = session.info["keys"], list(secrets)

    def sealed(value: Any, row_id: UUID, column: str) -> bytes | None:
        return keys.seal(json.dumps(value).encode(), row_id, column) if value else None

    for start in range(0, len(ids), CHUNK):
        chunk = ids[start:start + CHUNK]
        session.execute(delete(SecretLocation).where(SecretLocation.service_id.in_(chunk)))
        session.execute(insert(SecretLocation), [
            {"id": row_id, "service_id": service_id, "address": sealed(secrets[service_id][0], row_id, "address"),
             "coordinates": sealed(secrets[service_id][1], row_id, "coordinates")}
            for service_id in chunk for row_id in [uuid4()]])


def open_place(session: Session, service_id: UUID) -> Secret:
    """The sealed address and coordinates, for their owner only: callers decide who that is."""
    return open_many(session, [service_id]).get(service_id, (None, None))


def open_many(session: Session, service_ids: Sequence[UUID]) -> dict[UUID, Secret]:
    """As `open_place`, for many services."""
    keys, found = session.info["keys"], {}
    for start in range(0, len(service_ids), CHUNK):
        for row in session.execute(select(
                SecretLocation.id, SecretLocation.service_id, SecretLocation.address, SecretLocation.coordinates,
                ).where(SecretLocation.service_id.in_(service_ids[start:start + CHUNK]))):
            address = json.loads(keys.open(row.address, row.id, "address")) if row.address else None
            point = json.loads(keys.open(row.coordinates, row.id, "coordinates")) if row.coordinates else None
            found[row.service_id] = address, (point[0], point[1]) if point else None
    return found


def seal_places(session: Session, service_id: UUID) -> None:
    """Seal where the service is and remove it in the clear: its places that no other service shares.

    A shared place keeps existing for the others; only the link to it goes.
    """
    sites = session.scalars(select(ServiceAtLocation).where(ServiceAtLocation.service_id == service_id)).all()
    location_ids = [site.location_id for site in sites]
    addresses = session.scalars(select(Address).where(Address.location_id.in_(location_ids))).all()
    locations = session.scalars(select(Location).where(Location.id.in_(location_ids))).all()
    point = next(((x.latitude, x.longitude) for x in locations if x.latitude is not None and x.longitude is not None),
                 None)
    address = {f: getattr(addresses[0], f) for f in _ADDRESS} if addresses else None
    if address or point:
        seal_place(session, service_id, address, point)
    site_ids = [site.id for site in sites]
    # A phone or a change history that names the place would give it away.
    session.execute(update(Phone).where(Phone.service_at_location_id.in_(site_ids)).values(
        service_at_location_id=None, location_id=None, service_id=service_id))
    session.execute(delete(ServiceAtLocation).where(ServiceAtLocation.service_id == service_id))
    session.flush()
    shared = set(session.scalars(select(ServiceAtLocation.location_id).where(
        ServiceAtLocation.location_id.in_(location_ids))))
    alone = [location for location in location_ids if location not in shared]
    session.execute(update(Phone).where(Phone.location_id.in_(alone)).values(location_id=None, service_id=service_id))
    gone = alone + [a.id for a in addresses if a.location_id in alone]
    session.execute(delete(Metadata).where(Metadata.resource_id.in_(gone)))
    session.execute(delete(Location).where(Location.id.in_(alone)))
