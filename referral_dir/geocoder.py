"""The gazetteer as a geopy Geocoder, and geopy's own ones at a server that somebody runs.

Nothing is asked of another host by default. `public_geocoder` serves public addresses only: it refuses a
confidential one before anything is sent.
"""

from dataclasses import dataclass
from typing import Any
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener

from geopy.adapters import URLLibAdapter
from geopy.geocoders import Nominatim, Pelias, Photon
from geopy.geocoders.base import Geocoder
from geopy.location import Location

from referral_dir.domain.vocabulary import Place
from referral_dir.geo import AmbiguousPlace, UnknownPlace, nearest_place, place_label, resolve_place


class Gazetteer(Geocoder):  # type: ignore[misc]
    """The gazetteer as geopy knows geocoders: `geocode` and `reverse` answer with Locations, offline."""

    def geocode(self, query: str, *, exactly_one: bool = True, timeout: object = None) -> Any:
        """A Location, or with exactly_one=False a list of them; None where nothing is known."""
        try:
            places: tuple[Place, ...] = (resolve_place(query),)
        except AmbiguousPlace as error:
            places = error.choices
        except UnknownPlace:
            return None
        locations = [_location(place) for place in places]
        return locations[0] if exactly_one else locations

    def reverse(self, query: Any, *, exactly_one: bool = True, timeout: object = None) -> Any:
        """The populated place nearest to a point."""
        point = self._coerce_point_to_string(query).split(",")
        location = _location(nearest_place(float(point[0]), float(point[1])))
        return location if exactly_one else [location]


class _NoRedirects(HTTPRedirectHandler):
    """Nobody who answers for the own server sends an address on to another host: a redirect is of no use."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """None: not followed."""


class DirectAdapter(URLLibAdapter):  # type: ignore[misc]
    """geopy's own way to ask, without redirects."""

    def __init__(self, *, proxies: Any, ssl_context: Any) -> None:
        super().__init__(proxies=proxies, ssl_context=ssl_context)
        self.urlopen = build_opener(HTTPSHandler(context=ssl_context), ProxyHandler(proxies), _NoRedirects()).open


def public_geocoder(kind: str, domain: str) -> "PublicGeocoder":
    """geopy's Nominatim, Photon or Pelias at an own server. Raises ValueError for another kind."""
    scheme, _, host = domain.rpartition("://")
    options = {"domain": host, "scheme": scheme or "https", "user_agent": "referral-dir",
               "adapter_factory": DirectAdapter}
    makers = {"nominatim": Nominatim, "photon": Photon, "pelias": Pelias}
    if kind not in makers:
        raise ValueError("the geocoder is one of offline, " + ", ".join(makers))
    return PublicGeocoder(makers[kind](**options))


@dataclass(frozen=True, slots=True)
class PublicGeocoder:
    """A geocoder that somebody runs. It is asked for public addresses only."""

    geocoder: Any

    def geocode(self, address: str, *, confidential: bool) -> Any:
        """A Location or None. Raises ValueError before anything is sent where the address is confidential."""
        if confidential:
            raise ValueError("a confidential address never leaves this machine")
        return self.geocoder.geocode(address, exactly_one=True)


def _location(place: Place) -> Location:
    return Location(place_label(place), (place.latitude, place.longitude), {"place": place})
