// What a person has done to a page is carried over to the same page drawn anew: what was opened, scrolled, chosen and
// where the focus is. Things are recognized by what they say, without its numbers, which traffic changes.

const SCROLLED = ".scroll, .code, textarea";
const MAX_WORDS = 200;

/** Puts `fresh` in place of `old`, which is in the document. */
export function replace(old, fresh) {
  carryOpened(old, fresh);
  carryTabs(old, fresh);
  const scrolled = scrolls(old);
  const focused = focus(old);
  const { scrollX, scrollY } = window;
  old.replaceWith(fresh);
  const boxes = keyed(fresh, SCROLLED, wordsAround);
  for (const [key, { left, top }] of scrolled) boxes.get(key)?.scrollTo({ left, top, behavior: "instant" });
  if (focused) keyed(fresh, focused.tag, wordsOf).get(focused.key)?.focus({ preventScroll: true });
  window.scrollTo({ left: scrollX, top: scrollY, behavior: "instant" });
}

function carryOpened(old, fresh) {
  const now = keyed(fresh, "details", wordsOfSummary);
  for (const [key, details] of keyed(old, "details", wordsOfSummary)) {
    if (now.has(key)) now.get(key).open = details.open;
  }
  const buttons = keyed(fresh, "button[aria-expanded]", wordsAround);
  for (const [key, button] of keyed(old, "button[aria-expanded]", wordsAround)) {
    const same = buttons.get(key);
    if (same && same.getAttribute("aria-expanded") !== button.getAttribute("aria-expanded")) same.click();
  }
}

function carryTabs(old, fresh) {
  const now = keyed(fresh, "[role=tab]", wordsOf);
  for (const [key, tab] of keyed(old, "[role=tab]", wordsOf)) {
    if (tab.getAttribute("aria-selected") === "true" && now.get(key)?.getAttribute("aria-selected") !== "true") now.get(key)?.click();
  }
}

function scrolls(old) {
  const found = [...keyed(old, SCROLLED, wordsAround)].map(([key, box]) => [key, { left: box.scrollLeft, top: box.scrollTop }]);
  return found.filter(([, { left, top }]) => left || top);
}

function focus(old) {
  const element = document.activeElement;
  if (!element || element === old || !old.contains(element)) return null;
  const tag = element.localName;
  const found = [...keyed(old, tag, wordsOf)].find(([, each]) => each === element);
  return found ? { tag, key: found[0] } : null;
}

// Elements by their words; of those that say the same, by their number, too.
function keyed(root, selector, words) {
  const counts = new Map();
  const found = new Map();
  for (const element of root.querySelectorAll(selector)) {
    const said = words(element);
    const number = counts.get(said) ?? 0;
    counts.set(said, number + 1);
    found.set(`${number} ${said}`, element);
  }
  return found;
}

function wordsOf(element) {
  return plain(element.dataset.key ?? element.getAttribute("aria-label") ?? element.getAttribute("href") ?? element.textContent);
}

function wordsOfSummary(details) {
  return plain(details.querySelector("summary")?.textContent ?? "");
}

function wordsAround(element) {
  return plain(element.closest("tr, section, li")?.textContent ?? "");
}

function plain(text) {
  return text.slice(0, MAX_WORDS).replace(/\d+/g, "#");
}
