// Plots of a series: values by the minute, as bars.
//
// A series is `{began, width, NAME: [value, ...], ...}`: `began` is when its first bar began, in seconds since the epoch,
// `width` the seconds of a bar. `lines` are `[NAME, kind, label]`, where a kind is a class of bars in style.css; `written`
// makes a text of a value.

import { card, h, s } from "./lib.js";

const TOP = 4;

/** A box with a plot, its legend and its highest value. */
export function plot(name, series, lines, written, stacked = false) {
  const most = highest(series, lines, stacked);
  const kinds = lines.length > 1 ? lines.map(([, kind, label]) => h("span", {}, swatch(kind), " ", label)) : [];
  const legend = h("div", { class: "legend" }, kinds, h("span", {}, most > 0 ? `at most ${written(most)}` : "nothing in the last hour"));
  return card(name, picture(name, series, lines, written, { stacked }), legend);
}

/** The plot alone. */
export function picture(name, series, lines, written, { stacked = false, width = 480, height = 84 } = {}) {
  const most = highest(series, lines, stacked);
  const bars = series[lines[0][0]].length;
  const step = width / bars;
  const shapes = [];
  for (let at = 0; most > 0 && at < bars; at += 1) {
    let base = 0;
    for (const [key, kind] of lines) {
      const value = series[key][at];
      if (!value) continue;
      const size = Math.max((value / most) * (height - TOP - 2), 1);
      const y = height - 1 - size - (stacked ? base : 0);
      base += size;
      const when = new Date((series.began + at * series.width) * 1000).toTimeString().slice(0, 5);
      shapes.push(s("rect", { class: `bar ${kind}`, x: at * step + 0.5, y, width: Math.max(step - 1, 1), height: size },
        s("title", {}, `${when}: ${written(value)} ${key}`)));
    }
  }
  const total = most > 0 ? `${name}, ${written(most)} at most` : `${name}: nothing in the last hour`;
  return s("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": total },
    s("line", { class: "axis", x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5 }),
    shapes);
}

function highest(series, lines, stacked) {
  const values = lines.map(([key]) => series[key]);
  const height = (at) => (stacked ? values.reduce((sum, line) => sum + line[at], 0) : Math.max(...values.map((line) => line[at])));
  return Math.max(...values[0].map((_, at) => height(at)), 0);
}

function swatch(kind) {
  return s("svg", { width: 9, height: 9, class: "swatch" }, s("rect", { class: `bar ${kind}`, width: 9, height: 9 }));
}
