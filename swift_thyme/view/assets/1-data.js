'use strict';
// Reading the data blocks of this page. Everything in them is text; nothing is ever parsed as markup.

const $ = (id) => document.getElementById(id);

/** Makes an element; strings among the children become text. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (name === 'class') node.className = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The text of a data block as soon as the browser has read all of it; null when there is none. */
function block(id) {
  return new Promise((resolve) => {
    const look = () => {
      const node = $(id);
      const whole = document.readyState !== 'loading';
      if (node && (whole || node.nextElementSibling)) resolve(node.textContent);
      else if (whole) resolve(null);
      else setTimeout(look, 25);
    };
    look();
  });
}

async function unpack(base64) {
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return JSON.parse(await new Response(stream).text());
}

const KEPT_CHUNKS = 30;
const chunks = new Map();

/** The records of one chunk. */
function chunk(number) {
  let found = chunks.get(number);
  if (!found) {
    found = block('c' + number).then((text) => (text === null ? [] : unpack(text)));
  } else chunks.delete(number);
  chunks.set(number, found);
  if (chunks.size > KEPT_CHUNKS) chunks.delete(chunks.keys().next().value);
  return found;
}

/** Sets the source of an <img> once its data is there. */
function loadPicture(image, key) {
  block('p' + key).then((base64) => {
    if (base64 !== null) image.src = 'data:image/jpeg;base64,' + base64;
  });
}
