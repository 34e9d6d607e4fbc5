"""Maps and charts on pages: what templates call, and what the page's policy allows for them."""

from urllib.parse import urlsplit

from flask import Flask, g

from referral_dir.desk.map_tiles import Tile, tiles
from referral_dir.desk.maps import Map, for_answer
from referral_dir.web import charts
from referral_dir.web.auth import edge


def map_tiles(shown: Map) -> tuple[Tile, ...]:
    """The tiles beneath a map, where the deployment names a server of its own: this page alone may load from it."""
    template = edge().settings.tiles
    laid = tiles(shown.frame, template) if template else ()
    if template and laid:
        parts = urlsplit(template)
        g.tile_origin = f"{parts.scheme}://{parts.netloc}"
    return laid


def install(app: Flask) -> None:
    """Make them known to the templates."""
    app.jinja_env.globals.update(map_of=for_answer, map_tiles=map_tiles, chart_width=charts.WIDTH,
                                 chart_bars=charts.bars, chart_stacked=charts.stacked, chart_line=charts.line,
                                 chart_columns=charts.columns)
