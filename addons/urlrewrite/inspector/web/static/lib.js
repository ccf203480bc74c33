// What every page of the inspector is made with.
//
// How a page is written. The page NAME is a row in `inspector/pages/__init__.py` and two files: `inspector/pages/NAME.py`
// gives its data as `data(snapshot, query)`, `static/pages/NAME.js` shows it. A third, `static/pages/NAME.css`, is there
// only if the classes of style.css do not suffice. The script exports
//
//     export const title = "Leaks";
//     export async function show(main, query, app) { ... }
//
// `main` is an empty element to fill. `query` is a plain object of the parameters of the hash: at `#/leaks?flow=ID` it is
// `{flow: "ID"}`. `app` offers
//
//     app.go(page, params)   goes to a page, with an entry in the browser's history
//     app.keep(params)       writes parameters into the address of this page, and does not load it again
//     app.refresh()          loads this page again, as the key "r" does
//     app.follow(action)     has an action show what is new, in place of drawing the page anew; null for nothing new
//     app.isCurrent()        whether the user is still on this page: ask it after each wait before you touch anything
//                            outside `main`
//     app.wanted()           has the page drawn anew soon, as traffic does
//     app.every(ms, action)  calls an action until the user leaves this page, but not while the window is hidden
//
// `show` may throw: the shell shows the error's message. A page begins with the cause of what is wrong. While traffic
// comes, the shell calls `show` again (see live.js) with an element that takes the place of the first if what `get`
// returned has changed; what was opened, scrolled and focused is carried over (see carried.js).
//
// EVERYTHING SHOWN MAY BE HOSTILE: bodies, fields, URLs, names of rules. So elements are made by `h`, whose strings always
// become text nodes; never by innerHTML, outerHTML, insertAdjacentHTML, document.write or eval. `h` sets no `href` or
// `src` but `#/...`, `/...` and http(s) ones, and refuses `style`: styles are classes.

const API = "/rewrite/api/";
/** Where `tryLink` leaves a proposal for the page What if, in the storage of the browser's tab. */
export const PROPOSAL = "rewrite.proposal";
const SVG = "http://www.w3.org/2000/svg";

const ATTRIBUTES_OF_URLS = new Set(["href", "src", "action", "formaction", "xlink:href", "data", "poster", "srcset"]);
const REFUSED = new Set(["srcdoc", "innerhtml", "outerhtml", "style"]);

// --- elements

/** An element. `props`: `class`, `title`, `href`, `on...` (a function that listens to the event), `value` and booleans
 * (set as properties), and any other attribute. Children are strings, numbers, elements, null, and arrays of these. */
