"""The site: pages are made of what they speak of, links hold in both places, and nothing is fetched."""

import importlib.util
import re
from types import SimpleNamespace

import pytest
from tool_support import REPO

pytest.importorskip('mkdocs')
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files


def _hook():
    spec = importlib.util.spec_from_file_location('site_hook', REPO / 'docs/site_hook.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOK = _hook()
CONFIG = SimpleNamespace(site_dir='site', use_directory_urls=False, plugins=SimpleNamespace(_current_plugin='here'))


def on_the_site(markdown, *, page, files=None):
    page = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    return HOOK.on_page_markdown(markdown, page=page, config=CONFIG, files=Files([]) if files is None else files)


def test_every_tool_and_every_command_has_a_page_with_every_option():
    pages = HOOK.command_pages()
    text = '\n'.join(pages.values())
    for command in re.findall(r'^(mmseg-aux-hrnet-[\w-]+) =', (REPO / 'pyproject.toml').read_text(), re.MULTILINE):
        assert text.count(f'has it as `{command}`.') == 1
    for path in [REPO / 'split.py', *(REPO / 'tools').glob('[a-z]*.py')]:
        page = pages[f'commands/{path.stem}.md']
        options = set(re.findall(r"(?:add|add_argument)\(\s*'(--[\w-]+)'", path.read_text(encoding='utf-8')))
        assert options <= set(re.findall(r'--[\w-]+', page)), path


def test_a_page_says_values_defaults_and_pages():
    page = HOOK.command_pages()['commands/train.md']
    assert page.startswith('# train\n\nTrain the network of a config.\n')
    assert '```text\npython tools/train.py config\n```' in page
    assert '| `--speed {off,safe,max}` | off computes as mmseg does, max also uses bfloat16 (default: safe; ' in page
    assert '[docs/performance.md](../performance.md)' in page


def test_every_config_and_every_package_has_a_place():
    assert [HOOK.place_of(f'configs/{family}') for family in ('hrnet', 'tiles')] == [
        ('configs/hrnet.md', ''),
        ('configs/tiles.md', ''),
    ]
    python = HOOK.python_pages()
    assert '::: mmseg_aux_hrnet.run.training\n' in python['python/mmseg_aux_hrnet.run.md']
    assert 'mmseg_aux_hrnet.maps.measure.md' in python['python/index.md']


@pytest.mark.parametrize(
    ('page', 'link', 'expected'),
    [
        ('maps.md', 'weights.md#export', 'weights.md#export'),
        ('maps.md', '../data/README.md#checking-a-data-set', 'data.md#checking-a-data-set'),
        ('maps.md', '../tools/train.py', 'commands/train.md'),
        ('maps.md', '../split.py', 'commands/split.md'),
        ('maps.md', '../configs/tiles/fcn_hr18.py', 'configs/tiles.md#fcn_hr18'),
        ('maps.md', '../mmseg_aux_hrnet/zoo/green.md', 'zoo/green.md'),
        ('maps.md', '../CITATION.cff', 'repository/CITATION.cff'),
        ('index.md', 'docs/maps.md', 'maps.md'),
        ('index.md', 'docs/map.png', 'map.png'),
        ('index.md', 'docs/tutorial.ipynb', 'tutorial.md'),
        ('configs/hrnet.md', '../../docs/bands.md', '../bands.md'),
        ('configs/hrnet.md', '../tiles/README.md', 'tiles.md'),
        ('commands/train.md', '../performance.md', '../performance.md'),
        ('maps.md', 'https://example.com/a.md', 'https://example.com/a.md'),
        ('maps.md', '#here', '#here'),
    ],
)
def test_a_link_holds_in_the_repository_and_on_the_site(page, link, expected):
    assert on_the_site(f'a [`b`]({link}) c', page=page) == f'a [`b`]({expected}) c'
    assert on_the_site(f'<img width="9" src="{link}">', page=page) == f'<img width="9" src="{expected}">'


def test_code_is_left_alone_and_a_file_without_a_page_is_copied():
    code = '`[a](../setup.py)`\n\n```\n[a](../setup.py)\n```\n'
    files = Files([])
    assert on_the_site(f'{code}[a](../setup.py)', page='maps.md', files=files) == f'{code}[a](repository/setup.py)'
    assert [file.abs_src_path for file in files] == [str(REPO / 'setup.py')]


@pytest.mark.parametrize('link', ['../tools/gone.py', '../benchmarks/zoo_green.md', '../../elsewhere/a.txt'])
def test_a_link_to_nothing_is_a_warning_which_ends_a_strict_build(link, caplog):
    on_the_site(f'[a]({link})', page='maps.md')
    assert f'docs/maps.md: the link to {link.removeprefix("../")} has no page and no file' in caplog.text


def test_the_notebook_is_a_page_with_its_pictures():
    files = HOOK.tutorial_files()
    page = files.pop('tutorial.md')
    assert page.startswith('# From demo data to hectares, in Python\n\nThis page is a notebook: ')
    assert '```python\nfrom pathlib import Path\n' in page
    assert all(content[:3] == b'\xff\xd8\xff' and f']({name})' in page for name, content in files.items())


def test_patterns_take_what_no_line_names():
    nav = [{'Home': 'index.md'}, {'Maps': ['maps.md', 'maps_*.md', {'Not there': ['gone*.md']}]}, {'More': ['*.md']}]
    pages = ['index.md', 'maps.md', 'maps_new.md', 'maps_areas.md', 'faq.md', 'commands/train.md']
    assert HOOK.fill(nav, pages) == [
        {'Home': 'index.md'},
        {'Maps': ['maps.md', 'maps_areas.md', 'maps_new.md']},
        {'More': ['faq.md']},
    ]


def test_roles_of_docstrings_become_links():
    html = 'as <p>:func:<code>~mmseg_aux_hrnet.maps.polygonize</code> and :class:<code>torch.nn.Module</code>'
    assert HOOK.on_page_content(html, page=None, config=CONFIG, files=None) == (
        'as <p><autoref identifier="mmseg_aux_hrnet.maps.polygonize"><code>polygonize</code></autoref>'
        ' and <code>Module</code>'
    )


@pytest.mark.parametrize(
    'content',
    [
        '<script src="https://unpkg.com/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        '<img alt="a" src=http://example.com/a.png>',
        '<style>@import "https://example.com/a.css"</style>',
        '<style>a { background: url(https://example.com/a.png) }</style>',
    ],
)
def test_a_page_that_fetches_is_refused(tmp_path, content):
    (tmp_path / 'index.html').write_text('<a href="https://example.com">a</a><img src="a.png">')
    HOOK.on_post_build(SimpleNamespace(site_dir=tmp_path))
    (tmp_path / 'index.html').write_text(content)
    with pytest.raises(PluginError, match='pages must open without a network'):
        HOOK.on_post_build(SimpleNamespace(site_dir=tmp_path))
