"""A small invented directory, written through the store."""

from typing import Any
from uuid import UUID, uuid5

from referral_dir.store import Store, reading, transaction
from referral_dir.store.directory import (
    Address,
    Location,
    Organization,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
)
from referral_dir.store.records import service_changed

NAMES = UUID("00000000-0000-4000-8000-000000000000")


class Directory:
    """Writes invented services, each known by its name."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def id(self, name: str) -> UUID:
        return uuid5(NAMES, name)

    def add(self, name: str, *, organization: str = "Paper Lantern (invented)", needs: tuple[str, ...] = (),
            suggested: tuple[str, ...] = (), at: tuple[tuple[float, float], ...] = (), city: str = "",
            near: tuple[str, float, float] | None = None, areas: tuple[dict[str, Any], ...] = (),
            **columns: Any) -> UUID:
        with transaction(self.store) as session:
            owner = self.id("organization " + organization)
            if session.get(Organization, owner) is None:
                session.add(Organization(id=owner, name=organization))
                session.flush()
            service = Service(id=self.id(name), organization_id=owner, name=name, **columns)
            session.add(service)
            session.flush()
            session.add_all(ServiceNeed(service_id=service.id, need=code) for code in needs)
            session.add_all(ServiceNeed(service_id=service.id, need=code, suggested=True) for code in suggested)
            session.add_all(ServiceArea(service_id=service.id, **area) for area in areas)
            places = [Location(latitude=lat, longitude=lon) for lat, lon in at]
            if near:
                places.append(Location(near_name=near[0], near_latitude=near[1], near_longitude=near[2]))
            if city and not places:
                places.append(Location())
            session.add_all(places)
            session.flush()
            for place in places:
                session.add(ServiceAtLocation(service_id=service.id, location_id=place.id))
                session.add(Address(location_id=place.id, city=city))
            service_changed(session, service.id)
            return service.id

    def change(self, service_name: str, **columns: Any) -> None:
        with transaction(self.store) as session:
            service = session.get_one(Service, self.id(service_name))
            for column, value in columns.items():
                setattr(service, column, value)
            service_changed(session, service.id)

    def remove(self, name: str) -> None:
        with transaction(self.store) as session:
            session.delete(session.get_one(Service, self.id(name)))
            service_changed(session, self.id(name))

    def name(self, service_id: UUID) -> str:
        with reading(self.store) as session:
            return session.get_one(Service, service_id).name
