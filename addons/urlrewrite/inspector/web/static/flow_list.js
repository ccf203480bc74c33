// The list of the page Flow: it follows the traffic row by row, is chosen from with one click, and sorted by columns.

import { address, badge, card, count, counted, get, h, link, note, time } from "./lib.js";

const TYPING_MS = 250;
const STEP = 200;
const MAX_CHIPS = 6;
const NAMES = ["filter", "site", "status", "rule", "only", "sort"];
const MARKS = { changed: "Changed", problem: "Problem", leak: "Leak" };
// The column's name for the server, its head, its class; and whether a first click sorts it downwards.
const COLUMNS = [
  ["time", "Time", "at", true],
  ["request", "Request", "request", false],
  ["status", "Status", "status number", true],
  ["site", "Site", "site", false],
  ["what", "What happened", "what", false],
  ["problems", "Problems", "problems", true],
];

export function statusKind({ status }) {
  return status === null || status >= 500 ? "err" : status >= 400 ? "warn" : "ok";
}

export async function showList(main, query, app) {
  const list = new List(query, app);
  main.append(list.element);
  app.follow(() => list.load());
  await list.load();
}

class List {
  constructor(query, app) {
    this.app = app;
    this.chosen = Object.fromEntries(NAMES.map((name) => [name, query[name] ?? ""]));
    this.limit = STEP;
    this.turn = 0;
    this.rows = new Map();
    this.input = h("input", {
      type: "search",
      class: "grow",
      placeholder: "Filter by method, URL, status, what happened or trace id",
      "aria-label": "Filter",
      value: this.chosen.filter,
      oninput: later(() => this.choose("filter", this.input.value)),
    });
    this.total = h("span", { class: "muted total" });
    this.chips = h("div", { class: "chips" });
    this.said = "";
    this.body = h("tbody");
    this.heads = COLUMNS.map(([name, label, kind, down]) => this.head(name, label, kind, down));
    const columns = h("colgroup", {}, COLUMNS.map(([, , kind]) => h("col", { class: `of-${kind.split(" ")[0]}` })));
    this.grid = h("table", { class: "grid flows" }, h("caption", { class: "offscreen" }, "Flows, the newest first unless sorted"), columns, h("thead", {}, h("tr", {}, this.heads)), this.body);
    this.box = card(null, h("div", { class: "scroll" }, this.grid));
    this.none = h("p", { class: "empty", hidden: true });
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.show(this.limit + STEP) }, "Show more");
    this.refused = h("div");
    this.element = h("div", {}, h("div", { class: "toolbar" }, this.input, this.total), this.chips, this.refused, this.box, this.none, this.more);
  }

  head(name, label, kind, down) {
    const button = h("button", { type: "button", class: "plain sort", onclick: () => this.sort(name, down) }, label);
    return h("th", { scope: "col", class: kind, "data-column": name }, button);
  }

  sort(name, down) {
    const [first, second] = down ? [`-${name}`, name] : [name, `-${name}`];
    this.choose("sort", this.chosen.sort === first ? second : this.chosen.sort === second ? "" : first);
  }

  choose(name, value) {
    this.chosen[name] = value;
    this.limit = STEP;
    this.said = "";
    return this.load();
  }

  show(limit) {
    this.limit = limit;
    return this.load();
  }

  async load() {
    const mine = (this.turn += 1);
    let data;
    try {
      data = await get("flow", { ...this.chosen, limit: this.limit });
    } catch (error) {
      if (mine === this.turn) this.refused.replaceChildren(note("err", error.message));
      return;
    }
    if (mine !== this.turn || !this.app.isCurrent()) return;
    this.refused.replaceChildren();
    this.app.keep(this.chosen);
    this.tell(data);
    this.offer(data.facets);
    this.mark();
    this.fill(data.flows);
  }

  tell(data) {
    const isChosen = NAMES.some((name) => name !== "sort" && this.chosen[name]);
    this.total.textContent = isChosen ? `${count(data.found)} of ${counted(data.total, "flow")}` : counted(data.total, "flow");
    this.none.textContent = data.total ? "No flow is like this." : "No requests yet.";
    this.none.hidden = data.found > 0;
    this.box.hidden = data.found === 0;
    this.more.hidden = !data.more;
    this.more.textContent = `Show more than ${count(data.flows.length)}`;
  }

  mark() {
    for (const head of this.heads) {
      const name = head.dataset.column;
      const sorted = this.chosen.sort === name ? "ascending" : this.chosen.sort === `-${name}` ? "descending" : null;
      if (sorted) head.setAttribute("aria-sort", sorted);
      else head.removeAttribute("aria-sort");
    }
  }

  // What the flows can be chosen by; drawn only if it differs, so that the focus stays.
  offer({ sites, statuses, rules, marks }) {
    const said = JSON.stringify([sites, statuses, rules, marks, this.chosen]);
    if (said === this.said) return;
    this.said = said;
    this.grid.classList.toggle("sites", sites.length > 1);
    const only = this.chosen.only.split(",").filter(Boolean);
    const flip = (mark) => (only.includes(mark) ? only.filter((each) => each !== mark) : [...only, mark]).join(",");
    const focused = document.activeElement?.dataset?.key;
    const groups = [
      h("div", { class: "row", role: "group", "aria-label": "Kind" },
        Object.entries(MARKS).map(([mark, label]) => chip(`only ${mark}`, label, marks[mark], only.includes(mark), () => this.choose("only", flip(mark))))),
      this.group("status", "Status", statuses, 0),
      this.group("site", "Site", sites, 1),
      this.group("rule", "Rule", rules, 0),
    ];
    const chosen = NAMES.some((name) => this.chosen[name]);
    const all = chosen ? h("button", { type: "button", class: "small", onclick: () => this.clear() }, "Show all") : null;
    this.chips.replaceChildren(...groups.filter(Boolean), all ?? "");
    if (focused) [...this.chips.querySelectorAll("[data-key]")].find((each) => each.dataset.key === focused)?.focus({ preventScroll: true });
  }

  group(name, label, entries, least) {
    if (entries.length <= least) return null;
    const flip = (value) => this.choose(name, this.chosen[name] === value ? "" : value);
    const [shown, rest] = [entries.slice(0, MAX_CHIPS), entries.slice(MAX_CHIPS)];
    const select = h("select", { "aria-label": `More: ${label}`, "data-key": `${name} more`, onchange: (event) => flip(event.currentTarget.value) },
      h("option", { value: "" }, "more…"), rest.map(([value, number]) => h("option", { value }, `${value} (${count(number)})`)));
    if (rest.some(([value]) => value === this.chosen[name])) select.value = this.chosen[name];
    return h("div", { class: "row", role: "group", "aria-label": label },
      h("span", { class: "muted" }, label),
      shown.map(([value, number]) => chip(`${name} ${value}`, value === "none" && name === "status" ? "no response" : value, number, this.chosen[name] === value, () => flip(value))),
      rest.length ? select : null);
  }

  clear() {
    for (const name of NAMES) this.chosen[name] = "";
    this.input.value = "";
    this.input.focus();
    return this.choose("sort", "");
  }

  // Rows that say the same stay, and so do the focus in them and where the window is scrolled to.
  fill(flows) {
    const before = this.rows;
    const focused = document.activeElement;
    const lost = focused && this.body.contains(focused) ? focused.closest("tr")?.dataset.flow : null;
    this.rows = new Map();
    let next = this.body.firstElementChild;
    for (const flow of flows) {
      const text = JSON.stringify(flow);
      let entry = before.get(flow.id);
      if (entry?.text !== text) {
        const element = row(flow);
        if (entry) {
          if (next === entry.element) next = element;
          entry.element.replaceWith(element);
        }
        entry = { text, element };
      }
      this.rows.set(flow.id, entry);
      if (entry.element === next) next = next.nextElementSibling;
      else this.body.insertBefore(entry.element, next);
    }
    while (next) {
      const gone = next;
      next = next.nextElementSibling;
      gone.remove();
    }
    if (lost && document.activeElement !== focused) this.rows.get(lost)?.element.querySelector("a")?.focus({ preventScroll: true });
  }
}

function chip(key, label, number, pressed, onclick) {
  return h("button", { type: "button", class: "chip", "aria-pressed": String(pressed), "data-key": key, onclick },
    label, h("span", { class: "muted" }, ` ${count(number)}`));
}

function row(flow) {
  const status = flow.status === null ? "–" : flow.status >= 400 ? badge(statusKind(flow), String(flow.status)) : String(flow.status);
  return h("tr", { "data-flow": flow.id },
    h("td", { class: "nowrap" }, time(flow.time)),
    h("td", { class: "break" }, link("flow", { flow: flow.id }, `${flow.method} ${flow.url}`)),
    h("td", { class: "number" }, status),
    h("td", { class: "break" }, flow.site),
    h("td", { class: "break" }, flow.summary),
    h("td", {}, marks(flow)));
}

function marks(flow) {
  return [
    flow.problems ? badge("warn", counted(flow.problems, "problem")) : null,
    flow.problems && flow.leaks ? " " : null,
    flow.leaks ? h("a", { href: address("leaks", { flow: flow.id }) }, badge("err", counted(flow.leaks, "leak"))) : null,
  ];
}

function later(action) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, TYPING_MS);
  };
}
