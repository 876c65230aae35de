"""Says as JSON what QGIS sees in files: python3 in_qgis.py '{"PICTURE.png": ["FILE", ...], ...}'.

It needs a Python that has QGIS, from 3.22 on. Each file is opened as by a user who drags it into the window; each
picture is drawn of its files, the first one below.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault('QT_QPA_PLATFORM', 'offscreen')
os.environ.setdefault('XDG_RUNTIME_DIR', '/tmp')

from qgis.core import (  # Qt reads the environment as it is imported
    Qgis,
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def raster(layer):
    """Return how a raster is shown."""
    renderer, seen = layer.renderer(), {'bands': layer.bandCount()}
    if renderer.type() == 'paletted':
        seen['classes'] = [
            [each.value, each.label, each.color.name(), each.color.alpha()] for each in renderer.classes()
        ]
    if renderer.type() == 'singlebandpseudocolor':
        items = renderer.shader().rasterShaderFunction().colorRampItemList()
        seen |= {'band': renderer.band(), 'ramp': [[item.value, item.color.name(), item.label] for item in items]}
    return {'renderer': renderer.type(), **seen}


def vector(layer):
    """Return how polygons are shown, and their fields."""
    seen = {'features': layer.featureCount()}
    seen['fields'] = {field.name(): [field.typeName(), field.alias()] for field in layer.fields()}
    renderer = layer.renderer()
    if renderer is None:  # a table
        return seen
    seen['renderer'] = renderer.type()
    if renderer.type() in ('categorizedSymbol', 'graduatedSymbol'):
        seen['attribute'] = renderer.classAttribute()
    if renderer.type() == 'categorizedSymbol':
        seen['classes'] = [[each.value(), each.label(), each.symbol().color().name()] for each in renderer.categories()]
    if renderer.type() == 'graduatedSymbol':
        ranges = [[each.lowerValue(), each.upperValue(), each.symbol().color().name()] for each in renderer.ranges()]
        seen['ranges'] = ranges
    return seen


def draw(layers, picture):
    """Draw layers, the first one below, where the first one lies."""
    settings = QgsMapSettings()
    settings.setLayers(layers[::-1])
    settings.setDestinationCrs(layers[0].crs())
    extent = layers[0].extent()
    settings.setExtent(extent)
    settings.setOutputSize(QSize(512, max(1, round(512 * extent.height() / extent.width()))))
    settings.setBackgroundColor(QColor('white'))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)


def opened(path):
    """Return a file as a layer, and what is seen of it; None where QGIS cannot open it."""
    is_raster = Path(path).suffix.lower() in ('.tif', '.png')
    layer = QgsRasterLayer(path, Path(path).stem) if is_raster else QgsVectorLayer(path, Path(path).stem, 'ogr')
    if not layer.isValid():
        return None, None
    QgsProject.instance().addMapLayer(layer)
    extent = layer.extent()
    bounds = [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()]
    return layer, {**(raster if is_raster else vector)(layer), 'bounds': bounds, 'crs': layer.crs().authid()}


def main():
    """Open the files, print what is seen, and draw them."""
    application = QgsApplication([], False)
    application.initQgis()
    seen = {'version': Qgis.QGIS_VERSION}
    for picture, files in json.loads(sys.argv[1]).items():
        layers = []
        for path in files:
            layer, seen[Path(path).name] = opened(path)
            layers += [] if layer is None else [layer]
        if layers and not layers[0].extent().isEmpty():
            draw(layers, picture)
    print(json.dumps(seen))
    sys.stdout.flush()
    os._exit(0)  # QGIS crashes now and then as it is taken down after Python


if __name__ == '__main__':
    main()
