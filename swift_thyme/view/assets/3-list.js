// The list, its filters, the keys, and the address.

const FLAGS = [
  ['right', 1, 'right'], ['wrong', 2, 'wrong'], ['code', 4, 'used code'], ['nocode', -4, 'no code'], ['failed', 8, 'tool failed'],
  ['repaired', 16, 'repaired'], ['aside', 32, 'quarantined'], ['pictures', 64, 'got pictures'], ['noanswer', 128, 'no answer'],
  ['forged', 256, 'wrote sandbox output itself'],
];
const PAGE = 100;
let index, found = [], page = 0, current = -1;
const state = { q: '', stop: '', kind: '', sort: '', on: new Set() };
const searchable = [];

const holds = (bits, flag) => (flag > 0 ? bits & flag : !(bits & -flag));

function matches(i) {
  if (state.stop !== '' && index.stop[i] !== +state.stop) return false;
  if (state.kind !== '' && index.kind[i] !== +state.kind) return false;
  for (const [name, flag] of FLAGS) if (state.on.has(name) && !holds(index.flags[i], flag)) return false;
  return true;
}

function textOf(record) {
  const parts = [record.id, record.question, record.answer, record.solution, record.stop, record.error, record.where, record.extra];
  for (const turn of record.turns) {
    for (const piece of turn.blocks) parts.push(piece[0] === 'c' ? piece[2].filter((_, i) => i % 2).join('') : piece[1]);
    parts.push(turn.out, (turn.repairs || []).join(' '), turn.outcome);
  }
  return parts.filter((part) => part).join('\n').toLowerCase();
}

let searchRun = 0;

/** Applies the filters; with words to search, goes through the chunks and shows what it has meanwhile. */
async function apply(keep) {
  const run = ++searchRun;
  const wanted = state.q.trim().toLowerCase();
  const candidates = [...Array(index.n).keys()].filter(matches);
  order(candidates);
  if (!wanted) return settle(candidates, keep, '');
  const hits = [];
  const sorted = [...candidates].sort((a, b) => a - b);
  let shownAt = performance.now();
  for (const i of sorted) {
    if (searchable[i] === undefined) {
      const first = i - (i % index.chunk);
      (await chunk(first / index.chunk)).forEach((record, n) => { searchable[first + n] = textOf(record); });
      if (run !== searchRun) return undefined;
    }
    if ((searchable[i] || '').includes(wanted)) hits.push(i);
    if (performance.now() - shownAt > 150) {
      $('count').textContent = `searching… ${Math.round((100 * i) / index.n)} %, ${hits.length} found`;
      await new Promise((resolve) => setTimeout(resolve));
      if (run !== searchRun) return undefined;
      shownAt = performance.now();
    }
  }
  order(hits);
  return settle(hits, keep, '');
}

/** Answers to one question stand together, in the order of the first; other orders take them one by one. */
function order(numbers) {
  if (!state.sort) numbers.sort((a, b) => index.group[a] - index.group[b] || a - b);
  const reward = (i) => (index.reward[i] === null ? Infinity : index.reward[i]);
  if (state.sort === 'low') numbers.sort((a, b) => reward(a) - reward(b) || a - b);
  if (state.sort === 'high') numbers.sort((a, b) => (index.reward[b] ?? -Infinity) - (index.reward[a] ?? -Infinity) || a - b);
  if (state.sort === 'rounds') numbers.sort((a, b) => index.rounds[b] - index.rounds[a] || a - b);
}

function settle(numbers, keep) {
  found = numbers;
  $('count').textContent = found.length === index.n
    ? `${index.n.toLocaleString('en')} trajectories`
    : `${found.length.toLocaleString('en')} of ${index.n.toLocaleString('en')} trajectories`;
  document.body.dataset.found = found.length;
  const at = keep ? found.indexOf(current) : -1;
  page = at >= 0 ? Math.floor(at / PAGE) : 0;
  drawList();
  if (at < 0) select(found.length ? found[0] : -1, false);
}

function item(i) {
  const bits = index.flags[i];
  const mark = bits & 1 ? el('span', { class: 'good' }, '✓') : bits & 2 ? el('span', { class: 'bad' }, '✗') : null;
  const stop = index.stops[index.stop[i]];
  const notes = [bits & 32 && 'quarantined', bits & 8 && 'tool failed', bits & 256 && 'forged output', stop && stop !== 'answer' && stop].filter(Boolean);
  return el('li', {}, el('button', { class: 'item', 'data-i': i, on: { click: () => select(i, true) } },
    el('span', { class: 'q' }, index.question[i] || '(no question recorded)'),
    el('span', { class: 'm' }, mark, el('span', { class: 'a' }, index.answer[i] === null ? 'no answer' : index.answer[i]),
      notes.length ? el('span', { class: 'warn' }, notes.join(', ')) : null,
      el('span', { class: 'r' }, standing(i)))));
}