export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** An element of SVG; see `h`. */
export function s(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    const lower = name.toLowerCase();
    if (lower.startsWith("on")) {
      if (typeof value !== "function") throw new TypeError(`h: ${name} is not a function`);
      element.addEventListener(lower.slice(2), value);
    } else if (REFUSED.has(lower)) {
      throw new TypeError(`h: ${name} cannot be set`);
    } else if (ATTRIBUTES_OF_URLS.has(lower)) {
      if (isSafeUrl(String(value))) element.setAttribute(name, value);
    } else if (name === "value") {
      // A select takes it only once it has its options: see below.
    } else if (typeof value === "boolean") {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value === true ? "" : value);
    } else {
      element.setAttribute(name, value);
    }
  }
  append(element, children);
  const value = props?.value;
  if (value !== null && value !== undefined) {
    if ("value" in element) element.value = value;
    else element.setAttribute("value", value);
  }
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** Whether a link may lead there: to a page of the inspector, to this server, or to http(s). */
export function isSafeUrl(url) {
  return /^(#\/|\/(?![/\\])|https?:\/\/)/i.test(url) && !/[\u0000-\u0020]/.test(url);
}

// --- the server

/** What goes on between the pages and the server: the texts that `get` got last, by path, whether one of them was new,
 * how many answers of `post` are waited for, and the flow that one was about. */
export const exchanged = { texts: new Map(), isNew: false, pending: 0, flow: "" };

/** The data of a page. Throws an Error with the server's message. */
export async function get(name, params = {}) {
  const query = new URLSearchParams(without(params)).toString();
  const path = name + (query ? `?${query}` : "");
  const text = await ask(path, { method: "GET" });
  if (exchanged.texts.get(path) !== text) exchanged.isNew = true;
  exchanged.texts.set(path, text);
  return JSON.parse(text);
}

/** The data of a page for a request that is too long for an address; `data` is a plain object. Throws as `get` does. */
export async function post(name, data = {}) {
  const headers = { "Content-Type": "application/json", "X-XSRFToken": xsrfToken() };
  exchanged.pending += 1;
  try {
    const text = await ask(name, { method: "POST", headers, body: JSON.stringify(data) });
    exchanged.flow = data.flow ?? exchanged.flow;
    return JSON.parse(text);
  } finally {
    exchanged.pending -= 1;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(API + path, { ...options, cache: "no-store", credentials: "same-origin" });
  } catch {
    throw new Error("The proxy does not respond: it was stopped, or the network is down.");
  }
  const text = await response.text().catch(() => "");
  if (response.ok && text) return text;
  const data = parsed(text);
  if (response.status === 403 && !data?.error) throw new Error("You are not logged in: open mitmweb by its address with the token.");
  throw new Error(data?.error ?? `The server responded with ${response.status}.`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function xsrfToken() {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith("_mitmproxy_xsrf="));
  return found ? decodeURIComponent(found.slice(found.indexOf("=") + 1).replace(/^"|"$/g, "")) : "";
}

function without(params) {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== ""));
}

// --- small things that look the same on every page

/** The address of a page of the inspector: `#/leaks?flow=ID`. */
export function address(page, params = {}) {
  const query = new URLSearchParams(without(params)).toString();
  return `#/${encodeURIComponent(page)}${query ? `?${query}` : ""}`;
}

/** A link to a page of the inspector. */
export function link(page, params, text, props = {}) {
  return h("a", { href: address(page, params), ...props }, text);
}

/** A link to the page What if, with the rule file in which a proposal stands; what is proposed is `yaml`, `xml` or both. */
export function tryLink({ title, yaml, xml, site }) {
  const keep = () => sessionStorage.setItem(PROPOSAL, JSON.stringify({ title, yaml, xml }));
  return link("what_if", { proposal: "1", site }, "Try it against recorded flows", { onclick: keep, onauxclick: keep });
}

/** A table. `heads` are texts or {text, title, class}; `rows` are arrays of cells: anything that `h` takes as a child, or
 * {cell, class, title}. A number is aligned to the right. A row may be {cells, class, ...props} instead. */
