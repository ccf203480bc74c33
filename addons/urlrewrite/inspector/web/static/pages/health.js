// The page Health: the proxy as a whole, with plots of the last hour.

import { badge, bytes, card, count, counted, duration, get, h, link, note, s, table, time } from "../lib.js";
import { plot } from "../plots.js";

export const title = "Health";

// Where no traffic comes, too: the plots move on with time.
const EVERY = 5000;

export async function show(main, query, app) {
  main.append(...content(await get("health")));
  app.every(EVERY, app.wanted);
}

function content(data) {
  const causes = data.causes.map((cause) => note(cause.kind, cause.text, " ", link(cause.page, {}, "Show")));
  return [
    ...(causes.length ? causes : [note("ok", "Nothing is wrong.")]),
    h("div", { class: "tiles" }, tiles(data)),
    h("div", { class: "columns four" }, plots(data.series)),
    h("div", { class: "columns" }, sites(data), durations(data), loads(data)),
    h("p", { class: "muted" },
      "Counted since ", time(data.started), `. ${counted(data.kept, "exchange")} can be examined. Bytes held are known from full traces only. `,
      "The option urlrewrite_metrics gives the same figures to Prometheus."),
  ];
}

function tiles(data) {
  const ways = (name) => count(data.ways[name] ?? 0);
  return [
    tile(count(data.requests), "exchanges"),
    tile(count(data.errors), "failed", data.errors ? "err" : "ok"),
    data.looked ? tile(count(data.leaks), `leaks; ${counted(data.looked, "response")} examined`, data.leaks ? "warn" : "ok") : tile("?", "leaks: not searched for"),
    tile(count(data.warnings), "warnings", data.warnings ? "warn" : "ok"),
    tile(count(data.links), "links mapped"),
    tile(ways("pass"), "bodies passed"),
    tile(ways("whole"), "bodies held, rewritten whole"),
    tile(ways("stream"), `streamed${data.released ? `, ${count(data.released)} held first` : ""}`),
    tile(bytes(data.held), "held in total"),
    tile(data.average === null ? "–" : duration(data.average), `on average, ${duration(data.slowest)} at most`),
    tile(count(data.broken_off), "broken off by clients"),
    tile(`${count(data.loads.ok)} / ${count(data.loads.failed)}`, "loads of the rules: good / failed", data.loads.failed ? "warn" : ""),
  ];
}

function tile(number, text, kind = "") {
  return h("div", { class: `tile ${kind}` }, h("b", {}, number), h("span", {}, text));
}

// --- plots

function plots(series) {
  return [
    plot("Exchanges per minute", series, [["requests", "", "all"], ["errors", "err", "failed"]], count),
    plot("Average time", series, [["average", "", "average"]], duration),
    plot("Bodies per minute", series, [["passed", "", "passed"], ["whole", "ok", "whole"], ["streamed", "warn", "streamed"]], count, true),
    plot("Leaks per minute", series, [["leaks", "warn", "leaks"]], count),
  ];
}

// --- tables

function sites(data) {
  const rows = data.sites.map((site) => [
    site.name || h("span", { class: "muted" }, "no site"),
    site.requests,
    { cell: site.errors ? badge("err", count(site.errors)) : "0", class: "number" },
    Object.entries(site.statuses).map(([status, number]) => [badge(kindOf(status), `${status} × ${count(number)}`), " "]),
  ]);
  const heads = ["Site", { text: "Exchanges", class: "number" }, { text: "Failed", class: "number" }, "Statuses"];
  return card("Sites", rows.length ? table(heads, rows) : h("p", { class: "empty" }, "No exchanges yet."));
}

function kindOf(status) {
  return { 2: "ok", 3: "info", 4: "warn", 5: "err", n: "err" }[status[0]] ?? "";
}

function durations(data) {
  const most = Math.max(...data.durations.map((item) => item.number), 1);
  const rows = data.durations.map((item) => [
    { cell: item.label, class: "number" },
    item.number,
    s("svg", { width: "100%", height: 10, preserveAspectRatio: "none", viewBox: "0 0 100 10", class: "swatch" },
      s("rect", { class: "bar", y: 1, width: (100 * item.number) / most, height: 8 })),
  ]);
  return card("Durations", table([{ text: "Up to", class: "number" }, { text: "Exchanges", class: "number" }, ""], rows));
}

function loads(data) {
  const rows = data.reloads.map((reload) => [
    { cell: time(reload.at), class: "nowrap" },
    reload.ok ? badge("ok", "in force") : badge("err", "failed"),
    { cell: duration(reload.seconds), class: "number" },
    [
      reload.ok ? h("code", {}, reload.fingerprint) : null,
      reload.problems.length
        ? h("ul", {}, reload.problems.map((problem) => h("li", {}, problem)), reload.more ? h("li", {}, `and ${count(reload.more)} more`) : null)
        : null,
    ],
  ]);
  return card("Loads of the rule files", table(["When", "", { text: "Took", class: "number" }, "Rules and findings"], rows),
    h("p", { class: "muted" }, data.files.join(", ")));
}