function standing(i) {
  const known = [['step', index.step[i]], ['reward', index.reward[i]], ['adv.', index.advantage[i]]];
  return known.filter(([, value]) => value !== null).map(([name, value]) => `${name} ${number(value)}`).join(' · ');
}

/** A line above the first of several answers to one question. */
function heading(i, at) {
  const mine = (j) => j !== undefined && index.group[j] === index.group[i];
  if (state.sort || (at % PAGE && mine(found[at - 1])) || !mine(found[at + 1])) return [];
  const group = found.filter(mine);
  const judged = group.filter((j) => index.flags[j] & 3);
  const right = judged.filter((j) => index.flags[j] & 1).length;
  return [el('li', { class: 'group' }, `question ${index.group[i] + 1} · ${group.length} answers` + (judged.length ? `, ${right} right` : ''))];
}

function drawList() {
  const part = found.slice(page * PAGE, (page + 1) * PAGE);
  $('items').replaceChildren(...(part.length ? part.flatMap((i, n) => [...heading(i, page * PAGE + n), item(i)]) : [el('li', { class: 'none' }, 'Nothing matches these filters.')]));
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  $('page').textContent = `page ${page + 1} of ${pages}`;
  $('page-back').disabled = page === 0;
  $('page-on').disabled = page + 1 >= pages;
  mark();
}

function mark() {
  for (const node of document.querySelectorAll('.item')) {
    const mine = +node.dataset.i === current;
    node.setAttribute('aria-current', mine);
    if (mine) node.scrollIntoView({ block: 'nearest' });
  }
}

function select(i, open) {
  current = i;
  const at = found.indexOf(i);
  if (at >= 0 && Math.floor(at / PAGE) !== page) {
    page = Math.floor(at / PAGE);
    drawList();
  } else mark();
  if (open) document.body.classList.add('reading');
  remember();
  show(i);
}

async function show(i) {
  if (i < 0) return $('detail').replaceChildren(el('p', { class: 'none' }, 'No trajectory.'));
  const records = await chunk(Math.floor(i / index.chunk));
  if (i !== current) return undefined;
  const record = records[i % index.chunk];
  const kept = $('detail').dataset.shown === String(i) ? $('detail').scrollTop : 0;
  $('detail').replaceChildren(...(record ? detail(record) : [el('p', { class: 'none' }, 'This part of the file is missing: it was cut short.')]));
  $('detail').scrollTop = kept;
  $('detail').dataset.shown = i;
  document.body.dataset.ready = 'yes';
  return undefined;
}

function remember() {
  const parts = current >= 0 ? [['t', index.id[current]]] : [];
  if (state.q) parts.push(['q', state.q]);
  if (state.stop !== '') parts.push(['stop', index.stops[+state.stop]]);
  if (state.kind !== '') parts.push(['kind', index.kinds[+state.kind]]);
  if (state.sort) parts.push(['sort', state.sort]);
  if (state.on.size) parts.push(['only', [...state.on].join('.')]);
  const address = '#' + new URLSearchParams(parts).toString();
  if (address !== location.hash) history.replaceState(null, '', address);
}

const chosen = (names, name) => (names.includes(name) ? String(names.indexOf(name)) : '');

/** Reads the address: which trajectory, which filters. */
function recall() {
  const parts = new URLSearchParams(location.hash.slice(1));
  state.q = parts.get('q') || '';
  state.stop = chosen(index.stops, parts.get('stop'));
  state.kind = chosen(index.kinds, parts.get('kind'));
  state.sort = parts.get('sort') || '';
  state.on = new Set((parts.get('only') || '').split('.').filter((name) => FLAGS.some((flag) => flag[0] === name)));
  const i = index.id.indexOf(parts.get('t'));
  $('search').value = state.q;
  $('sort').value = state.sort;
  current = i;
  return i;
}

function drawChips() {
  $('chips').replaceChildren(...FLAGS.map(([name, flag, text]) => {
    const count = index.flags.reduce((sum, bits) => sum + (holds(bits, flag) ? 1 : 0), 0);
    const toggle = () => {
      if (!state.on.delete(name)) state.on.add(name);
      drawChips();
      apply(true);
    };
    const on = state.on.has(name);
    return el('button', { class: 'chip', 'aria-pressed': String(on), disabled: !count && !on, 'data-filter': name, on: { click: toggle } }, text, el('b', {}, String(count)));
  }));
  drawOptions('stop', 'any stop reason', index.stops);
  drawOptions('kind', 'any task', index.kinds);
  $('kind').hidden = index.kinds.length < 2;
}

function drawOptions(id, any, names) {
  const counts = names.map((_, value) => index[id].filter((one) => one === value).length);
  $(id).replaceChildren(el('option', { value: '' }, any),
    ...names.map((name, i) => el('option', { value: i, selected: state[id] === String(i) }, `${name || 'not recorded'} (${counts[i]})`)));
}
