"""What the public pages find: services that anyone may know of, by need and place. Hidden ones are in no query here."""

import math
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from referral_dir.store.directory import Location, Service, ServiceAtLocation, ServiceNeed

KM_PER_DEGREE = 111.2


def _offering(needs: Collection[str]) -> Select[Any]:
    """Ids of what anyone may know of and that meets one of the needs."""
    return (select(Service.id).join(ServiceNeed, ServiceNeed.service_id == Service.id)
            .where(Service.status == "active", Service.confidential.is_(False), ServiceNeed.need.in_(needs)))


def near(session: Session, needs: Collection[str], latitude: float, longitude: float, km: float,
         limit: int) -> list[UUID]:
    """Those within about so many kilometres, the nearest first; the true distances are the caller's to measure."""
    lat = func.coalesce(Location.latitude, Location.near_latitude)
    lon = func.coalesce(Location.longitude, Location.near_longitude)
    tall = km / KM_PER_DEGREE
    scale = max(math.cos(math.radians(latitude)), 0.01)
    wide = tall / scale
    apart = (lat - latitude) * (lat - latitude) + (lon - longitude) * (lon - longitude) * scale * scale
    query = (_offering(needs).join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
             .join(Location, Location.id == ServiceAtLocation.location_id)
             .where(lat.between(latitude - tall, latitude + tall)))
    if longitude - wide > -180 and longitude + wide < 180:
        query = query.where(lon.between(longitude - wide, longitude + wide))
    return list(session.scalars(query.group_by(Service.id).order_by(func.min(apart), Service.id).limit(limit)))


def remote(session: Session, needs: Collection[str], country: str | None, limit: int) -> list[UUID]:
    """Those that help by phone or online, in this country or in any."""
    query = _offering(needs).where(Service.remote)
    if country:
        query = query.where(or_(Service.country == country, Service.country.is_(None)))
    return list(session.scalars(query.group_by(Service.id).order_by(Service.id).limit(limit)))


def anywhere(session: Session, needs: Collection[str], limit: int) -> list[UUID]:
    """Some of them, wherever they are."""
    return list(session.scalars(_offering(needs).group_by(Service.id).order_by(Service.id).limit(limit)))


def descriptions(session: Session, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What they do, in their own words."""
    rows = session.execute(select(Service.id, Service.description)
                           .where(Service.id.in_(ids), Service.confidential.is_(False)))
    return {service_id: text or "" for service_id, text in rows}
