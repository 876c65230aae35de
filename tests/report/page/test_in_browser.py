"""The page in a real browser: it opens without errors and without a network, and every control works."""

import base64
import importlib.util
import io
import json
import os
import shutil

import pytest
from page_support import NO_LOG, report_of
from PIL import Image

from mmseg_aux_hrnet.report.page import write_html
from mmseg_aux_hrnet.report.page.tables import UNDEFINED

NEEDED = 'MMSEG_AUX_HRNET_NEED_BROWSER'  # set where a missing browser is a failure
CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
DRIVER = shutil.which('chromedriver')
FLAGS = (
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
)  # fmt: skip
HOSTILE = '</script><img src=x onerror="window.ran=1">\'&$1$'
IMAGES = 60  # more than a page of the table


def start():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


@pytest.fixture(scope='module')
def chromium():
    missing = [name for name, found in (('chromium', CHROMIUM), ('chromedriver', DRIVER)) if found is None]
    missing += ['selenium'] if importlib.util.find_spec('selenium') is None else []
    if missing:
        words = f'needs {", ".join(missing)}: apt-get install chromium chromium-driver; pip install selenium'
        (pytest.fail if os.environ.get(NEEDED) else pytest.skip)(words)
    driver = start()
    yield driver
    driver.quit()


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """A page with hostile names, images without figures, and more images than a page of the table holds."""
    metrics, tiles = report_of(IMAGES, sweep=True)
    metrics['images'][-1]['name'] = HOSTILE
    tiles[IMAGES - 1] = tiles[IMAGES - 1]._replace(name=HOSTILE)
    for index in (3, 4):
        metrics['images'][index]['iou']['green'] = None
    path = tmp_path_factory.mktemp('report') / 'a report é.html'
    write_html(path, report=metrics, tiles=tiles, log=NO_LOG)
    return path, metrics


@pytest.fixture
def page(chromium, report):
    """The page just opened, on a desktop; its logs hold nothing older."""
    open_page(chromium, report[0])
    return chromium


def open_page(chromium, path, *, size=(1280, 900)):
    screen = {'width': size[0], 'height': size[1], 'deviceScaleFactor': 1, 'mobile': size[0] < 500}
    chromium.get('about:blank')
    chromium.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
    prefer(chromium, reduced_motion='reduce')  # so that nothing is still on its way when it is clicked
    for kind in ('browser', 'performance'):
        chromium.get_log(kind)
    load(chromium, path.as_uri())


def load(chromium, address):
    """Open a page and wait until it is there: the driver alone takes the end of the page before for it at times."""
    from selenium.webdriver.support.wait import WebDriverWait

    chromium.get(address)
    there = 'return location.protocol === "file:" && performance.getEntriesByType("navigation")[0]?.loadEventEnd > 0'
    WebDriverWait(chromium, 60).until(lambda driver: driver.execute_script(there))


def prefer(chromium, **features):
    pairs = [{'name': f'prefers-{name.replace("_", "-")}', 'value': value} for name, value in features.items()]
    chromium.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': pairs})


def find(page, selector):
    return page.find_element('css selector', selector)


def each(page, selector, expression):
    """Return the value of a JavaScript expression for each element, which it calls ``one``."""
    every = f'[...document.querySelectorAll({json.dumps(selector)})]'
    return page.execute_script(f'return {every}.map((one) => {expression})')


def column(page, place):
    """Return the texts of a column of the table of images as it is shown."""
    return each(page, '#rows tbody tr', f'one.children[{place}].textContent')


def sorted_by(page):
    return each(page, '#rows th[aria-sort]', 'one.getAttribute("aria-sort")')


def shown_map(page, tile):
    """Return which map of a tile is laid over its image, and how strongly."""
    return each(page, f'{tile} .map:not([hidden])', '[one.dataset.view, Number(getComputedStyle(one).opacity)]')


def first_tile(page):
    return f'#{page.execute_script("return document.querySelector(`.tile`).id")}'


