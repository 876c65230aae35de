"""The site's hook for MkDocs: pages made of other files, a navigation by patterns, links that hold here and there.

Pages in ``docs/`` and the READMEs of other folders link to each other by their paths in the repository. On the site
such a link leads to the page that is made of the file; a file without a page is copied.
"""

import argparse
import ast
import base64
import fnmatch
import json
import logging
import posixpath
import re
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LOG = logging.getLogger('mkdocs.hooks.site')  # whose warnings end a strict build
ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'mmseg_aux_hrnet'
FAMILIES = sorted(path.parent.name for path in ROOT.glob('configs/*/README.md'))
# From paths in the repository to pages; docs/ is not listed, its pages keep their names.
PAGES = {
    'README.md': 'index.md',
    **{f'{name}/README.md': f'{name}.md' for name in ('benchmarks', 'data', 'splits')},
    **{f'configs/{name}/README.md': f'configs/{name}.md' for name in FAMILIES},
    **{f'mmseg_aux_hrnet/zoo/{path.name}': f'zoo/{path.name}' for path in PACKAGE.glob('zoo/*.md')},
}
TOOLS = [ROOT / 'split.py', *sorted(ROOT.glob('tools/[a-z]*.py'))]

FACTS = ('network', 'classes', 'training')
CODE_OR_LINK = re.compile(
    r'^```.*?^```|`[^`\n]+`|'
    r'(?P<before>\]\(|<(?:img|a) [^>]*?(?:src|href)=")(?P<path>[^)#\s:"]+)(?P<rest>(?:#[^)\s"]*)?[)"])',
    re.DOTALL | re.MULTILINE,
)
ROLE = re.compile(r':(?:attr|class|func|meth|mod):<code>~?([\w.]+)</code>')
FETCHED = re.compile(
    r'(?:<(?:script|img|iframe|source)[^>]*\ssrc=|<link[^>]*\srel="?stylesheet"?[^>]*\shref=|@import\s|url\()["\']?'
    r'((?:https?:)?//[^\s"\')>]+)'
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here, and fill the patterns of the navigation."""
    texts = {place: (ROOT / source).read_text(encoding='utf-8') for source, place in PAGES.items()}
    texts['index.md'] = headed(texts['index.md'], hide=['navigation'])
    texts |= {place: headed(text, title=Path(place).stem) for place, text in texts.items() if place.startswith('zoo/')}
    texts |= {**config_pages(texts), **command_pages(), **python_pages()}
    for place, content in {**texts, **tutorial_files()}.items():
        files.append(File.generated(config, place, content=content))
    assert config.nav is not None
    config.nav = fill(config.nav, [file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to other files of the repository to their pages."""
    here = page.file.src_uri
    origin = next((source for source, place in PAGES.items() if place == here), f'docs/{here}')

    def lead(match: re.Match[str]) -> str:
        if match['path'] is None:  # code
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match['path']))
        place, anchor = place_of(target)
        if place is None:
            LOG.warning('%s: the link to %s has no page and no file', origin, target)
            return match[0]
        if place.startswith('repository/') and files.get_file_from_path(place) is None:
            files.append(File.generated(config, place, abs_src_path=str(ROOT / target)))
        return f'{match["before"]}{posixpath.relpath(place, posixpath.dirname(here))}{anchor}{match["rest"]}'

    return CODE_OR_LINK.sub(lead, markdown)


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links of the roles by which docstrings name other objects."""

    def link(match: re.Match[str]) -> str:
        path, name = match[1], match[1].rpartition('.')[2]
        own = path.startswith(f'{PACKAGE.name}.')
        return f'<autoref identifier="{path}"><code>{name}</code></autoref>' if own else f'<code>{name}</code>'

    return ROLE.sub(link, html)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site whose pages fetch something from elsewhere when they are opened."""
    for path in sorted(Path(config.site_dir).rglob('*')):
        if path.suffix in ('.html', '.css'):
            for address in FETCHED.findall(path.read_text(encoding='utf-8')):
                raise PluginError(f'{path} fetches {address}: pages must open without a network')


def place_of(target: str) -> tuple[str | None, str]:
    """Return where the site has a file of the repository, and an anchor there; None where the file does not exist."""
    folder, _, name = target.rpartition('/')
    if target == 'docs/tutorial.ipynb':
        return 'tutorial.md', ''
    if folder == 'docs' or folder.startswith('docs/'):
        return target.removeprefix('docs/'), ''  # MkDocs says so where it is not there
    if target in PAGES or f'{target}/README.md' in PAGES:
        return PAGES.get(target) or PAGES[f'{target}/README.md'], ''
    if ROOT / target in TOOLS:
        return f'commands/{Path(name).stem}.md', ''
    if folder in {f'configs/{family}' for family in FAMILIES} and (ROOT / target).suffix == '.py':
        return f'{folder}.md', f'#{anchor_of(name)}'
    return (f'repository/{target}' if (ROOT / target).is_file() and not name.endswith('.md') else None), ''


