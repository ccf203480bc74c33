// A field for the text of a rule file: lines have numbers, and those with a problem have a mark; below it stand the
// problems, each of which leads to its line, and mends it where it is known what was meant.

import { badge, count, counted, h } from "./lib.js";

const LINT_MS = 400;
const SIGNS = { error: "!", warning: "≈" };
const KINDS = { error: "err", warning: "warn" };
const MAX_LISTED = 50;

export class Editor {
  /** `onchange` is called at once with each text that a person makes, `onpause` when they have stopped typing. */
  constructor({ rows, onchange, onpause }) {
    this.problems = [];
    this.onchange = onchange;
    this.onpause = onpause;
    this.area = h("textarea", {
      rows, wrap: "off", "aria-label": "Text of the rule file", "aria-describedby": "problems", spellcheck: "false", autocapitalize: "off",
      oninput: () => this.typed(), onscroll: () => this.follow(),
    });
    this.gutter = h("pre", { class: "gutter", "aria-hidden": "true" });
    this.list = h("ul", { class: "problems", id: "problems", "aria-label": "Problems in this file" });
    this.said = h("p", { class: "muted small", role: "status" });
    this.element = h("div", { class: "editor" }, h("div", { class: "editing" }, this.gutter, this.area), this.said, this.list);
    new ResizeObserver(() => this.follow()).observe(this.area);
  }

  get text() {
    return this.area.value;
  }

  /** Shows another text; a person has not typed it. */
  set text(text) {
    this.area.value = text;
    this.number();
  }

  /** Shows the problems of this text, `{line, severity, id, message, fix}`. */
  mark(problems) {
    this.problems = problems;
    const errors = problems.filter((problem) => problem.severity === "error").length;
    const warnings = problems.length - errors;
    this.said.textContent = problems.length ? `${counted(errors, "error")} and ${counted(warnings, "warning")} in this file` : "Nothing wrong in this file.";
    this.list.replaceChildren(...problems.slice(0, MAX_LISTED).map((problem) => this.problem(problem)));
    this.lines = 0;
    this.number();
  }

  problem(problem) {
    const { line, severity, id, message, fix } = problem;
    const written = this.text.split("\n")[line - 1] ?? "";
    const mend = fix && written.includes(fix[0]);
    return h("li", {},
      badge(KINDS[severity] ?? "info", severity), " ",
      h("button", { type: "button", class: "plain", onclick: () => this.go(line) }, `Line ${count(line)}`), " ",
      mend ? [h("button", { type: "button", class: "small", onclick: () => this.mend(problem) }, `Write ${fix[1]} in line ${count(line)}`), " "] : null,
      message, " ", h("code", {}, id));
  }

  /** Puts the cursor into a line, with the whole of it chosen. */
  go(line) {
    const lines = this.text.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    this.area.focus();
    this.area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
    const height = this.area.scrollHeight / Math.max(lines.length, 1);
    this.area.scrollTop = Math.max((line - 4) * height, 0);
  }

  mend({ line, fix: [written, meant] }) {
    this.go(line);
    const { selectionStart: start, selectionEnd: end } = this.area;
    const at = this.text.slice(start, end).indexOf(written);
    if (at < 0) return;
    this.area.setRangeText(meant, start + at, start + at + written.length, "end");
    this.typed();
  }

  typed() {
    this.number();
    this.onchange();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onpause(), LINT_MS);
  }

  number() {
    const lines = this.text.split("\n").length;
    if (lines === this.lines) return;
    this.lines = lines;
    const marks = new Map();
    for (const { line, severity } of this.problems) if (marks.get(line) !== "error") marks.set(line, severity);
    const parts = [];
    for (let line = 1; line <= lines; line += 1) {
      const severity = marks.get(line);
      const text = `${severity ? SIGNS[severity] ?? "·" : " "} ${line}\n`;
      if (severity) parts.push(h("span", { class: KINDS[severity] ?? "info" }, text));
      else if (typeof parts.at(-1) === "string") parts[parts.length - 1] += text;
      else parts.push(text);
    }
    this.gutter.replaceChildren(...parts);
    this.follow();
  }

  follow() {
    this.gutter.scrollTop = this.area.scrollTop;
  }
}
