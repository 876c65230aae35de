"""How QGIS and GDAL show what is written here: styles, names of values, and titles of columns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyogrio

from mmseg_aux_hrnet.classes import Classes, Colour, class_colours

STYLE = '.qml'  # in the place of the suffix of a file: QGIS looks for it when the file is opened
TITLES = {'class_id': 'number of the class', 'class_name': 'class', 'pixels': 'pixels', 'area_m2': 'area (m²)'}
# viridis of matplotlib, which the colour-blind read too, from probability 0 to 1
RAMP = ('#440154', '#3b528b', '#21918c', '#5ec962', '#fde725')
GEOPACKAGE = {'VERSION': '1.3'}  # GDAL 3.6, that of Debian 12, warns of later ones
STYLES_LAYER = 'layer_styles'  # the table of a GeoPackage in which QGIS looks for them
# YlOrRd of ColorBrewer from yellow to dark red, clearer where a pixel is sure: the image shows through
DOUBT = (('#ffffb2', 0), ('#fecc5c', 90), ('#fd8d3c', 160), ('#f03b20', 220), ('#bd0026', 255))
STEPS = 5  # of percent
# Of a table of attributes (GDALRATFieldUsage): a single value, its name, and red, green, blue, opacity.
USAGES = (('value', 0, 5), ('class', 2, 2), ('red', 0, 6), ('green', 0, 7), ('blue', 0, 8), ('alpha', 0, 9))


def class_style(legend: Classes, *, chosen: Iterable[int] | None = None) -> bytes:
    """Return the style of a class map, in which the background is not drawn, and of its polygons.

    One document serves both, since QGIS looks for one file for ``a.tif`` and ``a.geojson``.

    Args:
        legend: of the map.
        chosen: the classes with polygons; None for all.
    """
    colours = class_colours(legend)
    entries = [
        f'<paletteEntry value="{value}" color="#{bytes(colour).hex()}" alpha="{255 * (value != legend.background)}" '
        f'label={_quoted(name)}/>'
        for value, (name, colour) in enumerate(zip(legend.names, colours, strict=True))
    ]
    numbers = range(len(colours)) if chosen is None else sorted(chosen)
    categories = [
        f'<category symbol="{place}" value={_quoted(legend.names[value])} type="string" '
        f'label={_quoted(legend.names[value])} render="true"/>'
        for place, value in enumerate(numbers)
    ]
    return _document(
        f'<pipe><rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">'
        f'<rasterTransparency/><colorPalette>{"".join(entries)}</colorPalette></rasterrenderer></pipe>',
        '<renderer-v2 type="categorizedSymbol" attr="class_name" symbollevels="0" enableorderby="0" forceraster="0">'
        f'<categories>{"".join(categories)}</categories>{_symbols([colours[value] for value in numbers])}'
        '</renderer-v2>',
        _aliases(TITLES),
    )


def ramp_style(band: int) -> bytes:
    """Return the style of a raster of probabilities that shows one band as a ramp from 0 to 1."""
    return _ramp(band, [(colour, 255) for colour in RAMP])


def uncertainty_style() -> bytes:
    """Return the style of an uncertainty map: the surer a pixel, the more of what lies below shows through."""
    return _ramp(1, DOUBT)


def _ramp(band: int, colours: Sequence[tuple[str, int]]) -> bytes:
    """Return the style of a band of 0 to 1 in colours, each with its opacity of 0 to 255."""
    last = len(colours) - 1
    items = [
        f'<item value="{place / last:g}" color="{colour}" alpha="{opacity}" label="{100 * place // last} %"/>'
        for place, (colour, opacity) in enumerate(colours)
    ]
    return _document(
        f'<pipe><rasterrenderer type="singlebandpseudocolor" band="{band}" opacity="1" alphaBand="-1" nodataColor="" '
        'classificationMin="0" classificationMax="1"><rasterTransparency/><rastershader><colorrampshader '
        'colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="0" maximumValue="1">'
        f'{"".join(items)}</colorrampshader></rastershader></rasterrenderer></pipe>'
    )


def percent_style(column: str, colour: Colour, *, titles: Mapping[str, str]) -> bytes:
    """Return the style of polygons by a column of percent, from white to a colour; those without a number are bare.

    Args:
        column: with numbers of 0 to 100.
        colour: of 100.
        titles: of columns.
    """
    edges = [100 * step / STEPS for step in range(STEPS + 1)]
    ranges = [
        # A share of all may be a little more than 100 by rounding.
        f'<range symbol="{step}" lower="{edges[step]:g}" upper="{edges[step + 1] + (step == STEPS - 1) * 1e-6:.6f}" '
        f'label="{edges[step]:g} - {edges[step + 1]:g} %" render="true"/>'
        for step in range(STEPS)
    ]
    shares = (np.arange(STEPS) + 0.5) / STEPS
    tints = [tuple(round(255 + share * (part - 255)) for part in colour) for share in shares]
    return _document(
        f'<renderer-v2 type="graduatedSymbol" attr={_quoted(column)} '
        'graduatedMethod="GraduatedColor" symbollevels="0" enableorderby="0" forceraster="0">'
        f'<ranges>{"".join(ranges)}</ranges>{_symbols(tints)}</renderer-v2>',
        _aliases(titles),
    )


def category_names(legend: Classes) -> bytes:
    """Return what GDAL reads beside a GeoTIFF (``NAME.tif.aux.xml``): names and colours of the values of a class map.

    A GeoTIFF has no place of its own for them.
    """
    fields = [
        f'<FieldDefn index="{place}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>'
        for place, (name, kind, usage) in enumerate(USAGES)
    ]
    rows = []
    for value, (name, colour) in enumerate(zip(legend.names, class_colours(legend), strict=True)):
        cells = (value, _plain(name), *colour, 255 * (value != legend.background))
        rows.append(f'<Row index="{value}">{"".join(f"<F>{cell}</F>" for cell in cells)}</Row>')
    names = ''.join(f'<Category>{_plain(name)}</Category>' for name in legend.names)
    return (
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames>'
        f'<GDALRasterAttributeTable tableType="thematic">{"".join((*fields, *rows))}</GDALRasterAttributeTable>'
        '</PAMRasterBand></PAMDataset>\n'
    ).encode()


def category_style(column: str, colours: Mapping[str, Colour], *, titles: Mapping[str, str]) -> bytes:
    """Return the style of polygons by a column of names.

    Args:
        column: with the names.
        colours: of each name.
        titles: of columns.
    """
    categories = [
        f'<category symbol="{place}" value={_quoted(name)} type="string" label={_quoted(name)} render="true"/>'
        for place, name in enumerate(colours)
    ]
    return _document(
        f'<renderer-v2 type="categorizedSymbol" attr={_quoted(column)} symbollevels="0" enableorderby="0" '
        f'forceraster="0"><categories>{"".join(categories)}</categories>{_symbols(list(colours.values()))}'
        '</renderer-v2>',
        _aliases(titles),
    )


def outline_style(colour: Colour, *, titles: Mapping[str, str]) -> bytes:
    """Return the style of polygons that are drawn as outlines, so that the image inside them is seen."""
    return _document(
        '<renderer-v2 type="singleSymbol" symbollevels="0" enableorderby="0" forceraster="0">'
        f'{_symbols([colour], hollow=True)}</renderer-v2>',
        _aliases(titles),
    )


def add_style(path: Path, style: bytes, *, moment: np.datetime64 | None = None) -> None:
    """Put a style into the first layer of a GeoPackage where QGIS looks for it, as what is shown at first.

    Args:
        path: of the GeoPackage.
        style: of QGIS.
        moment: when it was made; now where None.
    """
    layer = str(pyogrio.list_layers(path)[0][0])
    geometry = pyogrio.read_info(path, layer=layer)['geometry_name']
    texts = {
        'f_table_catalog': '', 'f_table_schema': '', 'f_table_name': layer, 'f_geometry_column': geometry,
        'styleName': layer, 'styleQML': style.decode(), 'styleSLD': '', 'description': '', 'owner': '', 'ui': '',
    }  # fmt: skip
    columns = {name: np.array([text], object) for name, text in texts.items()}
    columns |= {
        'useAsDefault': np.array([True]),
        'update_time': np.array([np.datetime64('now', 'ms') if moment is None else moment]),
    }
    pyogrio.raw.write(
        path, None, field_data=list(columns.values()), fields=list(columns), layer=STYLES_LAYER, driver='GPKG',
        geometry_type=None, crs=None,
    )  # fmt: skip


def _document(*parts: str) -> bytes:
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return f'{head}<qgis version="3.22.0" styleCategories="Symbology|Fields">{"".join(parts)}</qgis>\n'.encode()


def _symbols(colours: Sequence[Sequence[int]], *, hollow: bool = False) -> str:
    symbols = []
    for place, colour in enumerate(colours):
        fill, edge = (','.join(map(str, (*parts, 255))) for parts in (colour, [part // 2 for part in colour]))
        options = {'color': fill, 'style': 'solid', 'outline_color': edge, 'outline_style': 'solid'}
        options |= {'outline_width': '0.1', 'outline_width_unit': 'MM'}
        options |= {'style': 'no', 'outline_color': fill, 'outline_width': '0.6'} if hollow else {}
        inner = ''.join(f'<Option name="{name}" type="QString" value="{value}"/>' for name, value in options.items())
        symbols.append(
            f'<symbol type="fill" name="{place}" alpha="1" clip_to_extent="1" force_rhr="0"><layer class="SimpleFill" '
            f'enabled="1" locked="0" pass="0"><Option type="Map">{inner}</Option></layer></symbol>'
        )
    return f'<symbols>{"".join(symbols)}</symbols>'


def _aliases(titles: Mapping[str, str]) -> str:
    aliases = [f'<alias field={_quoted(name)} name={_quoted(title)}/>' for name, title in titles.items()]
    return f'<aliases>{"".join(aliases)}</aliases>'


def _plain(text: str) -> str:
    """Return text for XML, which has no control characters at all."""
    return escape(re.sub('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '\ufffd', text))


def _quoted(text: str) -> str:
    return quoteattr(re.sub('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '\ufffd', text))
