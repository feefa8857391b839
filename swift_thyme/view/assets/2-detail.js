// One trajectory, in full.

const COLOURS = [['', 'none'], ['mask', 'trained or not'], ['temperature', 'temperature'], ['logprob', 'log-probability']];
const WORDS = {
  ok: 'ran', code_error: 'failed', timeout: 'ran out of time', out_of_memory: 'ran out of memory',
  bad_image: 'gave a picture that was refused', refused: 'asked for what the sandbox refuses', died: 'ended its process',
};
const HOW = {
  code: 'box from the code, checked against the picture', match: 'found in the picture',
  stated: 'box from the code, not checked', whole: 'the whole picture',
  'features in the named region': 'box from the code, turned or changed', 'features in the whole picture': 'found in the picture',
};
let colour = '';

const number = (value, digits = 2) => (value === null || value === undefined ? '–' : (+value.toFixed(digits)).toString());
const fact = (text, kind, title) => el('span', { class: 'fact ' + (kind || ''), title }, text);

function outline(place) {
  const [x0, y0, x1, y1] = place.box;
  const at = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
  return [
    svg('rect', { ...at, class: 'box under' }),
    svg('rect', { ...at, class: `box on ${place.how.split(' ')[0]}` }),
  ];
}

function frame(picture, places) {
  const overlay = svg('svg', { viewBox: `0 0 ${picture.w} ${picture.h}`, preserveAspectRatio: 'none' });
  for (const place of places) overlay.append(...outline(place));
  return overlay;
}

const MEANING = {
  target: 'green: where the answer is', stated: 'red, dashed: cut out, as the code says', crop: 'red: cut out by code',
};

function figure(picture, caption, places) {
  if (!picture.key || picture.message)
    return el('figure', {}, el('span', { class: 'broken' }, picture.message || 'no picture'), el('figcaption', {}, caption));
  const image = el('img', { alt: caption });
  loadPicture(image, picture.key);
  const open = () => enlarge(picture, caption, places);
  const shown = el('button', { class: 'frame', on: { click: open }, 'aria-label': 'Enlarge: ' + caption }, image);
  if (places.length) shown.append(frame(picture, places));
  const meaning = places.length ? ' · ' + [...new Set(places.map((place) => MEANING[place.how] || MEANING.crop))].join(', ') : '';
  return el('figure', {}, shown, el('figcaption', {}, `${caption}, ${picture.w}×${picture.h}${meaning}`));
}

function enlarge(picture, caption, places) {
  const image = el('img', { alt: caption });
  image.addEventListener('load', () => {
    $('light-note').textContent = `${caption}: ${picture.w}×${picture.h}, in this page ${image.naturalWidth}×${image.naturalHeight}`;
  });
  loadPicture(image, picture.key);
  $('light-box').replaceChildren(image, ...(places.length ? [frame(picture, places)] : []));
  $('light').showModal();
}

function code(runs, before, after, head) {
  const pre = el('pre', {}, ...(before ? [el('span', { class: 'c' }, before + '\n')] : []));
  for (let i = 0; i < runs.length; i += 2)
    pre.append(runs[i] ? el('span', { class: runs[i] }, runs[i + 1]) : document.createTextNode(runs[i + 1]));
  if (after) pre.append(el('span', { class: 'c' }, '\n' + after));
  return el('details', { class: 'code', open: true }, el('summary', {}, ...head), pre);
}

function codeHead(turn) {
  const head = [el('b', {}, 'code')];
  if (!turn.code) return [...head, ' · not closed, not run'];
  if (turn.outcome === null) head.push(turn.ranUnknown ? ' · what became of it is not recorded' : ' · not run');
  else {
    head.push(' · ', el('span', { class: turn.outcome === 'ok' ? 'good' : 'bad' }, WORDS[turn.outcome] || turn.outcome));
    if (turn.elapsed_s !== null) head.push(` in ${number(turn.elapsed_s, 3)} s`);
    if (turn.raw && turn.raw !== turn.outcome) head.push(' · ', el('span', { class: 'warn' }, 'as written: ' + (WORDS[turn.raw] || turn.raw)));
  }
  for (const repair of turn.repairs) head.push(' · ', el('span', { class: 'warn' }, 'repaired: ' + repair));
  for (const repair of turn.repairs_seen) head.push(' · would repair: ' + repair);
  return head;
}

