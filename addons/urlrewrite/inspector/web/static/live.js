// Following the traffic: when a page is shown anew.
//
// The proxy says by server-sent events that there is something new, and nothing of what it is. Then `show` is called:
// at most twice a second, never twice at a time, and seldom enough that it takes a quarter of the time at most. While
// the window is hidden nothing is asked at all; while a person is at work (presses a button, marks a text, waits for an
// answer) or has switched it off, `onnews` is told that there is something to be had.

const EVENTS = "/rewrite/events";
const MIN_MS = 500;
const SHARE = 4;
const KEY = "rewrite.live";

export class Live {
  /** `show` draws what is new and may return a promise; `onnews` gets whether something is new and not shown;
   * `isBusy` says whether a person is at work. */
  constructor({ show, onnews, isBusy }) {
    this.show = show;
    this.onnews = onnews;
    this.isBusy = isBusy;
    this.on = isOn(KEY);
    this.shown = "";
    this.newest = "";
    this.free = 0;
    this.running = false;
    document.addEventListener("visibilitychange", () => this.listen());
    this.listen();
  }

  /** Switches it on or off, for this browser. */
  set(on) {
    this.on = on;
    keepOn(KEY, on);
    this.plan();
  }

  /** To be called when a page has just been drawn: it shows what there is. */
  drawn() {
    this.shown = this.newest;
    this.free = performance.now() + MIN_MS;
    this.onnews(false);
  }

  /** Shows what is new as soon as may be; something changes with time alone. */
  wanted() {
    this.shown = "";
    this.plan();
  }

  listen() {
    this.source?.close();
    this.source = null;
    if (document.hidden) return;
    this.source = new EventSource(EVENTS);
    this.source.onmessage = ({ data }) => {
      // The first word is of what was there when the page was drawn.
      if (!this.newest) this.shown = data;
      this.newest = data;
      this.plan();
    };
    this.plan();
  }

  plan() {
    const isNew = this.newest !== this.shown;
    this.onnews(isNew && (!this.on || this.isBusy()));
    if (!isNew || !this.on || document.hidden || this.running || this.timer) return;
    this.timer = setTimeout(() => this.turn(), Math.max(this.free - performance.now(), 0));
  }

  async turn() {
    this.timer = null;
    if (document.hidden || !this.on) return;
    const began = performance.now();
    if (this.isBusy()) {
      this.free = began + MIN_MS;
      this.plan();
      return;
    }
    this.running = true;
    const { newest } = this;
    try {
      await this.show();
      this.shown = newest;
    } finally {
      this.running = false;
      this.free = began + Math.max(MIN_MS, SHARE * (performance.now() - began));
      this.plan();
    }
  }
}

/** Whether something that a person can switch off is on; it is, until they do. */
export function isOn(key) {
  try {
    return localStorage.getItem(key) !== "off";
  } catch {
    return true;
  }
}

/** Keeps what a person has switched, for this browser. */
export function keepOn(key, on) {
  try {
    localStorage.setItem(key, on ? "on" : "off");
  } catch {
    // Where nothing may be stored, it holds until the window is closed.
  }
}