export function table(heads, rows, props = {}) {
  const head = heads.map((item) => {
    const { text, ...rest } = item !== null && typeof item === "object" && !(item instanceof Node) ? item : { text: item };
    return text === "" ? h("td", rest) : h("th", { scope: "col", ...rest }, text);
  });
  const body = rows.map((row) => {
    const { cells, ...rest } = Array.isArray(row) ? { cells: row } : row;
    return h("tr", rest, cells.map(tableCell));
  });
  const grid = h("table", { class: "grid", ...props }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
  // Whoever does not see what it stands below hears it.
  queueMicrotask(() => grid.prepend(h("caption", { class: "offscreen" }, headingOf(grid) || grid.tHead.textContent)));
  return h("div", { class: "scroll" }, grid);
}

// The heading below which something stands.
function headingOf(element) {
  for (let box = element.parentElement; box && !box.matches("main"); box = box.parentElement) {
    const heading = [...box.querySelectorAll("h1, h2, h3, summary")].findLast(
      (each) => each.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    if (heading) return heading.textContent.trim().slice(0, 120);
  }
  return "";
}

function tableCell(item) {
  if (item !== null && typeof item === "object" && !(item instanceof Node) && !Array.isArray(item)) {
    const { cell, ...rest } = item;
    return h("td", rest, cell);
  }
  return h("td", typeof item === "number" ? { class: "number" } : {}, typeof item === "number" ? count(item) : item);
}

/** A number with thousands separators. */
export function count(number) {
  return Number(number).toLocaleString("en-US");
}

/** A moment, given in seconds since the epoch: the time of today, with the date where it is another day; the title says
 * how long ago. */
export function time(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(Number(seconds))) return h("span", { class: "muted" }, "never");
  const moment = new Date(seconds * 1000);
  if (Number.isNaN(moment.getTime())) return h("span", { class: "muted" }, "?");
  const day = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
  const text = day(moment) === day(new Date()) ? clock : `${day(moment)} ${clock}`;
  return h("time", { datetime: moment.toISOString(), title: `${moment.toISOString()} (${ago(seconds)})` }, text);
}

/** How long ago a moment is: "12 s ago". */
export function ago(seconds) {
  return `${duration(Math.max(Date.now() / 1000 - seconds, 0), 1)} ago`;
}

/** A duration in seconds: "850 µs", "12 ms", "3.2 s", "5 min", "2 h", "3 days". */
export function duration(seconds, rough = 0) {
  if (seconds < 0.001 && !rough) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1 && !rough) return `${Math.round(seconds * 1e3)} ms`;
  if (seconds < 60) return `${rough || seconds >= 10 ? Math.round(seconds) : seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function two(number) {
  return String(number).padStart(2, "0");
}

/** A size: "17 B", "1.2 KB", "3.4 MB". */
export function bytes(number) {
  let size = Number(number);
  if (!Number.isFinite(size)) return "?";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** "1 link", "1,300 links". */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A word in a coloured frame; `kind` is ok, warn, err or info. */
export function badge(kind, text, title) {
  return h("span", { class: `badge ${kind}`, title }, text);
}

/** A button that puts a text into the clipboard. */
export function copyButton(text, label = "Copy") {
  const button = h("button", { type: "button", class: "small", onclick: copy }, label);
  queueMicrotask(() => {
    const heading = headingOf(button);
    if (heading) button.setAttribute("aria-label", `${label}: ${heading}`);
  });
  async function copy() {
    button.textContent = (await copied(String(text))) ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = label), 1500);
  }
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https, as mitmweb mostly is, other names than localhost have no clipboard but this one.
    const area = h("textarea", { class: "offscreen", value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** Tabs: `{label: element, ...}`, of which the first, or the one named `chosen`, is open; the arrow keys change it.
 * `onchange` gets the label. */
export function tabs(panels, { chosen, onchange } = {}) {
  const labels = Object.keys(panels);
  const buttons = labels.map((label) =>
    h("button", { type: "button", role: "tab", onclick: () => open(label), onkeydown: (event) => move(event, label) }, label),
  );
  const list = h("div", { class: "tabs", role: "tablist" }, buttons);
  const panel = h("div", { class: "panel", role: "tabpanel" });
  function open(label) {
    labels.forEach((other, index) => {
      buttons[index].setAttribute("aria-selected", String(other === label));
      buttons[index].tabIndex = other === label ? 0 : -1;
    });
    panel.replaceChildren(panels[label]);
    panel.setAttribute("aria-label", label);
    onchange?.(label);
  }
  function move(event, label) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (labels.indexOf(label) + step + labels.length) % labels.length;
    open(labels[next]);
    buttons[next].focus();
  }
  open(labels.includes(chosen) ? chosen : labels[0]);
  return h("div", {}, list, panel);
}

/** A box with a title. */
export function card(title, ...children) {
  return h("section", { class: "card" }, title ? h("h2", {}, title) : null, children);
}

/** Text of several lines as it is. */
export function code(text, props = {}) {
  return h("pre", { class: "code", ...props }, text);
}

/** Any value as JSON on several lines, in which no character is invisible or reverses the reading order. */
export function json(value) {
  const escaped = (char) => [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
  return JSON.stringify(value, null, 1).replace(/(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu, escaped);
}

/** A sentence in a coloured box; `kind` as of `badge`. */
export function note(kind, ...children) {
  return h("p", { class: `note ${kind}`, role: kind === "err" ? "alert" : null }, children);
}
