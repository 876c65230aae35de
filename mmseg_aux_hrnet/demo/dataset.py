"""Write the demo scenes as a data set in the layout of the single-green data."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mmseg_aux_hrnet.datasets.single_green import SingleGreenDataset
from mmseg_aux_hrnet.datasets.splits import SPLITS, read_split, write_split
from mmseg_aux_hrnet.demo.scenes import draw_scene
from mmseg_aux_hrnet.errors import DataError
from mmseg_aux_hrnet.files.label_png import write_label_png
from mmseg_aux_hrnet.files.whole import whole_folder

GENERATOR_VERSION = 1  # raise it whenever a seed draws another scene, so that old pictures are not taken for new ones
MARKER = 'demo.json'
CONTENT = {'rawdata', 'labeldata', 'splits', MARKER}


@dataclass(frozen=True)
class DemoData:
    """Demo data on disk.

    Attributes:
        root: its folder.
        counts: scenes of each split.
        green: share of green pixels of each split, 0..1.
        reused: whether it was there before.
    """

    root: Path
    counts: dict[str, int]
    green: dict[str, float]
    reused: bool


def write_demo_data(
    root: str | os.PathLike[str],
    *,
    lists_dir: str | os.PathLike[str],
    seed: int,
    force: bool = False,
    on_scene: Callable[[int, int], None] | None = None,
) -> DemoData:
    """Draw the scenes that the lists name, or keep them where the folder has them already.

    The folder appears whole or not at all: it is written under another name and then renamed.

    Args:
        root: folder of the data; its parents are made where missing.
        lists_dir: folder of ``train.txt``, ``val.txt`` and ``test.txt``, one stem a line.
        seed: another seed gives other scenes.
        force: replace demo data of another seed, version or list, or with missing files. Other data is never
            replaced.
        on_scene: called after each scene with the number of scenes done and of all scenes.

    Raises:
        SplitError: a list is missing, empty or malformed.
        DataError: the folder holds something else, or cannot be written.
    """
    root = Path(root)
    stems = {split: [entry.image for entry in read_split(Path(lists_dir) / f'{split}.txt')] for split in SPLITS}
    # What decides about every pixel: two equal recipes are the same data.
    recipe = {'version': GENERATOR_VERSION, 'seed': seed, 'stems': stems}
    try:
        green = _green_of_same(root, recipe)
        reused = green is not None
        if green is None:
            _refuse_content(root, force=force)
            with whole_folder(root) as part:
                green = _write_scenes(part, seed=seed, stems=stems, on_scene=on_scene)
                marker = json.dumps({**recipe, 'green': green}, indent=1)
                (part / MARKER).write_text(f'{marker}\n', encoding='utf-8', newline='\n')
    except OSError as error:
        raise DataError(
            f'demo data {root}: {error.strerror or error} ({error.filename}); choose another --out'
        ) from error
    return DemoData(root, {split: len(names) for split, names in stems.items()}, green, reused)


def scene_seed(seed: int, *, split: str, stem: str) -> int:
    """Return the seed of one scene: it depends on the name, so no two splits share a scene."""
    return int.from_bytes(hashlib.sha256(f'{seed}/{split}/{stem}'.encode()).digest()[:8], 'big')


def _green_of_same(root: Path, recipe: dict[str, Any]) -> dict[str, float] | None:
    """Return the green shares that are on record if ``root`` is complete data of this recipe."""
    try:
        marker = json.loads((root / MARKER).read_text(encoding='utf-8'))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    green = marker.pop('green', None) if isinstance(marker, dict) else None
    stems: dict[str, list[str]] = recipe['stems']
    files = [root / 'splits' / f'{split}.txt' for split in stems]
    files += [path for split in stems for stem in stems[split] for path in _paths(root, split, stem)]
    same = marker == recipe and isinstance(green, dict) and all(path.is_file() for path in files)
    return green if same else None


def _paths(root: Path, split: str, stem: str) -> tuple[Path, Path]:
    """Return where image and label of a scene are."""
    return root / 'rawdata' / split / f'{stem}.png', root / 'labeldata' / split / f'{stem}.png'


def _refuse_content(root: Path, *, force: bool) -> None:
    """Raise DataError unless ``root`` is missing, empty, or demo data that may be replaced."""
    if not root.exists():
        return
    found = {path.name for path in root.iterdir()} if root.is_dir() else {root.name}
    if found and (MARKER not in found or found - CONTENT):
        other = min(found - CONTENT or found)
        raise DataError(f'{root} holds "{other}", which is not demo data; move it away or choose another --out')
    if found and not force:
        raise DataError(
            f'{root} holds demo data of another seed, version or list, or files are missing; --force replaces it'
        )


def _write_scenes(
    root: Path, *, seed: int, stems: dict[str, list[str]], on_scene: Callable[[int, int], None] | None
) -> dict[str, float]:
    """Write pictures, labels and lists below ``root``; return the green shares."""
    palette: Any = SingleGreenDataset.METAINFO['palette']
    green, done, total = {}, 0, sum(map(len, stems.values()))
    for split, names in stems.items():
        shares = []
        for stem in names:
            scene = draw_scene(scene_seed(seed, split=split, stem=stem))
            raw, label = _paths(root, split, stem)
            raw.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene.image).save(raw)
            write_label_png(label, scene.label, palette)
            shares.append(float(scene.label.mean()))
            done += 1
            if on_scene is not None:
                on_scene(done, total)
        green[split] = sum(shares) / len(shares)
        write_split(root / 'splits' / f'{split}.txt', names)
    return green
