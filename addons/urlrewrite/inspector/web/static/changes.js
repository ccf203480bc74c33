// What was changed in a response, as a person reads it: each change with the colour and the number of its rule, inline or
// side by side, on lines of its own if wanted, and one after the other.

import { card, count, counted, get, h, note, table, tabs } from "./lib.js";
import { kindOf, plain, pretty } from "./pretty.js";

const COLOURS = 8;
const CONTEXT = 2;
const MAX_WHOLE = 2 ** 20;
const MAX_LINES = 3000;

/** The changes of a flow. */
export function changesCard(data, query, app) {
  const { body } = data;
  const box = h("div");
  const number = h("span", { class: "muted" });
  const lines = h("input", { type: "checkbox", onchange: () => show(lines.checked) });
  lines.checked = query.pretty === "1";
  const jumps = h("div", { class: "toolbar" },
    h("button", { type: "button", class: "small", onclick: () => jump(-1) }, "← Previous change"),
    h("button", { type: "button", class: "small", onclick: () => jump(1) }, "Next change →"),
    number,
    h("span", { class: "grow" }),
    body.size && body.size <= MAX_WHOLE ? h("label", {}, lines, "Pretty-print JSON, markup and fields") : null);
  let current = -1;
  let chosen;

  function jump(step) {
    const all = [...box.querySelectorAll("[data-change]")].filter((each) => each.checkVisibility());
    if (!all.length) return;
    all[current]?.classList.remove("current");
    current = current < 0 && step < 0 ? all.length - 1 : (current + step + all.length) % all.length;
    const change = all[current];
    change.classList.add("current");
    change.tabIndex = -1;
    change.focus({ preventScroll: true });
    change.scrollIntoView({ block: "center" });
    number.textContent = `${count(current + 1)} of ${count(all.length)}`;
  }

  function draw(hunks, isPretty) {
    const panels = {
      Inline: h("div", {}, hunks.map((hunk) => inline(hunk, data))),
      "Side by side": h("div", {}, hunks.map((hunk) => sides(hunk, data))),
      [`Fields (${data.fields.length})`]: fields(data.fields, data, isPretty),
    };
    const names = Object.keys(panels);
    const first = body.changes || body.whole ? names[0] : names[2];
    box.replaceChildren(tabs(panels, { chosen: chosen ?? first, onchange: (label) => ((chosen = label), restart()) }));
  }

  function restart() {
    current = -1;
    number.textContent = "";
  }

  async function show(isPretty) {
    app.keep({ ...query, pretty: isPretty ? "1" : "" });
    if (!isPretty) return draw(body.hunks, false);
    const whole = body.whole ? data : await get("flow", { flow: query.flow, all: 1 });
    if (lines.checked && app.isCurrent()) draw(together(whole.body.hunks), true);
  }

  const any = body.changes || body.whole || data.fields.length;
  if (any) draw(body.hunks, false);
  if (any && lines.checked) show(true);
  const all =
    !body.whole && body.size && body.size <= MAX_WHOLE
      ? h("button", { type: "button", class: "small", onclick: () => app.go("flow", { flow: query.flow, all: 1 }) }, "Show the whole body")
      : null;
  const bodies = body.original ? `backend: ${body.original} → client: ${body.response}` : "";
  return card(
    `Changes: ${counted(data.fields.length, "field")}, ${count(body.changes)} in the body`,
    body.note ? note("info", body.note) : null,
    h("p", { class: "row" }, h("span", { class: "muted grow" }, bodies), all),
    legend(data),
    body.by_trace && body.changes ? h("p", { class: "muted" }, `The causes of changes are read from the trace: ${body.by_trace}.`) : null,
    any ? jumps : null,
    any ? box : null,
    body.more ? h("p", { class: "muted" }, `and ${counted(body.more, "more change")}`) : null,
  );
}

// The lines around changes, of a whole body that was put on lines of its own.
function together(hunks) {
  const pieces = hunks.flatMap((hunk) => hunk.pieces);
  const kind = kindOf(pieces);
  const lines = kind ? pretty(pieces, kind) : plain(pieces);
  const near = lines.map(() => false);
  lines.forEach((line, index) => {
    if (line.some((part) => typeof part !== "string")) near.fill(true, Math.max(index - CONTEXT, 0), index + CONTEXT + 1);
  });
  const found = [];
  lines.slice(0, MAX_LINES).forEach((line, index) => {
    if (!near[index]) return;
    if (!near[index - 1]) found.push({ line: index + 1, pieces: [] });
    found.at(-1).pieces.push(...line, "\n");
  });
  return found;
}

// Rules have a name and, where there are several, a number, which stands at their changes: nobody needs the colours.
function legend(data) {
  const used = new Set(data.body.hunks.flatMap((hunk) => hunk.pieces.flatMap((piece) => piece.by ?? [])));
  const entries = data.causes.map((cause, index) =>
    used.has(index) ? h("li", { class: `swatch ${colour([index])}` }, data.causes.length > 1 ? `${index + 1}: ` : null, cause.label) : null);
  return used.size ? h("ul", { class: "legend", "aria-label": "Who changed what" }, entries) : null;
}

function colour(by) {
  return by.length ? `span-rule-${by.at(-1) % COLOURS}` : "";
}

function names(by, data) {
  return by.map((index) => data.causes[index]?.label ?? "?").join(", ") || "The trace does not say what made this change.";
}

function changed(tag, piece, data, isLast = true) {
  const text = tag === "del" ? piece.before : piece.after;
  if (!text) return null;
  const numbers = data.causes.length > 1 && isLast ? piece.by.map((index) => index + 1).join(",") : null;
  return h(tag, { class: colour(piece.by) || null, title: piece.tip || names(piece.by, data), "data-by": numbers || null, "data-change": isLast ? "" : null }, text);
}

function at(hunk) {
  return h("span", { class: "at" }, `line ${count(hunk.line)}`);
}

/** A part of a text with its changes. */
export function inline(hunk, data) {
  const pieces = hunk.pieces.map((piece) =>
    typeof piece === "string" ? piece : [changed("del", piece, data, !piece.after), changed("ins", piece, data)],
  );
  return h("pre", { class: "code diff" }, at(hunk), pieces);
}

function sides(hunk, data) {
  const one = (tag) => hunk.pieces.map((piece) => (typeof piece === "string" ? piece : changed(tag, piece, data, tag === "ins" || !piece.after)));
  return h(
    "div",
    { class: "sides" },
    h("pre", { class: "code diff" }, at(hunk), one("del")),
    h("pre", { class: "code diff" }, at(hunk), one("ins")),
  );
}

/** Changes of fields; `isPretty` puts each part of a long value on a line of its own. */
export function fields(list, data, isPretty = false) {
  if (!list.length) return h("p", { class: "muted" }, "No field was changed.");
  const parts = (text) => (isPretty ? text.replace(/([;,])\s+/g, "$1\n") : text);
  const value = (tag, text, by) =>
    text === null
      ? h("span", { class: "muted" }, "–")
      : h(tag, { class: `${colour(by)} value`, title: names(by, data), "data-change": tag === "ins" ? "" : null }, parts(text));
  const rows = list.map((field) => [
    { cell: field.name, class: "nowrap" },
    value("del", field.before, field.by),
    value("ins", field.after, field.by),
    names(field.by, data),
  ]);
  return table(["Field", "Backend", "Client", "By"], rows, { class: "grid" });
}
