"""Small files of every format, as annotation programs write them, read and painted."""

import base64
import importlib.util
import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mmseg_aux_hrnet.errors import AuxHRNetError, DataError
from mmseg_aux_hrnet.labelling.annotated_image import settle_kinds
from mmseg_aux_hrnet.labelling.annotations import match_images, read_annotations
from mmseg_aux_hrnet.labelling.image_tiles import paint

INDICES = {'tree': 1, 'roof': 2}
HEIGHT, WIDTH = 6, 8
# Two polygons and a mask, of which the second lies over the first.
EXPECTED = np.array(
    [
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 2, 2, 2, 0, 0, 0],
        [1, 1, 2, 2, 2, 0, 0, 0],
        [0, 0, 2, 2, 2, 0, 2, 2],
        [0, 0, 0, 0, 0, 0, 0, 2],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ],
    np.uint8,
)
TREE, ROOF = [0, 0, 4, 0, 4, 3, 0, 3], [2, 1, 5, 1, 5, 4, 2, 4]
MASK = np.zeros((HEIGHT, WIDTH), bool)
MASK[3, 6:], MASK[4, 7] = True, True
RUNS = [39, 1, 5, 2, 1]  # down the columns


def pairs(values):
    return list(zip(values[::2], values[1::2], strict=True))


def coco(**changes):
    annotations = [
        {'id': 1, 'image_id': 5, 'category_id': 3, 'segmentation': [TREE], 'iscrowd': 0},
        {'id': 2, 'image_id': 5, 'category_id': 9, 'segmentation': [ROOF], 'bbox': [2, 1, 3, 3]},
        {'id': 3, 'image_id': 5, 'category_id': 9, 'segmentation': {'size': [HEIGHT, WIDTH], 'counts': RUNS}},
    ]
    content = {
        'info': {},
        'images': [{'id': 5, 'file_name': 'a.png', 'height': HEIGHT, 'width': WIDTH}, {'id': 6, 'file_name': 'b.png'}],
        'categories': [{'id': 3, 'name': 'tree'}, {'id': 9, 'name': 'roof'}],
        'annotations': annotations,
    }
    return {**content, **changes}


def write_coco(folder):
    (folder / 'instances.json').write_text(json.dumps(coco()))


def write_labelme(folder):
    png = BytesIO()
    Image.fromarray(MASK[3:5, 6:]).save(png, format='PNG')
    mask = base64.b64encode(png.getvalue()).decode()
    shapes = [
        {'label': 'tree', 'points': pairs(TREE), 'shape_type': 'polygon', 'group_id': None, 'flags': {}},
        {'label': 'roof', 'points': pairs(ROOF)},  # without shape_type, as old versions wrote it
        {'label': 'roof', 'points': [[6, 3], [7, 4]], 'shape_type': 'mask', 'mask': mask},
    ]
    said = {
        'version': '5.5.0',
        'imagePath': '..\\images\\a.png',
        'imageData': None,
        'imageHeight': HEIGHT,
        'imageWidth': WIDTH,
    }
    (folder / 'a.json').write_text(json.dumps({**said, 'shapes': shapes}))
    (folder / 'b.json').write_text(json.dumps({'shapes': [], 'imagePath': 'b.png'}))


CVAT = f"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><labels><label><name>tree</name></label></labels></task></meta>
  <image id="0" name="a.png" width="{WIDTH}" height="{HEIGHT}">
    <polygon label="roof" source="manual" occluded="0" points="2.00,1.00;5.00,1.00;5.00,4.00;2.00,4.00" z_order="1">
      <attribute name="height">3</attribute>
    </polygon>
    <mask label="roof" source="manual" occluded="0" rle="0, 2, 1, 1" left="6" top="3" width="2" height="2" z_order="0"/>
    <polygon label="tree" source="manual" occluded="0" points="0.00,0.00;4.00,0.00;4.00,3.00;0.00,3.00" z_order="0"/>
  </image>
  <image id="1" name="b.png" width="{WIDTH}" height="{HEIGHT}"/>