def anchor_of(name: str) -> str:
    """Return the anchor of the section of a config."""
    return Path(name).stem.lower()


def fill(nav: Sequence[Any], places: Sequence[str]) -> list[Any]:
    """Return the navigation with pages in place of patterns; each page goes to the first that takes it."""
    named = {place for place in places if json.dumps(place) in json.dumps(nav)}
    left = [place for place in sorted(places, key=lambda place: place.removesuffix('.md')) if place not in named]

    def filled(items: Sequence[Any]) -> list[Any]:
        out: list[Any] = []
        for item in items:
            if isinstance(item, dict):
                sections = {title: filled(part) if isinstance(part, list) else part for title, part in item.items()}
                out += [sections] if all(sections.values()) else []
            elif '*' in item:
                taken = [p for p in left if fnmatch.fnmatch(p, item) and p.count('/') == item.count('/')]
                left[:] = [place for place in left if place not in taken]
                out += taken
            else:
                out.append(item)
        return out

    return filled(nav)


def config_pages(readmes: dict[str, str]) -> dict[str, str]:
    """Return a page for each family of configs: what its README says, then what each config comes to."""
    from mmengine import Config

    import mmseg_aux_hrnet  # noqa: F401  # registers the scope of bases

    pages, titles = {}, {}
    for family in FAMILIES:
        sections, rows = [], []
        for path in sorted(ROOT.glob(f'configs/{family}/*.py')):
            facts = config_facts(Config.fromfile(path))
            rows.append(f'| [`{path.stem}`](#{anchor_of(path.name)}) | {" | ".join(facts)} |')
            source = path.read_text(encoding='utf-8').strip()
            name = f'{PACKAGE.name}::{family}/{path.name}'
            sections.append(f'### {path.stem} {{ #{anchor_of(path.name)} }}\n\n`{name}`\n\n```python\n{source}\n```')
        table = '\n'.join([f'| config | {" | ".join(FACTS)} |', '|---' * (len(FACTS) + 1) + '|', *rows])
        readme = readmes[f'configs/{family}.md']
        titles[family] = readme.partition('\n')[0].lstrip('# ')
        text = '\n\n'.join([readme, '## Each config', table, *sections, ''])
        pages[f'configs/{family}.md'] = headed(text, title=family)
    lines = [f'- [`{family}`]({family}.md): {title}' for family, title in titles.items()]
    pages['configs/index.md'] = '# Configs\n\n' + '\n'.join(lines) + '\n'
    return pages


def headed(text: str, **meta: Any) -> str:
    """Return a page with what MkDocs and the theme are told of it."""
    return f'---\n{json.dumps(meta)}\n---\n\n{text}'


def config_facts(config: Any) -> list[str]:
    """Return the cells of a config, in the order of ``FACTS``."""
    model, loop, optimiser = config.model, config.train_cfg, config.optim_wrapper.optimizer
    head: Any = model.decode_head if isinstance(model.decode_head, dict) else model.decode_head[-1]
    network = ' '.join(filter(None, (model.backbone.type, model.backbone.get('arch'))))
    length = f'{loop.max_iters:,} iterations' if 'max_iters' in loop else f'{loop.max_epochs} epochs'
    window = ' x '.join(str(side) for side in model.data_preprocessor.size)
    batch = f'batches of {config.train_dataloader.batch_size} windows of {window}'
    return [network, str(head.num_classes), f'{length}, {batch}, {optimiser.type} at {optimiser.lr:g}']


def command_pages() -> dict[str, str]:
    """Return a page for each tool, made of its parser."""
    named = re.findall(r"def (\w+)\(\).*?_run\('(.+?)'\)", (ROOT / 'mmseg_aux_hrnet_cli.py').read_text(), re.DOTALL)
    commands = {tool: f'mmseg-aux-hrnet-{name.replace("_", "-")}' for name, tool in named}
    pages, rows = {}, []
    for path in TOOLS:
        tool = path.relative_to(ROOT).as_posix()
        parser = runpy.run_path(str(path))['parser']()
        pages[f'commands/{path.stem}.md'] = command_page(parser, tool, commands.get(tool))
        summary = re.split(r'(?<=[.:]) |: python', parser.description)[0].rstrip('.:')
        rows.append(f'| [`{path.stem}`]({path.stem}.md) | {escape(summary)} |')
    table = '\n'.join(['| command | what it does |', '|---|---|', *rows])
    pages['commands/index.md'] = (
        '# Commands\n\nEach is a script of a clone, such as `python tools/train.py`, and a command of an installed '
        f'package, such as `mmseg-aux-hrnet-train`. `--help` of each says the same as its page.\n\n{table}\n'
    )
    return pages


