// The shell: which page the hash asks for, the navigation, and what all pages share on screen. See lib.js for pages.

import { address, h, note } from "./lib.js";

const NAME = "Rewrite inspector";

const main = document.getElementById("main");
// The server writes a link to each page there is.
const links = new Map([...document.querySelectorAll("#navigation a")].map((link) => [link.dataset.page, link]));
let shown = 0;
let timers = [];

function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const page = links.has(path) ? path : "flow";
  return { page, asked: Object.fromEntries(new URLSearchParams(query)) };
}

async function render() {
  const { page, asked } = route();
  const turn = (shown += 1);
  timers.forEach(clearInterval);
  timers = [];
  mark(page, asked);
  document.title = `${links.get(page).textContent} · ${NAME}`;
  const content = h("div", { class: `page page-${page}` });
  // The page's height stays while it is loaded again, and so does where it is scrolled to.
  main.style.minHeight = `${main.offsetHeight}px`;
  main.setAttribute("aria-busy", "true");
  main.replaceChildren(content);
  try {
    const module = await load(page);
    if (turn !== shown) return;
    document.title = `${module.title} · ${NAME}`;
    await module.show(content, asked, appFor(turn, page));
  } catch (error) {
    content.prepend(note("err", error instanceof Error ? error.message : String(error)));
  }
  if (turn !== shown) return;
  main.style.minHeight = "";
  main.setAttribute("aria-busy", "false");
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
  const isCurrent = () => turn === shown;
  return {
    isCurrent,
    go: (other, params) => (location.hash = address(other, params)),
    keep: (params) => isCurrent() && history.replaceState(null, "", address(page, params)),
    refresh: () => isCurrent() && render(),
    every: (milliseconds, action) => {
      if (isCurrent()) timers.push(setInterval(() => document.hidden || action(), milliseconds));
    },
  };
}

// A flow that one has looked at is the one that the other pages are asked about, too.
function mark(current, asked) {
  for (const [page, link] of links) {
    link.href = address(page, asked.flow && "ofAFlow" in link.dataset ? { flow: asked.flow } : {});
    if (page === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function onkeydown(event) {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const page = [...links.keys()][Number(event.key) - 1];
  if (event.key === "r") render();
  else if (page) location.hash = address(page);
}

// The skip link would be taken for a page.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.getElementById("again").addEventListener("click", render);
window.addEventListener("hashchange", render);
window.addEventListener("keydown", onkeydown);
// The token of a first visit is in the cookie now, and need not stand on the screen.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
render();