</annotations>
"""


def write_cvat(folder):
    (folder / 'annotations.xml').write_text(CVAT)


def write_yolo(folder):
    """YOLO has no masks: that of the others is a polygon."""
    corner = [6, 3, 8, 3, 8, 5, 7, 5, 7, 4, 6, 4]
    lines = []
    for index, values in ((0, TREE), (1, ROOF), (1, corner)):
        shares = [value / (HEIGHT if place % 2 else WIDTH) for place, value in enumerate(values)]
        lines.append(' '.join([str(index), *(f'{share:.6f}' for share in shares)]))
    (folder / 'labels').mkdir()
    (folder / 'labels/a.txt').write_text('\n'.join(lines))
    (folder / 'labels/b.txt').touch()
    (folder / 'data.yaml').write_text('path: .\ntrain: images\nnames:\n  0: tree\n  1: roof\n')
    (folder / 'README.roboflow.txt').write_text('Exported')


def write_images(folder, *names, size=(WIDTH, HEIGHT)):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size).save(folder / name)


@pytest.mark.parametrize('write', [write_coco, write_labelme, write_cvat, write_yolo])
def test_every_format_gives_the_same_label(write, tmp_path):
    notes = tmp_path / 'notes'
    notes.mkdir()
    write(notes)
    (notes / 'a.png.aux.xml').write_text('<PAMDataset/>')  # of GDAL, once QGIS has opened an image
    write_images(tmp_path / 'images', 'a.png', 'b.png', 'c.png')
    settled, said = settle_kinds(read_annotations([notes]), fill_boxes=False, ignore=())
    matched, missing = match_images(settled, tmp_path / 'images')
    assert (list(matched), missing, said) == (['a.png', 'b.png', 'c.png'], [], [])
    assert matched['b.png'].annotations == () and matched['c.png'] is None
    label = paint(matched['a.png'], shape=(HEIGHT, WIDTH), indices=INDICES, uncovered=0)
    assert np.array_equal(label, EXPECTED)


def read(tmp_path, content, name='notes.json'):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_annotations([path])


def annotation(**changes):
    return {'id': 7, 'image_id': 5, 'category_id': 3, 'segmentation': [TREE], **changes}


@pytest.mark.parametrize(
    ('changes', 'kind'),
    [
        ({}, 'area'),
        ({'iscrowd': 1}, 'crowd'),
        ({'segmentation': [], 'bbox': [0, 0, 2, 2]}, 'box'),
        ({'segmentation': None, 'bbox': [0, 0, 2, 2], 'keypoints': [1, 1, 2]}, 'keypoints'),
        ({'segmentation': [[1, 1, 2, 2]]}, 'empty'),
        ({'segmentation': []}, 'empty'),
        ({'segmentation': {'size': [HEIGHT, WIDTH], 'counts': RUNS}, 'iscrowd': 1}, 'crowd'),
    ],
)
def test_kinds_of_coco(tmp_path, changes, kind):
    first, _ = read(tmp_path, coco(annotations=[annotation(**changes)]))
    assert [one.kind for one in first.annotations] == [kind]


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'annotations': [annotation(category_id=8)] * 3}, r'no entry has the category_id 8 \(3 annotations\)'),
        ({'annotations': [annotation(image_id=1)]}, r'no entry has the image_id 1 \(1 annotation\)'),
        (
            {'annotations': [annotation(segmentation=[[1, 2, 3]])]},
            'annotation 7: a polygon must be one list',
        ),
        ({'annotations': [annotation(segmentation=[[[1, 2], [3, 4], [5, 6]]])]}, 'a polygon must be one list'),
        ({'annotations': [annotation(segmentation={'size': [5, 5], 'counts': []})]}, r'the mask has the size \(5, 5\)'),
        ({'annotations': [annotation(segmentation={'size': [5]})]}, 'annotation 7: '),
        ({'annotations': [annotation(bbox=[1, 2], segmentation=[])]}, 'annotation 7: '),
        ({'annotations': [{'segments_info': []}]}, 'COCO panoptic'),
        ({'annotations': [{'id': 7}]}, '"image_id" is missing'),
        ({'annotations': 5}, 'annotations: '),
        ({'images': [{'id': 5, 'file_name': 'a.png'}] * 2}, 'its id 5 is also that of a.png'),
        ({'images': [{'id': 5}], 'annotations': []}, 'image 5: "file_name" is missing'),
        ({'categories': [{'id': 3}]}, 'categories: "name" is missing'),
    ],
)
def test_faults_of_coco_are_named(tmp_path, changes, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, coco(**changes))


def test_runs_that_are_too_few_are_named_when_they_are_painted(tmp_path):
    first, _ = read(tmp_path, coco(annotations=[annotation(segmentation={'size': [6, 8], 'counts': [3, 4]})]))
    with pytest.raises(DataError, match='mask of tree in a.png: run lengths add up to 7 pixels'):
        paint(first, shape=(HEIGHT, WIDTH), indices=INDICES, uncovered=0)


def test_compressed_masks_need_an_extra(tmp_path, monkeypatch):
    monkeypatch.setattr('mmseg_aux_hrnet.labelling.coco.find_spec', lambda name: None)
    content = coco(annotations=[annotation(segmentation={'size': [6, 8], 'counts': 'abc'})])
    with pytest.raises(AuxHRNetError, match=r'need pycocotools: pip install "mmseg-aux-hrnet\[labels\]"'):
        read(tmp_path, content)


@pytest.mark.skipif(importlib.util.find_spec('pycocotools') is None, reason='needs the extra labels')
class TestBesidePycocotools:
    def test_compressed_masks_are_unpacked(self, tmp_path):
        from pycocotools import mask

        packed = mask.encode(np.asfortranarray(MASK, np.uint8))
        said = {'size': packed['size'], 'counts': packed['counts'].decode()}
        first, _ = read(tmp_path, coco(annotations=[annotation(segmentation=said)]))
        assert np.array_equal(first.annotations[0].patch().mask, MASK)

    @pytest.mark.parametrize('counts', ['', '1', 'zzzz', '\x00\x01', 'PP' * 99])
    def test_compressed_masks_that_are_damaged_are_refused(self, tmp_path, counts):
        first, _ = read(tmp_path, coco(annotations=[annotation(segmentation={'size': [6, 8], 'counts': counts})]))
        with pytest.raises(DataError, match='mask of tree in a.png'):
            paint(first, shape=(HEIGHT, WIDTH), indices=INDICES, uncovered=0)

    @pytest.mark.parametrize('seed', range(5))
    def test_polygons_differ_by_half_a_pixel_at_most(self, tmp_path, seed):
        """pycocotools rounds corners to fifths of a pixel and walks along the edges: only pixels there may differ."""
        import shapely
        from pycocotools import mask

        rng = np.random.default_rng(seed)
        angles = np.sort(rng.uniform(0, 2 * np.pi, 8))
        ring = 32 + rng.uniform(6, 28, 8)[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
        polygon = ring.ravel().tolist()
        size = {'height': 64, 'width': 64}
        content = coco(
            images=[{'id': 5, 'file_name': 'a.png', **size}], annotations=[annotation(segmentation=[polygon])]
        )
        ours = paint(read(tmp_path, content)[0], shape=(64, 64), indices=INDICES, uncovered=0)
        theirs = mask.decode(mask.merge(mask.frPyObjects([polygon], 64, 64)))
        rows, columns = np.nonzero(ours != theirs)
        edge = shapely.Polygon(ring).exterior
        assert shapely.distance(edge, shapely.points(columns + 0.5, rows + 0.5)).max(initial=0) <= 0.5
        assert len(rows) < 0.1 * edge.length


@pytest.mark.parametrize(
    ('entry', 'kind', 'area'),
    [
        ({'shape_type': 'rectangle', 'points': [[5, 4], [1, 2]]}, 'box', 8),
        ({'shape_type': 'rotation', 'points': pairs(ROOF)}, 'box', 9),
        ({'shape_type': 'circle', 'points': [[4, 3], [6, 3]]}, 'area', 4 * np.pi),
        ({'shape_type': 'circle', 'points': [[4, 3], [4, 3]]}, 'empty', 0),
        ({'shape_type': 'linestrip', 'points': [[4, 3], [4, 3]]}, 'linestrip', 0),
        ({'shape_type': 'point', 'points': [[4, 3]]}, 'point', 0),
    ],
)
def test_kinds_of_labelme(tmp_path, entry, kind, area):
    (found,) = read(tmp_path, {'imagePath': 'a.png', 'shapes': [{'label': 'tree', **entry}]})
    (shape,) = found.annotations
    assert shape.kind == kind
    assert (shape.outline.area if shape.outline else 0) == pytest.approx(area, rel=1e-3)


@pytest.mark.parametrize(
    ('shape', 'said'),
    [
        ({'points': []}, 'shape 1: "label" is missing'),
        ({'label': 'tree', 'points': [[1, 2, 3]] * 3}, 'shape 1: points must be pairs'),
        ({'label': 'tree', 'points': [], 'shape_type': 'blob'}, "shape 1: shape_type 'blob' is not known"),
        ({'label': 'tree', 'points': [[1, 2]], 'shape_type': 'circle'}, 'shape 1: '),
        ('tree', 'shape 1: '),
    ],
)
def test_faults_of_labelme_are_named(tmp_path, shape, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, {'imagePath': 'a.png', 'shapes': [shape]})


def test_a_damaged_mask_of_labelme_is_named(tmp_path):
    shape = {'label': 'tree', 'points': [[0, 0], [1, 1]], 'shape_type': 'mask', 'mask': 'AAAA'}
    (found,) = read(tmp_path, {'imagePath': 'a.png', 'shapes': [shape]})
    with pytest.raises(DataError, match='mask of tree in a.png'):
        paint(found, shape=(HEIGHT, WIDTH), indices=INDICES, uncovered=0)


def cvat(inner):
    return f'<annotations><image id="0" name="a.png" width="8" height="6">{inner}</image></annotations>'


@pytest.mark.parametrize(
    ('inner', 'kind', 'bounds'),
    [
        ('<box label="tree" xtl="1" ytl="2" xbr="5" ybr="4"/>', 'box', (1, 2, 5, 4)),
        ('<box label="tree" xtl="1" ytl="2" xbr="5" ybr="4" rotation="90"/>', 'box', (2, 1, 4, 5)),
        ('<ellipse label="tree" cx="4" cy="3" rx="3" ry="1" rotation="90"/>', 'area', (3, 0, 5, 6)),
        ('<polyline label="tree" points="1,1;2,2"/>', 'polyline', None),
        ('<points label="tree" points="1,1"/>', 'points', None),
        ('<skeleton label="tree"><points label="a" points="1,1"/></skeleton>', 'skeleton', None),
        ('<cuboid label="tree" xtl1="1"/>', 'cuboid', None),
        ('<tag label="tree"/>', 'tag', None),
    ],
)
def test_kinds_of_cvat(tmp_path, inner, kind, bounds):
    (found,) = read(tmp_path, cvat(inner), name='notes.xml')
    (shape,) = found.annotations
    assert shape.kind == kind
    assert bounds is None or shape.outline.bounds == pytest.approx(bounds)


def test_cvat_turns_clockwise(tmp_path):
    (found,) = read(tmp_path, cvat('<box label="a" xtl="1" ytl="2" xbr="5" ybr="4" rotation="30"/>'), name='notes.xml')
    ring = np.array(found.annotations[0].outline.geoms[0].exterior.coords)
    half = np.hypot(2, 1)
    angle = np.arctan2(-1, -2) + np.pi / 6  # of the upper left corner, with y downwards
    corner = np.array((3, 3)) + half * np.array((np.cos(angle), np.sin(angle)))
    assert np.abs(ring - corner).max(axis=1).min() < 1e-9
    assert corner[1] < 2  # turned upwards


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('<annotations', 'is not XML'),
        ('<annotation><object/></annotation>', 'PASCAL VOC, which has only boxes'),
        ('<annotations><track id="0"/></annotations>', 'CVAT for video'),
        ('<kml/>', 'XML of <kml>'),
        (cvat('<polygon label="tree"/>'), 'image a.png: "points" is missing'),
        (cvat('<polygon label="tree" points="1,1;2,x;3,3"/>'), "image a.png: could not convert string to float: 'x'"),
        (cvat('<blob label="tree"/>'), '<blob> is not known'),
        ('<annotations><image name="a.png" width="8"/></annotations>', '"height" is missing'),
    ],
)
def test_faults_of_cvat_are_named(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, text, name='notes.xml')


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('0 0.1 0.1 0.2 0.2 0.3', 'a.txt line 1: 5 values after the class'),
        ('0 0.1 0.1', 'line 1: 2 values'),
        ('0 1 1 30 30 1 30', 'line 1: 30 is not a share of the image'),
        ('tree 0.1 0.1 0.2 0.2 0.3 0.1', 'line 1: invalid literal'),
        ('0 0.1 nan 0.2 0.2 0.3 0.1', 'line 1: nan is not a share'),
        ('2 0.1 0.1 0.2 0.2 0.3 0.1\n' * 2, r'no name for class 2 \(2 annotations\)'),
    ],
)
def test_faults_of_yolo_are_named(tmp_path, line, said):
    (tmp_path / 'classes.txt').write_text('tree\nroof\n')
    with pytest.raises(DataError, match=said):
        read(tmp_path, line, name='a.txt')


def test_yolo_boxes_names_and_keypoints(tmp_path):
    (tmp_path / 'classes.txt').write_text('tree\n\nroof\n')
    (found,) = read(tmp_path, '1 0.5 0.5 0.5 0.25', name='labels/a.txt')
    (shape,) = found.annotations
    assert (shape.name, shape.kind, shape.outline.bounds) == ('roof', 'box', (0.25, 0.375, 0.75, 0.625))
    (found,) = read(tmp_path, '0 0.5 0.5 0.5 0.25', name='labels/train/a.txt')  # names two folders above
    assert found.annotations[0].name == 'tree'
    (tmp_path / 'data.yaml').write_text('names: [tree]\nkpt_shape: [3, 2]\n')
    with pytest.raises(DataError, match='keypoints'):
        read(tmp_path, '0 0.5 0.5 0.5 0.25', name='labels/a.txt')
    (tmp_path / 'data.yaml').write_text('names: {')
    with pytest.raises(DataError, match='is not YAML'):
        read(tmp_path, '0 0.5 0.5 0.5 0.25', name='labels/a.txt')


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('{', 'is not JSON'),
        ('[]', 'is JSON with a list, neither COCO'),
        ('{"type": "FeatureCollection", "features": []}', 'entries type, features, neither COCO instances nor labelme'),
        (b'\xff\xfe\x00', 'is not JSON'),
    ],
)
def test_json_that_is_none_of_these_is_refused(tmp_path, content, said):
    (tmp_path / 'a.json').write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=said):
        read_annotations([tmp_path / 'a.json'])


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match='does not exist'):
        read_annotations([tmp_path / 'gone'])
    with pytest.raises(DataError, match='holds no annotations: it needs'):
        read_annotations([tmp_path])
    (tmp_path / 'a.json').write_text(json.dumps({'shapes': [], 'imagePath': 'a.png'}))
    with pytest.raises(DataError, match='holds no image: it needs'):
        match_images(read_annotations([tmp_path]), tmp_path)
    write_images(tmp_path, 'b.png')
    with pytest.raises(DataError, match=r'none of the 1 annotated images is in .*, such as a.png'):
        match_images(read_annotations([tmp_path]), tmp_path)


def labelme(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{name}.json').write_text(json.dumps({'shapes': [], 'imagePath': f'{name}.png'}))


def test_folders_tell_images_of_one_name_apart(tmp_path):
    write_images(tmp_path / 'images', 'x/a.png', 'y/a.png', 'y/b.png')
    labelme(tmp_path / 'notes/y', 'a')
    matched, missing = match_images(read_annotations([tmp_path / 'notes']), tmp_path / 'images')
    assert [name for name, image in matched.items() if image] == ['y/a.png']
    labelme(tmp_path / 'notes', 'b')
    labelme(tmp_path / 'notes', 'c')
    matched, missing = match_images(read_annotations([tmp_path / 'notes']), tmp_path / 'images')
    assert [name for name, image in matched.items() if image] == ['y/a.png', 'y/b.png']
    assert missing == ['c.png']
    labelme(tmp_path / 'notes', 'a')
    with pytest.raises(DataError, match=r'a.png may be x/a.png or y/a.png'):
        match_images(read_annotations([tmp_path / 'notes']), tmp_path / 'images')


def test_an_image_may_be_annotated_once_only(tmp_path):
    write_images(tmp_path / 'images', 'a.png', 'b.png')
    write_coco(tmp_path)
    labelme(tmp_path, 'b')
    with pytest.raises(DataError, match=r'image b.png is annotated twice, in .*b.json as b.png, and .*instances.json'):
        match_images(read_annotations([tmp_path]), tmp_path / 'images')
    write_images(tmp_path / 'images', 'a.jpg')
    with pytest.raises(DataError, match=r'a.jpg and a.png, and their tiles would have the same name'):
        match_images(read_annotations([tmp_path]), tmp_path / 'images')
