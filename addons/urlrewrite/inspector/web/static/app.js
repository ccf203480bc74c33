// The shell: which page the hash asks for, the navigation, and what all pages share on screen. See lib.js for pages.

import { replace } from "./carried.js";
import { address, exchanged, h, note } from "./lib.js";
import { isOn, keepOn, Live } from "./live.js";

const NAME = "Rewrite inspector";
const KEYS = "rewrite.keys";

const main = document.getElementById("main");
// The server writes a link to each page there is.
const links = new Map([...document.querySelectorAll("#navigation a")].map((link) => [link.dataset.page, link]));
const again = document.getElementById("again");
const liveSwitch = document.getElementById("live");
const keysSwitch = document.getElementById("keys");
let current = 0;
let timers = [];
let isPressed = false;
let hasKeys = isOn(KEYS);
// Where pages were scrolled to, by their addresses; whether a person goes back or forward in the browser's history.
const scrolled = new Map();
let isGoingBack = false;
// What shows something new on the page that is open; null where nothing does.
let follow = null;
const live = new Live({ show: () => follow?.(), onnews: (isNew) => (again.hidden = !isNew || !follow), isBusy });

function route() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const page = links.has(path) ? path : "flow";
  return { page, query: Object.fromEntries(new URLSearchParams(search)) };
}

async function render() {
  const { page, query } = route();
  const turn = (current += 1);
  follow = "follows" in links.get(page).dataset ? () => drawAnew(turn, page) : null;
  exchanged.texts.clear();
  exchanged.flow = "";
  timers.forEach(clearInterval);
  timers = [];
  mark(page, query);
  document.title = `${links.get(page).textContent} · ${NAME}`;
  const content = h("div", { class: `page page-${page}` });
  // The page's height stays while it is loaded again, and so does where it is scrolled to.
  main.style.minHeight = `${main.offsetHeight}px`;
  main.setAttribute("aria-busy", "true");
  main.replaceChildren(content);
  try {
    const module = await load(page);
    if (turn !== current) return;
    document.title = `${module.title} · ${NAME}`;
    await module.show(content, query, appFor(turn, page));
    titled(content, module.title);
  } catch (error) {
    content.prepend(note("err", error instanceof Error ? error.message : String(error)));
  }
  if (turn !== current) return;
  main.style.minHeight = "";
  main.setAttribute("aria-busy", "false");
  live.drawn();
}

// A page has one heading of the first level, to which the focus moves when a person comes to it.
function titled(content, title) {
  const heading = content.querySelector("h1") ?? h("h1", { class: "offscreen" }, title);
  if (!heading.isConnected && !content.contains(heading)) content.prepend(heading);
  heading.tabIndex = -1;
}

async function arrive({ oldURL, newURL }) {
  const back = isGoingBack ? scrolled.get(newURL) : null;
  scrolled.set(oldURL, window.scrollY);
  isGoingBack = false;
  window.scrollTo(0, 0);
  const turn = current + 1;
  await render();
  if (turn !== current) return;
  (main.querySelector("h1") ?? main).focus({ preventScroll: true });
  if (back) window.scrollTo(0, back);
}

// Draws the page that is open once more, and shows it if there is something new on it.
async function drawAnew(turn, page) {
  const { query } = route();
  // What was asked of a flow is shown of this flow.
  if (exchanged.flow && !query.flow) appFor(turn, page).keep({ ...query, flow: exchanged.flow });
  const content = h("div", { class: `page page-${page}` });
  exchanged.isNew = false;
  try {
    const module = await load(page);
    await module.show(content, route().query, { ...appFor(turn, page), every: () => {} });
    titled(content, module.title);
  } catch {
    // It stays as it is; the events come again when the proxy does.
    return;
  }
  const old = main.querySelector(".page");
  if (turn === current && exchanged.isNew && old && !isBusy()) replace(old, content);
}

// Nothing is replaced below somebody's pointer or mark, or while an answer is waited for.
function isBusy() {
  const mark = window.getSelection();
  const isMarked = mark && !mark.isCollapsed && main.contains(mark.anchorNode);
  return isPressed || exchanged.pending > 0 || Boolean(isMarked);
}

async function load(page) {
  try {
    return await import(`./pages/${page}.js`);
  } catch (error) {
    console.warn(error);
    throw new Error(`The page ${links.get(page).textContent} could not be loaded; the browser's console says why.`);
  }
}

function appFor(turn, page) {
  const isCurrent = () => turn === current;
  return {
    isCurrent,
    go: (other, params) => (location.hash = address(other, params)),
    keep: (params) => isCurrent() && history.replaceState(null, "", address(page, params)),
    refresh: () => isCurrent() && render(),
    follow: (action) => {
      if (isCurrent()) follow = action;
    },
    every: (milliseconds, action) => {
      if (isCurrent()) timers.push(setInterval(() => document.hidden || !live.on || action(), milliseconds));
    },
    wanted: () => live.wanted(),
  };
}

// The flow that is being looked at is handed by the navigation to the pages that can be about one.
function mark(chosen, query) {
  for (const [page, link] of links) {
    link.href = address(page, query.flow && "ofAFlow" in link.dataset ? { flow: query.flow } : {});
    if (page === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function switchTo(on) {
  live.set(on);
  liveSwitch.setAttribute("aria-pressed", String(on));
}

function switchKeysTo(on) {
  hasKeys = on;
  keepOn(KEYS, on);
  keysSwitch.setAttribute("aria-pressed", String(on));
}

function onkeydown(event) {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (!hasKeys || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const page = [...links.keys()][Number(event.key) - 1];
  if (event.key === "r") render();
  else if (page) location.hash = address(page);
}

// The skip link would be taken for a page.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
again.addEventListener("click", render);
liveSwitch.addEventListener("click", () => switchTo(!live.on));
keysSwitch.addEventListener("click", () => switchKeysTo(!hasKeys));
window.navigation?.addEventListener("navigate", (event) => (isGoingBack = event.navigationType === "traverse"));
window.addEventListener("pointerdown", () => (isPressed = true), true);
for (const name of ["pointerup", "pointercancel", "blur"]) window.addEventListener(name, () => (isPressed = false), true);
window.addEventListener("hashchange", arrive);
window.addEventListener("keydown", onkeydown);
// The token of a first visit is in the cookie now, and need not stand on the screen.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
liveSwitch.setAttribute("aria-pressed", String(live.on));
keysSwitch.setAttribute("aria-pressed", String(hasKeys));
render();
