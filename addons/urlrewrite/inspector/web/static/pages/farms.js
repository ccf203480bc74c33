// The page Farms: the servers of each farm, how they are and what they do; a person takes them off and on.

import { badge, card, count, counted, duration, get, h, note, post, table, time } from "../lib.js";
import { picture } from "../plots.js";

export const title = "Farms";

const EVERY = 2000;
const SMALL = { width: 120, height: 22 };

// What a person may decide about a server; the titles are ARR's names for it.
const DECISIONS = {
  start: ["Start", "Make Server Available: it takes every client"],
  drain: ["Drain", "Disallow New Connections: it takes only clients that are bound to it"],
  stop: ["Stop", "Make Server Unavailable Gracefully: it takes no request, and finishes those under way"],
  kill: ["Stop now", "Make Server Unavailable Immediately: it takes no request, and those under way are cut"],
  test: ["Test now", "Ask for the URL of the health test now"],
};
const STATES = { available: "ok", draining: "warn", stopping: "warn", offline: "err" };

export async function show(main, query, app) {
  const refusal = h("div");
  const content = h("div");
  let turn = 0;
  main.append(refusal, content);

  function update(data) {
    // A button that has the focus keeps it, and a table that was scrolled stays where it is.
    const focused = document.activeElement?.dataset?.key;
    const scrolled = [...content.querySelectorAll(".scroll")].map((table) => table.scrollLeft);
    content.replaceChildren(...shown(data, query.farm, act));
    if (focused) [...content.querySelectorAll("button")].find((button) => button.dataset.key === focused)?.focus({ preventScroll: true });
    [...content.querySelectorAll(".scroll")].forEach((table, at) => (table.scrollLeft = scrolled[at] ?? 0));
  }
  async function act(farm, server, what) {
    const mine = (turn += 1);
    try {
      const data = await post("farms", { farm, server, do: what });
      if (mine !== turn || !app.isCurrent()) return;
      refusal.replaceChildren();
      update(data);
    } catch (error) {
      if (app.isCurrent()) refusal.replaceChildren(note("err", error.message));
    }
  }
  update(await get("farms"));
  if (query.farm) content.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  app.follow(null);
  app.every(EVERY, async () => {
    const mine = turn;
    const data = await get("farms").catch(() => null);
    if (data && mine === turn && app.isCurrent()) update(data);
  });
}

function shown(data, chosen, act) {
  if (!data.farms.length) return [h("p", { class: "empty" }, "The rules in force have no server farms (farms:, or <webFarms>).")];
  const causes = data.causes.map((cause) => note(cause.kind, cause.text));
  return [
    ...(causes.length ? causes : [note("ok", "Every farm has servers that take requests, and none is unhealthy.")]),
    ...data.farms.map((farm) => farmCard(farm, data, farm.name === chosen, act)),
    h("p", { class: "muted" },
      "Counted by this process since it knows the server; plots are of the last hour. What is decided here is kept beside the rule file, and outlives a restart."),
  ];
}

function farmCard(farm, data, chosen, act) {
  const facts = [
    h("code", {}, farm.algorithm + (farm.hash ? ` of ${farm.hash}` : "")),
    farm.affinity ? ["affinity by ", h("code", {}, farm.affinity)] : "no affinity",
    farm.test ? ["health: ", h("code", {}, farm.test)] : "no health test",
    counted(farm.live, "request") + " under way" + (farm.waiting ? `, ${count(farm.waiting)} waiting for a server` : ""),
  ];
  const sticky = farm.affinity ? [{ text: "Bound", class: "number", title: bound(farm, data) }] : [];
  const heads = [
    "Server", "State", "Health",
    { text: "Weight", class: "number" },
    { text: "Under way", class: "number", title: "requests that it has at this moment" },
    { text: "Requests", class: "number" },
    { text: "Failed", class: "number", title: "requests to which it gave no response" },
    ...sticky,
    { text: "Responds in", class: "number", title: "the time to the head of a response, on average" },
    "Last hour",
  ];
  const box = card(
    [farm.label, " ", farm.enabled ? badge(serves(farm), `${farm.serving} of ${farm.servers.length} take new clients`) : badge("err", "offline")],
    h("p", { class: "facts muted" }, facts.map((fact) => h("span", {}, fact))),
    table(heads, farm.servers.map((server) => row(farm, server, act))),
  );
  if (chosen) box.classList.add("chosen");
  return box;
}