function output(turn, round, last) {
  const failed = turn.outcome !== null && turn.outcome !== 'ok';
  const pictures = turn.images.map((picture, i) => {
    const from = picture.place ? ` · ${HOW[picture.place.how]}` : '';
    const shown = figure(picture, `picture ${round}.${i + 1}`, []);
    shown.querySelector('figcaption').append(from);
    return shown;
  });
  return el('div', { class: 'out' + (failed ? ' failed' : ''), 'data-mask': '0' },
    el('div', { class: 'label' }, 'sandbox', last ? ' · not shown to the model: the trajectory ended here' : ''),
    pictures.length ? el('div', { class: 'pictures' }, ...pictures) : null,
    turn.out ? el('pre', {}, turn.out) : !pictures.length ? el('span', { class: 'soft' }, 'printed nothing') : null);
}

function warmth(turn, kind) {
  const found = (turn.segments || []).find((segment) => segment[0] === kind);
  if (!found) return ['', undefined];
  const warm = found[1] === null ? '' : found[1] < 0.5 ? ' cold' : ' hot';
  const told = [`${found[2]} tokens`, found[1] !== null && `temperature ${found[1]}`, found[3] !== null && (found[3] ? 'trained' : 'not trained')];
  return [warm + (found[3] === false ? ' untrained' : ''), told.filter(Boolean).join(', ')];
}

function sampled(turn, piece) {
  const [kind, text] = piece;
  const [warm, title] = warmth(turn, kind === 'c' ? 'code' : 'text');
  if (kind === 'c') {
    const node = code(piece[2], piece[1], piece[3], codeHead(turn));
    node.className += ' sampled' + warm;
    if (title) node.title = title;
    return node;
  }
  if (kind === 'm')
    return el('details', { class: 'forged sampled' + warm, open: true },
      el('summary', {}, el('span', { class: 'bad' }, 'written by the model, not by the sandbox')), el('pre', {}, text));
  const name = { w: 'words', g: 'tag', a: 'answer' }[kind];
  return el(kind === 'g' ? 'span' : 'div', { class: name + ' sampled' + warm, title }, text);
}

function tokenView(turn) {
  const { text, mask, temperature, logprob } = turn.tokens;
  const pre = el('pre', { class: 'tokens' });
  text.forEach((piece, i) => {
    const span = el('span', {}, piece);
    const told = [];
    if (mask) told.push(mask[i] ? 'trained' : 'not trained');
    if (temperature) told.push(`temperature ${temperature[i]}`);
    if (logprob) told.push(`log-probability ${number(logprob[i], 3)}`);
    if (told.length) span.title = told.join(', ');
    if (colour === 'mask') span.className = !mask || mask[i] ? 'm1' : 'm0';
    if (colour === 'temperature' && temperature) span.className = temperature[i] < 0.5 ? 't0' : 't1';
    if (colour === 'logprob' && logprob)
      span.style.backgroundColor = `rgba(var(--unlikely), ${Math.min(0.85, -logprob[i] / 6).toFixed(2)})`;
    pre.append(span);
  });
  return pre;
}

function turnView(record, turn, i) {
  const last = i + 1 === record.turns.length;
  turn.ranUnknown = record.partial && !last;
  const label = el('div', { class: 'label' }, `round ${i + 1}`);
  const byToken = turn.tokens && colour;
  const node = el('section', { class: 'turn' }, label);
  if (byToken) node.append(tokenView(turn), ...(turn.code ? [el('p', { class: 'soft' }, ...codeHead(turn))] : []));
  else node.append(...turn.blocks.map((piece) => sampled(turn, piece)));
  if (turn.code && (turn.outcome !== null || turn.out || turn.images.length)) node.append(output(turn, i + 1, last));
  return node;
}

function rewards(record) {
  const names = Object.keys(record.rewards);
  if (!names.length) return null;
  const most = Math.max(1, ...names.map((name) => Math.abs(record.rewards[name] || 0)));
  return el('table', { class: 'rewards' }, ...names.map((name) => {
    const value = record.rewards[name];
    const fill = el('i', { class: value < 0 ? 'neg' : '' });
    fill.style.width = `${(100 * Math.abs(value || 0)) / most}%`;
    return el('tr', {}, el('td', {}, name), el('td', {}, number(value, 3)), el('td', {}, el('span', { class: 'meter' }, fill)));
  }));
}