def command_page(parser: argparse.ArgumentParser, tool: str, command: str | None) -> str:
    """Return the page of one tool."""
    parser.prog = f'python {tool}'
    texts = argparse.HelpFormatter(parser.prog, width=88)
    parts = [f'# {Path(tool).stem}', escape(parser.description or '')]
    if command is not None:
        parts.append(f'An installed package has it as `{command}`.')
    needed = [action for action in parser._actions if action.required or not action.option_strings]
    texts.add_usage('%(prog)s [OPTIONS]' if not needed else None, needed, [], prefix='')
    parts.append(f'```text\n{texts.format_help().strip()}\n```')
    for group in parser._action_groups:
        rows = [
            f'| `{texts._format_action_invocation(action)}` | {escape(texts._expand_help(action))} |'.replace('\n', ' ')
            for action in group._group_actions
        ]
        if rows:
            title = group.title or ''
            heading = f'## {title[:1].upper()}{title[1:]}\n'
            parts.append('\n'.join([heading, '| argument | meaning |', '|---|---|', *rows]))
    return '\n\n'.join([*parts, escape(parser.epilog or '')]) + '\n'


def escape(text: str) -> str:
    """Return the text of a parser as Markdown: nothing of it is markup, and pages that it names are links."""
    marked = re.sub(r'([\\`*_{}\[\]<>|])', r'\\\1', text.replace('%%', '%'))
    return re.sub(r'docs/([\w\\]+)\.md', lambda page: f'[{page[0]}](../{page[1].replace(chr(92), "")}.md)', marked)


def python_pages() -> dict[str, str]:
    """Return a page for each package, with what is imported from it and its modules."""
    pages, rows = {}, []
    for init in sorted(PACKAGE.rglob('__init__.py'), key=lambda path: path.parent):
        if '.mim' in init.parts:
            continue
        name = '.'.join(init.parent.relative_to(ROOT).parts)
        tree = ast.parse(init.read_text(encoding='utf-8'))
        # The package's own docstring, then its modules; what it hands on is with the module that has it.
        own = f'::: {name}\n    options: {{members: false, show_root_heading: false, show_root_toc_entry: false}}'
        exports = ', '.join(
            f'<autoref identifier="{name}.{export}" optional><code>{export}</code></autoref>'
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '__all__'
            for export in ast.literal_eval(node.value)
        )
        modules = [f'{name}.{path.stem}' for path in sorted(init.parent.glob('*.py')) if path != init]
        parts = [f'# {name}', own, *([f'To import from here: {exports}.'] if exports else [])]
        text = '\n\n'.join([*parts, *(f'::: {module}' for module in modules), ''])
        short = name.removeprefix(f'{PACKAGE.name}.')
        pages[f'python/{name}.md'] = headed(text, title=short)
        rows.append(f'| [`{short}`]({name}.md) | {escape((ast.get_docstring(tree) or "").splitlines()[0])} |')
    start = 'Scripts and notebooks begin with `run` and `maps`; the [tutorial](../tutorial.md) shows both.'
    table = '\n'.join(['| package | what is in it |', '|---|---|', *rows])
    pages['python/index.md'] = f'# Python\n\n{start}\n\n{table}\n'
    return pages


def tutorial_files() -> dict[str, str | bytes]:
    """Return the page of the notebook, and its pictures."""
    files: dict[str, str | bytes] = {}
    parts = []
    for cell in json.loads((ROOT / 'docs/tutorial.ipynb').read_text(encoding='utf-8'))['cells']:
        source = ''.join(cell['source'])
        parts.append(source if cell['cell_type'] == 'markdown' else f'```python\n{source}\n```')
        for output in cell.get('outputs', ()):
            shown = {kind: ''.join(text) for kind, text in output.get('data', {}).items()}
            text = ''.join(output.get('text', ())) or shown.get('text/plain', '')
            picture = next((kind for kind in ('image/png', 'image/jpeg') if kind in shown), None)
            if picture is not None:
                name = f'tutorial_{len(files)}.{picture.partition("/")[2]}'
                files[name] = base64.b64decode(shown[picture])
                parts.append(f'![output of the cell above]({name})')
            elif text:
                parts.append(f'```text\n{text.rstrip()}\n```')
    title, *rest = '\n\n'.join(parts).split('\n', 1)
    # Not as a usual link, which would lead to this page.
    note = 'This page is a notebook: [`tutorial.ipynb`][file].\n\n[file]: tutorial.ipynb'
    return {**files, 'tutorial.md': '\n'.join([title, '', note, *rest]) + '\n'}