function serves(farm) {
  if (!farm.serving) return "err";
  return farm.serving < farm.servers.length ? "warn" : "ok";
}

function bound(farm, data) {
  const who = farm.affinity === "host name" ? "host names that are bound to it" : "client addresses that came back to it by their cookie";
  return `${who}, within the last hour; at most ${count(data.most_clients)} are told apart`;
}

function row(farm, server, act) {
  return {
    class: server.serves ? null : "dim",
    "data-server": server.name,
    cells: [
      { cell: [h("strong", {}, server.label), h("div", { class: "muted small nowrap" }, address(server))], class: "nowrap" },
      { cell: [state(server), h("div", { class: "actions" }, buttons(farm, server, act))], class: "state" },
      { cell: health(server), class: "health" },
      { cell: weight(server), class: "number" },
      { cell: server.most ? `${count(server.live)} of ${count(server.most)}` : count(server.live), class: "number" },
      { cell: count(server.requests), class: "number", title: listed(server.statuses) },
      { cell: server.failed ? badge("err", count(server.failed)) : "0", class: "number", title: listed(server.failures) },
      ...(farm.affinity ? [server.bound] : []),
      { cell: server.average === null ? "–" : duration(server.average), class: "number" },
      { cell: plots(server), class: "plots" },
    ],
  };
}

function state(server) {
  const backup = server.backup ? [" ", badge("info", "backup", "gets requests only while no other server can take them")] : null;
  const avoided = server.avoided ? [" ", badge("warn", "avoided", "it could not be connected to; others are preferred for a while")] : null;
  return [badge(STATES[server.state] ?? "", server.state, server.state_text), backup, avoided];
}

function address(server) {
  const port = server.ports[0] === 80 ? "" : `:${server.ports[0]}`;
  return server.address + port === server.label ? "" : server.address + port;
}

function weight(server) {
  return server.share < 1 ? [count(server.weight), h("div", { class: "muted small" }, `× ${Math.round(server.share * 100)} %, starting`)] : count(server.weight);
}

function health(server) {
  const tested = server.tested === null ? null : ["tested ", time(server.tested)];
  const failing = server.failed_tests && server.healthy ? [badge("warn", `${counted(server.failed_tests, "failed test")}`), " ", server.verdict_text] : null;
  return [
    badge(server.healthy ? "ok" : "err", server.healthy ? "healthy" : "unhealthy", `since ${new Date(server.since * 1000).toTimeString().slice(0, 8)}`),
    " ",
    failing ?? (server.healthy && server.tested !== null ? server.verdict_text : server.why),
    h("div", { class: "muted small" }, tested),
  ];
}

function plots(server) {
  const name = `Requests per minute to ${server.label}`;
  return [
    h("div", { title: "requests per minute; failed ones are red" },
      picture(name, server.series, [["requests", ""], ["failures", "err"]], count, SMALL)),
    h("div", { title: "the time to the head of a response, on average of a minute" },
      picture(`Time to respond of ${server.label}`, server.series, [["average", "ok"]], duration, SMALL)),
  ];
}

function listed(counts) {
  return Object.entries(counts).map(([name, number]) => `${name}: ${count(number)}`).join("\n") || null;
}

function buttons(farm, server, act) {
  const shown = Object.entries(DECISIONS).filter(([what]) => what !== "test" || farm.tests_url);
  return shown.map(([what, [label, title]]) =>
    h("button", {
      type: "button",
      class: what === "kill" ? "small danger" : "small",
      title,
      disabled: !server.may.includes(what),
      "data-key": `${farm.name} ${server.name} ${what}`,
      "aria-label": `${label}: ${server.label} of ${farm.label}`,
      onclick: () => act(farm.name, server.name, what),
    }, label));
}
