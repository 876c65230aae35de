"""README and docs: what they say can be typed, and what they link to is there."""

import re
import shlex
from urllib.parse import unquote

import pytest
from tool_support import REPO, tool

PAGES = sorted(
    path
    for pattern in ('README.md', 'docs/*.md', 'configs/*/README.md', 'data/README.md', 'splits/README.md')
    for path in REPO.glob(pattern)
)
# Placeholders for a rest that the reader fills in, and optional words in brackets.
ABRIDGED = re.compile(r'\.\.\.|…|\[[-A-Z]')
OFFICIAL = ' --cfg '  # an option of the official HRNet code: tests/exchange/migration tests what a tool answers to it


def commands(text: str) -> list[list[str]]:
    """Return the commands in the blocks of a page that call a tool, each as its words."""
    blocks = re.findall(r'^```\w*\n(.*?)^```', text, flags=re.DOTALL | re.MULTILINE)
    joined = '\n'.join(blocks).replace('\\\n', ' ').replace('&& ', '\n')
    lines = [line.strip().removeprefix('$ ') for line in joined.splitlines() if OFFICIAL not in line]
    calls = [line for line in lines if re.match(r'python (tools/\w+|split)\.py ', line) and not ABRIDGED.search(line)]
    return [shlex.split(line, comments=True) for line in calls]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    titles = re.findall(r'^#+ (.+)$', re.sub(r'^```.*?^```', '', text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}


def test_readme_is_short():
    assert len((REPO / 'README.md').read_text(encoding='utf-8').splitlines()) <= 130


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_commands_are_understood(page, capsys):
    for _, script, *words in commands(page.read_text(encoding='utf-8')):
        module = tool(f'../{script.removesuffix(".py")}')
        mixed = 'predict_raster' in script  # its options may stand between its rasters
        line = module.parser() if hasattr(module, 'parser') else None
        parse = module.parse_args if line is None else line.parse_intermixed_args if mixed else line.parse_args
        try:
            parse(words)
        except SystemExit:
            pytest.fail(f'{script} {" ".join(words)}\n{capsys.readouterr().err}')


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_links_lead_somewhere(page):
    text = page.read_text(encoding='utf-8')
    for target in re.findall(r'\]\(([^)\s]+)\)', text):
        if '://' in target:
            continue
        path, _, anchor = unquote(target).partition('#')
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding='utf-8')), target


def test_the_pages_are_found():
    assert {'README.md', 'docs/faq.md', 'docs/maps.md'} <= {page.relative_to(REPO).as_posix() for page in PAGES}
    assert sum(len(commands(page.read_text(encoding='utf-8'))) for page in PAGES) > 60