def press(page, selector, keys):
    """Focus an element and press keys, as after the tab key."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.execute_script('arguments[0].focus()', find(page, selector))
    ActionChains(page).send_keys(*[getattr(Keys, key, key) for key in keys]).perform()


def test_no_error_no_request_and_nothing_of_a_name_runs(page, report):
    assert page.get_log('browser') == []
    messages = [json.loads(entry['message'])['message'] for entry in page.get_log('performance')]
    sent = [part['params']['request']['url'] for part in messages if part['method'] == 'Network.requestWillBeSent']
    assert [url for url in sent if not url.startswith('data:')] == [report[0].as_uri()]
    assert page.execute_script('return window.ran') is None
    assert HOSTILE in each(page, '.tile h4', 'one.textContent')
    assert page.title == 'Evaluation of best.pth'


def test_policy_stops_scripts_and_requests(page):
    script = 'const one = document.createElement("script"); one.text = "window.ran = 2"; document.body.append(one)'
    page.execute_script(script)
    assert page.execute_script('return window.ran') is None
    fetched = 'fetch("http://127.0.0.1:9/").then(() => arguments[0]("sent"), (e) => arguments[0](String(e)))'
    assert 'TypeError' in page.execute_async_script(fetched)
    refused = ' '.join(entry['message'] for entry in page.get_log('browser'))
    assert 'connect' in refused
    assert 'Content Security Policy' in refused


def test_every_picture_is_shown(page):
    sizes = page.execute_async_script(
        'const done = arguments[0];'
        'for (const part of document.querySelectorAll("details")) part.open = true;'
        'const all = [...document.images]; for (const one of all) { one.loading = "eager"; one.hidden = false; }'
        'const sizes = () => done(all.map((one) => one.naturalWidth));'
        'Promise.all(all.map((one) => one.decode())).then(sizes, () => done([0]));'
    )
    assert len(sizes) == 3 + 4 * IMAGES  # charts, and image and three maps of every tile
    assert min(sizes) > 0


def test_table_starts_with_the_worst(page, report):
    worst = sorted(image['iou']['green'] for image in report[1]['images'] if image['iou']['green'] is not None)
    assert column(page, 1) == [f'{value:.2f}' for value in worst[:50]]
    assert sorted_by(page) == ['none', 'ascending', *['none'] * 6]
    assert find(page, '.pages [role=status]').text == f'1 to 50 of {IMAGES}'


def test_sorting_by_click_and_by_key(page, report):
    best = sorted((i['iou']['green'] for i in report[1]['images'] if i['iou']['green'] is not None), reverse=True)
    find(page, '#rows th:nth-child(2) button').click()
    assert column(page, 1)[:5] == [f'{value:.2f}' for value in best[:5]]
    assert sorted_by(page)[1] == 'descending'
    press(page, '#rows th:nth-child(1) button', ['ENTER'])
    assert column(page, 0)[1:13] == [f'tile_{index}' for index in range(12)]  # 2 before 10; the hostile name first
    assert sorted_by(page)[:2] == ['ascending', 'none']


@pytest.mark.parametrize('clicks', [0, 1])
def test_undefined_figures_come_last_either_way(page, clicks):
    for _ in range(clicks):
        find(page, '#rows th:nth-child(2) button').click()
    find(page, '.pages [data-step="1"]').click()
    assert column(page, 1)[-2:] == [UNDEFINED] * 2
    assert find(page, '.pages [role=status]').text == f'51 to 60 of {IMAGES}'
    assert not find(page, '.pages [data-step="1"]').is_enabled()


def test_names_are_searched(page):
    find(page, 'input[type=search]').send_keys('TILE_5')
    assert sorted(column(page, 0)) == sorted(['tile_5', *[f'tile_{index}' for index in range(50, 59)]])
    find(page, 'input[type=search]').send_keys('xyz')
    assert column(page, 0) == []
    assert find(page, '.pages [role=status]').text == 'no image of that name'


def test_a_name_jumps_to_its_tile_and_opens_its_group(page):
    folded = page.execute_script('return document.querySelector("#group-others .tile h4").textContent')
    assert not page.execute_script('return document.getElementById("group-others").open')
    find(page, 'input[type=search]').send_keys(folded)
    link = page.find_element('link text', folded)
    link.click()
    focused = page.switch_to.active_element
    assert find(page, f'#{focused.get_attribute("id")} h4').text == folded
    assert page.execute_script('return document.getElementById("group-others").open')
    box = page.execute_script('const b = document.activeElement.getBoundingClientRect(); return [b.top, b.bottom]')
    assert 0 <= box[0] < 900


def test_a_link_from_outside_opens_the_tile(chromium, report):
    folded = find_folded(chromium, report[0])
    chromium.get('about:blank')
    load(chromium, f'{report[0].as_uri()}#{folded}')
    assert chromium.execute_script('return document.activeElement.id') == folded


def find_folded(chromium, path):
    open_page(chromium, path)
    return chromium.execute_script('return document.querySelector("#group-others .tile").id')


def test_slider_moves_between_image_and_map(page):
    from selenium.webdriver import ActionChains

    tile = first_tile(page)
    assert shown_map(page, tile) == [['errors', 0.6]]
    press(page, f'{tile} input[type=range]', ['ARROW_RIGHT'] * 3)
    assert shown_map(page, tile) == [['errors', 0.63]]
    press(page, f'{tile} input[type=range]', ['HOME'])
    assert shown_map(page, tile) == [['errors', 0]]
    slider = find(page, f'{tile} input[type=range]')
    page.execute_script('arguments[0].scrollIntoView({block: "center"})', slider)
    ActionChains(page).drag_and_drop_by_offset(slider, slider.size['width'], 0).perform()
    assert shown_map(page, tile) == [['errors', 1]]
    assert each(page, '.tile input[type=range]', 'one.value').count('60') == IMAGES - 1


def test_keys_choose_the_map(page):
    tile = first_tile(page)
    for key, view in (('l', 'label'), ('p', 'prediction'), ('e', 'errors')):
        press(page, f'{tile} input[type=range]', [key])
        assert shown_map(page, tile) == [[view, 0.6]]
        assert find(page, f'{tile} input[value={view}]').is_selected()
    press(page, f'{tile} input[type=range]', ['i'])
    assert shown_map(page, tile) == [['errors', 0]]
    press(page, f'{tile} input[type=range]', ['i'])
    assert shown_map(page, tile) == [['errors', 0.6]]


def test_choices_are_a_radio_group(page):
    tile = first_tile(page)
    press(page, f'{tile} input[value=errors]', ['ARROW_RIGHT'])
    assert shown_map(page, tile) == [['label', 0.6]]
    find(page, f'{tile} input[value=prediction]').click()
    assert shown_map(page, tile) == [['prediction', 0.6]]


def test_controls_of_all_tiles(page):
    find(page, '#all input[value=label]').click()
    press(page, '#all input[type=range]', ['END'])
    for tile in each(page, '.tile', 'one.id'):
        assert shown_map(page, f'#{tile}') == [['label', 1]]


def test_a_focused_tile_moves_its_slider_by_arrow_keys(page):
    tile = first_tile(page)
    press(page, tile, ['ARROW_LEFT'])
    assert shown_map(page, tile) == [['errors', 0.55]]


def test_enlarging(page):
    tile = first_tile(page)
    before = find(page, f'{tile} .stack').size['width']
    press(page, f'{tile} .enlarge', ['SPACE'])
    assert find(page, f'{tile} .enlarge').get_attribute('aria-pressed') == 'true'
    assert find(page, f'{tile} .stack').size['width'] > 2 * before


def test_every_control_has_a_name(page):
    tile = first_tile(page)
    kinds = ('button', 'input', 'a[href]', 'img', '[role=region]', 'form')
    outside = ', '.join(f':is(main, nav, body) > * {kind}:not(.tiles *, tbody *)' for kind in kinds)
    inside = ', '.join(f'{tile} {kind}' for kind in kinds[:-1])
    controls = [one for one in page.find_elements('css selector', f'{outside}, {inside}') if one.is_displayed()]
    roles = {one.aria_role for one in controls}
    assert roles >= {'button', 'slider', 'radio', 'searchbox', 'link', 'image', 'region', 'form'}
    assert [one.get_attribute('outerHTML') for one in controls if not one.accessible_name.strip()] == []


def test_focus_is_seen(page):
    press(page, '#all input[type=range]', ['ARROW_RIGHT'])
    assert page.execute_script('return getComputedStyle(document.activeElement).outlineWidth') == '3px'


@pytest.mark.parametrize('size', [(360, 740), (320, 600), (820, 1180)])
def test_no_sideways_scrolling_of_the_page(chromium, report, size):
    open_page(chromium, report[0], size=size)
    chromium.execute_script('for (const part of document.querySelectorAll("details")) part.open = true')
    assert chromium.execute_script('return document.documentElement.scrollWidth') <= size[0]
    right = (
        'Math.max(...[...one.querySelectorAll("button, input, img")].map((part) => part.getBoundingClientRect().right))'
    )
    beyond = each(chromium, '.tile', f'{right} - one.getBoundingClientRect().right')
    assert max(beyond) <= 0
    assert max(each(chromium, '.card', 'one.scrollWidth - one.clientWidth')) <= 0


@pytest.mark.parametrize(('motion', 'behaviour'), [('reduce', 'auto'), ('no-preference', 'smooth')])
def test_motion_is_reduced_where_asked_for(page, motion, behaviour):
    prefer(page, reduced_motion=motion)
    assert page.execute_script('return getComputedStyle(document.documentElement).scrollBehavior') == behaviour


def test_words_stand_out_in_light_and_dark(page):
    """Text against its background at least as WCAG 2.1 AA asks for: 4.5 to 1."""
    for scheme in ('light', 'dark'):
        prefer(page, color_scheme=scheme)
        colours = {
            name: page.execute_script(f'return getComputedStyle(document.documentElement).getPropertyValue("--{name}")')
            for name in ('paper', 'panel', 'accent-soft', 'ink', 'soft', 'accent')
        }
        for words in ('ink', 'soft', 'accent'):
            for ground in ('paper', 'panel', 'accent-soft'):
                assert contrast(colours[words], colours[ground]) >= 4.5, (scheme, words, ground)


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    shares = [part / 255 for part in bytes.fromhex(colour.strip().removeprefix('#'))]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_screenshot_is_no_blank(page):
    picture = Image.open(io.BytesIO(base64.b64decode(page.get_screenshot_as_base64()))).convert('RGB')
    assert len(picture.getcolors(1 << 24)) > 100
