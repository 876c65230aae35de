'use strict';
(() => {
  const PAGE = 50; // rows of the table that are shown at a time

  // Tiles: which map lies over the image, and how strongly.
  const show = (tile, view) => {
    for (const map of tile.querySelectorAll('.map')) map.hidden = map.dataset.view !== view;
    for (const radio of tile.querySelectorAll('input[type=radio]')) radio.checked = radio.value === view;
  };
  const cover = (tile, percent) => {
    const slider = tile.querySelector('input[type=range]');
    slider.value = percent;
    for (const map of tile.querySelectorAll('.map')) map.style.opacity = slider.value / 100;
  };
  const before = new WeakMap(); // slider of a tile before its map was taken away
  const toggleImage = (tile) => {
    const value = Number(tile.querySelector('input[type=range]').value);
    if (value > 0) before.set(tile, value);
    cover(tile, value > 0 ? 0 : before.get(tile) ?? 60);
  };
  const enlarge = (tile) => {
    const button = tile.querySelector('.enlarge');
    button.setAttribute('aria-pressed', String(tile.classList.toggle('large')));
    tile.scrollIntoView({ block: 'nearest' });
  };
  const VIEWS = { e: 'errors', l: 'label', p: 'prediction' };
  const onKey = (tile, event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key in VIEWS) show(tile, VIEWS[key]);
    else if (key === 'i') toggleImage(tile);
    else if (event.target === tile && (key === 'arrowleft' || key === 'arrowright')) {
      cover(tile, Number(tile.querySelector('input[type=range]').value) + (key === 'arrowleft' ? -5 : 5));
      event.preventDefault();
    }
  };
  const tiles = [...document.querySelectorAll('.tile')];
  for (const tile of tiles) {
    tile.addEventListener('keydown', (event) => onKey(tile, event));
    tile.addEventListener('change', (event) => { if (event.target.type === 'radio') show(tile, event.target.value); });
    tile.addEventListener('input', (event) => { if (event.target.type === 'range') cover(tile, event.target.value); });
    tile.querySelector('.enlarge').addEventListener('click', () => enlarge(tile));
  }
  const all = document.getElementById('all');
  if (all) {
    all.addEventListener('submit', (event) => event.preventDefault());
    all.addEventListener('input', ({ target }) => {
      for (const tile of tiles) target.type === 'radio' ? show(tile, target.value) : cover(tile, target.value);
    });
  }
  // A browser that goes back restores what was chosen; the maps follow.
  window.addEventListener('pageshow', () => {
    for (const tile of tiles) {
      show(tile, (tile.querySelector('input[type=radio]:checked') ?? { value: 'errors' }).value);
      cover(tile, tile.querySelector('input[type=range]').value);
    }
  });

  // A link to a tile opens its group.
  const reveal = () => {
    const tile = document.getElementById(location.hash.slice(1));
    if (!tile || !tile.classList.contains('tile')) return;
    tile.closest('details').open = true;
    tile.focus({ preventScroll: true });
    tile.scrollIntoView({ block: 'center' });
  };
  window.addEventListener('hashchange', reveal);
  window.addEventListener('load', reveal);

  // Table: sorted, searched, page by page.
  const { columns, rows, sort } = JSON.parse(document.getElementById('data').textContent);
  const table = document.getElementById('rows');
  const pages = document.querySelector('.pages');
  const filter = document.getElementById('filter');
  let order = { column: sort, ascending: true };
  let first = 0;
  let word = '';

  const compare = (a, b) => {
    const [left, right] = [a[order.column], b[order.column]];
    if (left === null || right === null) return (left === null) - (right === null); // undefined ones last, either way
    const sign = order.ascending ? 1 : -1;
    return sign * (typeof left === 'string' ? left.localeCompare(right, undefined, { numeric: true }) : left - right);
  };
  const cell = (value, column) => {
    const out = document.createElement('td');
    out.className = 'number';
    out.textContent = value === null ? '–' : value.toLocaleString('en', columns[column].digits === undefined ? {} : {
      minimumFractionDigits: columns[column].digits, maximumFractionDigits: columns[column].digits,
    });
    return out;
  };
  const line = (row) => {
    const [name, ...values] = row.slice(0, columns.length);
    const tile = row[columns.length];
    const out = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    const target = tile === null ? head : head.appendChild(document.createElement('a'));
    if (tile !== null) {
      target.href = `#tile-${tile}`;
      target.addEventListener('click', () => { if (location.hash === target.hash) setTimeout(reveal); });
    }
    target.textContent = name;
    out.append(head, ...values.map((value, i) => cell(value, i + 1)));
    return out;
  };
  const draw = () => {
    const found = rows.filter((row) => row[0].toLowerCase().includes(word)).sort(compare);
    first = Math.max(0, Math.min(first, found.length - 1));
    first -= first % PAGE;
    const shown = found.slice(first, first + PAGE);
    table.tBodies[0].replaceChildren(...shown.map(line));
    table.querySelectorAll('thead th').forEach((head, i) => {
      head.setAttribute('aria-sort', i !== order.column ? 'none' : order.ascending ? 'ascending' : 'descending');
    });
    const status = shown.length ? `${first + 1} to ${first + shown.length} of ${found.length}` : 'no image of that name';
    pages.querySelector('[role=status]').textContent = status;
    pages.querySelector('[data-step="-1"]').disabled = first === 0;
    pages.querySelector('[data-step="1"]').disabled = first + PAGE >= found.length;
  };
  const sortBy = (column) => {
    order = { column, ascending: order.column === column ? !order.ascending : true };
    first = 0;
    draw();
  };
  columns.forEach(({ title }, i) => {
    const head = document.createElement('th');
    head.scope = 'col';
    if (i > 0) head.className = 'number';
    const button = head.appendChild(document.createElement('button'));
    button.type = 'button';
    button.textContent = title;
    button.addEventListener('click', () => sortBy(i));
    table.tHead.rows[0].append(head);
  });
  for (const button of pages.querySelectorAll('button')) {
    button.addEventListener('click', () => { first += Number(button.dataset.step) * PAGE; draw(); });
  }
  filter.addEventListener('submit', (event) => event.preventDefault());
  filter.addEventListener('input', ({ target }) => { word = target.value.toLowerCase(); first = 0; draw(); });
  filter.hidden = pages.hidden = false;
  draw();
})();