function facts(record) {
  const list = [];
  if (record.correct !== null) list.push(fact(record.correct ? '✓ right' : '✗ wrong', record.correct ? 'good' : 'bad'));
  for (const label of record.labels) list.push(fact(label));
  if (record.stop) list.push(fact('stopped by: ' + record.stop, record.stop === 'answer' ? '' : 'warn'));
  if (record.aside) list.push(fact('set aside: ' + record.aside, 'bad', 'Not the policy’s fault: it carries no advantage'));
  if (record.step !== null) list.push(fact('step ' + record.step));
  if (record.advantage !== null) list.push(fact('advantage ' + number(record.advantage)));
  list.push(fact(`${record.turns.length} round${record.turns.length > 1 ? 's' : ''}`));
  if (record.sandbox_s) list.push(fact(`${number(record.sandbox_s, 2)} s in the sandbox`));
  return el('div', { class: 'facts' }, ...list);
}

function colourBar(record) {
  const has = (name) => record.turns.some((turn) => turn.tokens && turn.tokens[name]);
  const known = {
    '': true, mask: true, logprob: has('logprob'),
    temperature: has('temperature') || record.turns.some((turn) => turn.segments),
  };
  if (!known[colour]) colour = '';
  const select = el('select', { 'aria-label': 'Colour', id: 'colour', on: { change: (event) => { colour = event.target.value; show(current); } } },
    ...COLOURS.map(([value, text]) => el('option', { value, selected: value === colour, disabled: !known[value] }, text)));
  const key = (name, text) => el('span', { class: 'key' }, el('i', { class: name }), text);
  const legend = {
    '': [], mask: [key('trained', 'sampled: trained'), key('', 'sandbox: not trained')],
    temperature: [key('cold', 'temperature below 0.5'), key('hot', '0.5 and above')],
    logprob: [el('span', {}, 'the redder, the less likely')],
  }[colour];
  return el('div', { class: 'bar' }, el('label', {}, 'Colour by ', select), ...legend);
}

function more(title, content) {
  return el('details', { class: 'more' }, el('summary', {}, title), el('pre', {}, content));
}

/** Everything about one record. */
function detail(record) {
  const places = record.images.map(() => []);
  for (const turn of record.turns)
    for (const picture of turn.images)
      if (picture.place && picture.place.how !== 'whole') places[picture.place.of].push(picture.place);
  if (record.target && places.length) places[0].unshift({ box: record.target, how: 'target' });
  const originals = record.images.map((picture, i) => figure(picture, record.images.length > 1 ? `picture ${i + 1}` : 'picture', places[i]));
  const answers = el('dl', { class: 'answers' },
    el('dt', {}, 'answer'), el('dd', { class: record.correct === null ? '' : record.correct ? 'good' : 'bad' }, record.answer === null ? 'none' : record.answer),
    ...(record.solution === null ? [] : [el('dt', {}, 'reference'), el('dd', {}, record.solution)]));
  const node = el('div', { class: colour ? 'by-' + colour : '' });
  const bar = colourBar(record);
  node.append(...record.turns.map((turn, i) => turnView(record, turn, i)));
  return [
    el('button', { class: 'quiet back', on: { click: () => document.body.classList.remove('reading') } }, '‹ list'),
    el('h2', { class: record.question.length > 1200 ? 'long' : '' }, record.question || '(no question recorded)'),
    facts(record), answers,
    originals.length ? el('div', { class: 'pictures originals' }, ...originals) : null,
    rewards(record), bar, node,
    record.error ? more('error', record.error) : null,
    record.attempts.length ? more(`${record.attempts.length} attempts thrown away before this one`, record.attempts.join('\n\n')) : null,
    record.prompt.length ? more('prompt', record.prompt.map(([role, text]) => `[${role}]\n${text}`).join('\n\n')) : null,
    record.extra ? more('other fields', record.extra) : null,
    el('p', { class: 'soft' }, el('a', { href: '#t=' + record.id }, record.id), ` · ${record.source} · ${record.where}`),
  ].filter((part) => part);
}
