"""The public services of a region, for a copy of it: nearest first. A confidential service is none of them."""

import math
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from referral_dir.domain.vocabulary import Place
from referral_dir.store.directory import Location, Service, ServiceArea, ServiceAtLocation

KM_PER_DEGREE = 111.2


def nearest_public(session: Session, place: Place, radius_km: float, today: date, limit: int) -> list[UUID]:
    """Ids of public services with a point within about the radius, nearest first, at most `limit`."""
    latitude = func.coalesce(Location.latitude, Location.near_latitude)
    longitude = func.coalesce(Location.longitude, Location.near_longitude)
    apart = func.abs(longitude - place.longitude)
    # On a globe the far way round is never the shorter one; towards the poles degrees of longitude shrink.
    east = case((apart > 180, 360 - apart), else_=apart) * max(0.01, math.cos(math.radians(place.latitude)))
    north = latitude - place.latitude
    square = func.min(north * north + east * east)
    reach = radius_km / KM_PER_DEGREE
    found = session.execute(
        select(Service.id).join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(*_offered(today), latitude.between(place.latitude - reach, place.latitude + reach))
        .group_by(Service.id).having(square <= reach * reach).order_by(square, Service.id).limit(limit))
    return list(found.scalars())


def far_reaching_public(session: Session, country: str, today: date, limit: int) -> list[UUID]:
    """Ids of public services that work by phone or online, or name the country or a part of it as their area."""
    served = select(ServiceArea.service_id).where(ServiceArea.country == country)
    return list(session.scalars(
        select(Service.id).where(*_offered(today), or_(Service.remote, Service.id.in_(served)),
                                 or_(Service.country == country, Service.country.is_(None)))
        .order_by(Service.id).limit(limit)))


def descriptions(session: Session, ids: list[UUID], most: int) -> dict[UUID, str]:
    """The beginnings of what services say of themselves, of so many characters."""
    found = session.execute(select(Service.id, func.substr(Service.description, 1, most)).where(Service.id.in_(ids)))
    return {service_id: text for service_id, text in found if text}


def _offered(today: date) -> tuple[ColumnElement[bool], ...]:
    return (Service.status == "active", ~Service.confidential,
            or_(Service.offered_until.is_(None), Service.offered_until >= today))
