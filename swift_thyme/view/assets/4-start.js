// Wiring, once the index is there.

function move(by) {
  const at = found.indexOf(current);
  const to = found[Math.min(found.length - 1, Math.max(0, at + by))];
  if (to !== undefined && to !== current) select(to, document.body.classList.contains('reading'));
}

function turnPage(by) {
  const to = Math.min(Math.ceil(found.length / PAGE) - 1, Math.max(0, page + by));
  if (to !== page && to >= 0) {
    page = to;
    drawList();
    select(found[page * PAGE], false);
  }
}

function clear() {
  Object.assign(state, { q: '', stop: '', kind: '', sort: '', on: new Set() });
  $('search').value = $('sort').value = '';
  drawChips();
  apply(true);
}

const KEYS = {
  j: () => move(1), k: () => move(-1), n: () => turnPage(1), p: () => turnPage(-1), x: clear,
  '/': () => $('search').focus(), '?': () => $('help').showModal(),
  c: () => {
    const options = [...$('colour').options].filter((option) => !option.disabled).map((option) => option.value);
    colour = options[(options.indexOf(colour) + 1) % options.length];
    show(current);
  },
};

function wire() {
  let typing;
  $('search').addEventListener('input', (event) => {
    state.q = event.target.value;
    clearTimeout(typing);
    typing = setTimeout(() => apply(true), 200);
  });
  $('stop').addEventListener('change', (event) => { state.stop = event.target.value; apply(true); });
  $('kind').addEventListener('change', (event) => { state.kind = event.target.value; apply(true); });
  $('sort').addEventListener('change', (event) => { state.sort = event.target.value; apply(true); });
  $('page-back').addEventListener('click', () => turnPage(-1));
  $('page-on').addEventListener('click', () => turnPage(1));
  $('help-open').addEventListener('click', () => $('help').showModal());
  $('light-close').addEventListener('click', () => $('light').close());
  $('light').addEventListener('click', (event) => { if (event.target === $('light')) $('light').close(); });
  window.addEventListener('hashchange', () => {
    const wanted = recall();
    drawChips();
    apply(true).then(() => { if (wanted >= 0 && wanted !== current) select(wanted, true); });
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typingIn = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === 'Escape') {
      if (typingIn) event.target.blur();
      else if (!document.querySelector('dialog[open]')) document.body.classList.remove('reading');
    } else if (!typingIn && KEYS[event.key] && !document.querySelector('dialog[open]')) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
}

async function start() {
  if (!('DecompressionStream' in window)) {
    $('count').textContent = 'This browser is too old for this page: Chrome 103, Firefox 113, Safari 16.4 or newer is needed.';
    return;
  }
  index = await unpack(await block('index'));
  if (index.problems.length) {
    $('problems').textContent = `${index.problems.length} lines could not be read:\n` + index.problems.map((p) => p[1]).join('\n');
    $('help-open').textContent = '⚠ ?';
  }
  wire();
  const wanted = recall();
  drawChips();
  if (wanted >= 0) document.body.classList.add('reading');
  await apply(true);
  if (wanted >= 0) select(wanted, true);
}

start();
