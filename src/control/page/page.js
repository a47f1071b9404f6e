// Asks for the figures every two seconds and shows them. Counters come as they stand; rates are made here, over the last ten
// seconds. Elements stay in place and only texts change: what is selected or read aloud is not torn away.
"use strict";

const PERIOD = 2000;
const WINDOW = 10; // seconds that a rate is taken over
const CHART = 150; // points kept, five minutes

const $ = (id) => document.getElementById(id);
const history = []; // { at, status }, the newest last
const charts = new Map(); // database → rates
let isPaused = false;
let lastAt = null;

// ---------------------------------------------------------------------------------------------- figures

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const number = (value) => (value >= 100 ? whole : tenth).format(value);

function duration(seconds) {
  if (seconds === null || !isFinite(seconds)) return "–";
  if (seconds < 0.001) return `${number(seconds * 1e6)} µs`;
  if (seconds < 1) return `${number(seconds * 1e3)} ms`;
  if (seconds < 120) return `${number(seconds)} s`;
  if (seconds < 7200) return `${number(seconds / 60)} min`;
  if (seconds < 172800) return `${number(seconds / 3600)} h`;
  return `${number(seconds / 86400)} days`;
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; count >= 1024 && unit < 4; unit++) count /= 1024;
  return `${number(count)} ${units[unit]}`;
}

const total = (values) => Object.values(values).reduce((one, other) => one + other, 0);

/** What a counter has grown by in a second; `null` before there is something to compare with. */
function rate(of) {
  const last = history[history.length - 1];
  const first = history.find((it) => last.at - it.at <= WINDOW * 1000);
  if (!first || first === last) return null;
  const grown = (of(last.status) ?? 0) - (of(first.status) ?? 0);
  return Math.max(0, grown) / ((last.at - first.at) / 1000);
}

/** The bucket bound under which this share of the samples of the window lies, interpolated. */
function quantile(share, of) {
  const last = history[history.length - 1];
  const first = history.find((it) => last.at - it.at <= WINDOW * 1000);
  const now = of(last.status);
  if (!now || now.counts.length === 0 || first === last) return null;
  const before = of(first.status);
  const counts = now.counts.map((count, index) => count - (before?.counts[index] ?? 0));
  const all = counts[counts.length - 1];
  if (all <= 0) return null;
  const wanted = share * all;
  const index = counts.findIndex((count) => count >= wanted);
  if (index >= now.bounds.length) return now.bounds[now.bounds.length - 1];
  const [low, under] = index === 0 ? [0, 0] : [now.bounds[index - 1], counts[index - 1]];
  return low + ((now.bounds[index] - low) * (wanted - under)) / (counts[index] - under);
}

const inDatabase = (name, of) => (status) => {
  const database = status.databases.find((it) => it.name === name);
  return database && of(database);
};

const statements = (database, fits) =>
  database.statements.filter(fits).reduce((sum, it) => sum + it.count, 0);

// --------------------------------------------------------------------------------------------- elements

function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

function make(tag, parent, className) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent?.append(element);
  return element;
}

/** Keeps one child of `parent` for each item, by key and in order. */
function keep(parent, items, key, create, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = known.get(name);
    if (!child) {
      child = create(item);
      child.dataset.key = name;
    }
    known.delete(name);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
  for (const child of known.values()) child.remove();
}

/** A row with a heading and cells that say what they are, as tables do not on phones. */
function row(labels) {
  const element = make("tr");
  element.setAttribute("role", "row");
  const head = make("th", element);
  head.scope = "row";
  head.setAttribute("role", "rowheader");
  for (const label of labels) {
    const cell = make("td", element);
    cell.dataset.label = label;
    cell.setAttribute("role", "cell");
  }
  return element;
}

function bar(cell) {
  let outer = cell.querySelector(".bar");
  if (!outer) {
    outer = make("span", cell, "bar");
    outer.setAttribute("aria-hidden", "true");
    make("i", outer);
  }
  return outer;
}

function setBar(cell, share, level) {
  const outer = bar(cell);
  outer.className = `bar ${level ?? ""}`;
  outer.firstChild.style.width = `${Math.min(100, 100 * share).toFixed(1)}%`;
}

/** The text of a cell that has a bar beside it. */
function label(cell, value) {
  let element = cell.querySelector("span:not(.bar)");
  if (!element) {
    element = make("span");
    cell.prepend(element);
  }
  text(element, value);
}

// ------------------------------------------------------------------------------------------------- parts

function showTiles(status) {
  const all = (of) => (it) => it.databases.reduce((sum, database) => sum + of(database), 0);
  const clients = all((it) => total(it.clients))(status);
  const waiting = status.databases.flatMap((it) => it.shards).flatMap((it) => it.servers)
    .reduce((sum, it) => sum + it.waiting, 0);
  const merged = (it) => it.databases.map((database) => database.query_seconds).filter((times) => times.counts.length)
    .reduce((one, other) => one && { bounds: one.bounds, counts: one.counts.map((count, at) => count + other.counts[at]) } || other, null);
  const slowest = quantile(0.99, merged);
  const perSecond = (value) => (value === null ? "–" : number(value));
  const errors = rate(all((it) => total(it.errors) - (it.errors["0A"] ?? 0)));
  const refusals = rate(all((it) => total(it.refusals)));
  const doubt = all((it) => it.shards.reduce((sum, shard) => sum + shard.in_doubt, 0))(status);
  const isFull = status.clients_max && clients > 0.9 * status.clients_max;
  const tiles = [
    ["Statements", perSecond(rate(all((it) => statements(it, () => true)))), "a second"],
    ["Half within", duration(quantile(0.5, merged)), ""],
    ["99 % within", duration(slowest), "", slowest > 5 ? "bad" : slowest > 1 ? "warn" : ""],
    ["Clients", number(clients), status.clients_max ? `of ${number(status.clients_max)}` : "", isFull ? "warn" : ""],
    ["Clients waiting", number(waiting), "", waiting > 20 ? "bad" : waiting > 0 ? "warn" : ""],
    ["Errors", perSecond(errors), "a second"],
    ["Refusals", perSecond(refusals), "a second"],
    ["In doubt", number(doubt), "transactions", doubt > 0 ? "warn" : ""],
  ];
  keep($("tiles"), tiles, ([name]) => name, ([name]) => {
    const tile = make("div");
    make("dt", tile).textContent = name;
    const value = make("dd", tile);
    make("span", value);
    value.append(" ");
    make("small", value);
    return tile;
  }, (tile, [, value, unit, level]) => {
    tile.className = level ?? "";
    text(tile.querySelector("span"), value);
    text(tile.querySelector("small"), unit);
  });
}

function showNotes(status) {
  const notes = status.reasons.map((reason) => ["bad", `Not ready: ${reason}`]);
  if (!status.last_reload_successful) notes.push(["warn", "The last reload failed: the old settings are in force."]);
  for (const database of status.databases) {
    for (const shard of database.shards) {
      if (shard.in_doubt_age_seconds > 60) {
        notes.push(["bad", `A transaction on ${database.name}/${shard.name} has been in doubt for ${duration(shard.in_doubt_age_seconds)}.`]);
      }
      for (const server of shard.servers) {
        if (server.health === "down") notes.push(["bad", `${server.name} is down.`]);
        else if (server.role === "replica" && server.health === "up" && server.lag_seconds === null) {
          notes.push(["warn", `How far ${server.name} is behind is not known: it takes no part.`]);
        }
        if (server.wait_max_seconds > 5) notes.push(["bad", `A client has waited ${duration(server.wait_max_seconds)} for ${server.name}.`]);
      }
    }
  }
  keep($("notes"), notes, ([, note]) => note, () => make("li", null, "note"), (item, [level, note]) => {
    item.className = `note ${level}`;
    text(item, note);
  });
  const state = $("state");
  const [word, level] = status.reasons.includes("draining") ? ["Draining", "warn"] : status.reasons.length ? ["Not ready", "bad"] : ["Ready", "good"];
  text(state, word);
  state.className = `badge ${level}`;
}

function showShards(section, database) {
  const rates = database.shards.map((shard) => {
    const of = (role) => rate(inDatabase(database.name, (it) => statements(it, (one) => one.shard === shard.name && (!role || one.role === role))));
    return { shard, all: of(null), replicas: of("replica") };
  });
  const sum = rates.reduce((one, other) => one + (other.all ?? 0), 0);
  keep(section.querySelector(".shards tbody"), rates, (it) => it.shard.name,
    () => row(["Statements a second", "Share", "On replicas", "In doubt"]), (element, { shard, all, replicas }) => {
      const [head, perSecond, share, onReplicas, doubt] = element.children;
      text(head, shard.name);
      text(perSecond, all === null ? "–" : number(all));
      const part = sum > 0 ? (all ?? 0) / sum : 0;
      label(share, sum > 0 ? `${number(100 * part)} %` : "–");
      const isHot = rates.length > 1 && sum > 100 && part * rates.length > 1.6;
      setBar(share, part, isHot ? "warn" : "");
      text(onReplicas, all ? `${number((100 * (replicas ?? 0)) / all)} %` : "–");
      text(doubt, shard.in_doubt > 0 ? `${number(shard.in_doubt)}, the oldest ${duration(shard.in_doubt_age_seconds)}` : "0");
    });
}

const STATES = { up: ["Up", "good"], suspect: ["Missed a probe", "warn"], down: ["Down", "bad"], unknown: ["Not known", "warn"] };

function showServers(section, database) {
  const servers = database.shards.flatMap((shard) => shard.servers);
  keep(section.querySelector(".servers tbody"), servers, (it) => it.name,
    () => row(["Role", "State", "Behind", "Connections", "Waiting"]), (element, server) => {
      const [head, role, state, behind, connections, waiting] = element.children;
      if (!head.firstElementChild) {
        make("span", head);
        make("small", head);
      }
      text(head.firstElementChild, server.name);
      text(head.lastElementChild, server.address);
      text(role, server.role);
      const [word, level] = STATES[server.health];
      label(state, word);
      state.firstElementChild.className = `mark ${level}`;
      const isBehind = server.lag_seconds !== null;
      text(behind, server.role === "primary" ? "–" : isBehind ? `${duration(server.lag_seconds)}, ${bytes(server.lag_bytes)}` : "not known");
      const { active = 0, idle = 0, opening = 0 } = server.connections;
      const most = server.connections_max ?? 0;
      const words = [`${number(active)} in use`, `${number(idle)} idle`];
      if (opening > 0) words.push(`${number(opening)} opening`);
      if (most > 0) words.push(`at most ${number(most)}`);
      label(connections, words.join(", "));
      const used = most > 0 ? active / most : 0;
      setBar(connections, used, used > 0.95 ? "bad" : used > 0.8 ? "warn" : "");
      text(waiting, server.waiting > 0 ? `${number(server.waiting)}, ${duration(server.wait_max_seconds)}` : "0");
    });
}

/** The keys and buckets that most statements of their keyspace are for. */
function showHot(section, database) {
  keep(section.querySelector(".hot tbody"), database.hot, (it) => `${it.keyspace} ${it.kind} ${it.key}`,
    () => row(["Keyspace", "Shard", "Share", "Statements a second"]), (element, hot) => {
      const [head, keyspace, shard, share, perSecond] = element.children;
      if (!head.firstElementChild) {
        make("span", head);
        make("small", head);
      }
      text(head.firstElementChild, hot.key);
      text(head.lastElementChild, hot.kind === "bucket" ? "bucket" : "");
      text(keyspace, hot.keyspace);
      text(shard, hot.shard ?? "none");
      label(share, `${number(100 * hot.share)} %`);
      setBar(share, hot.share, hot.share > 0.5 ? "warn" : "");
      text(perSecond, number(hot.per_second));
    });
}

/** A table of names with figures and their share, the largest first. */
function showBars(table, values, show) {
  const items = Object.entries(values).filter(([, value]) => value > 0).sort(([, one], [, other]) => other - one);
  const sum = total(values);
  keep(table.querySelector("tbody"), items, ([name]) => name, () => {
    const element = make("tr");
    make("th", element).scope = "row";
    make("td", element);
    make("td", element);
    return element;
  }, (element, [name, value]) => {
    const [head, figure, share] = element.children;
    text(head, name);
    text(figure, show(value));
    const part = sum > 0 ? value / sum : 0;
    label(share, `${number(100 * part)} %`);
    setBar(share, part);
  });
}

function showPlans(section, database) {
  const kinds = [...new Set(database.statements.map((it) => it.plan))];
  const rates = kinds.map((kind) => [kind, rate(inDatabase(database.name, (it) => statements(it, (one) => one.plan === kind)))]);
  // Before there are rates, the shares are those since the start.
  const isRate = rates.some(([, value]) => value !== null && value > 0);
  const values = Object.fromEntries(isRate ? rates.map(([kind, value]) => [kind, value ?? 0])
    : kinds.map((kind) => [kind, statements(database, (it) => it.plan === kind)]));
  text(section.querySelector(".plans thead th:nth-child(2)"), isRate ? "A second" : "Since the start");
  showBars(section.querySelector(".plans"), values, number);
}

function showChart(section, database) {
  const now = rate(inDatabase(database.name, (it) => statements(it, () => true)));
  if (now === null) return;
  const points = charts.get(database.name) ?? [];
  charts.set(database.name, points);
  points.push(now);
  if (points.length > CHART) points.shift();
  const top = Math.max(1, ...points);
  const at = (value, index) => `${(600 * (CHART - points.length + index + 0.5)) / CHART},${(78 - (74 * value) / top).toFixed(1)}`;
  const line = points.map(at).join(" L");
  const start = at(0, 0).split(",")[0];
  section.querySelector(".line").setAttribute("d", `M${line}`);
  section.querySelector(".area").setAttribute("d", `M${start},80 L${line} L598,80 Z`);
  text(section.querySelector(".caption"), `${number(now)} now, at most ${number(top)} in the last ${duration((points.length * PERIOD) / 1000)}.`);
}

function show(status) {
  text($("about"), `${status.version}, up ${duration(status.uptime_seconds)}, map ${status.map_epoch}`);
  showNotes(status);
  showTiles(status);
  keep($("databases"), status.databases, (it) => it.name, (database) => {
    const section = document.importNode($("database").content, true).firstElementChild;
    section.querySelector("h2").textContent = `Database ${database.name}`;
    for (const table of section.querySelectorAll("table")) {
      table.setAttribute("role", "table");
      table.setAttribute("aria-label", `${table.closest("section").querySelector("h3").textContent} of ${database.name}`);
      for (const group of table.querySelectorAll("thead, tbody")) group.setAttribute("role", "rowgroup");
      table.querySelector("thead tr").setAttribute("role", "row");
      for (const head of table.querySelectorAll("thead th")) head.setAttribute("role", "columnheader");
    }
    return section;
  }, (section, database) => {
    showChart(section, database);
    showShards(section, database);
    showServers(section, database);
    showHot(section, database);
    showPlans(section, database);
    showBars(section.querySelector(".refusals"), database.refusals, number);
    showBars(section.querySelector(".errors"), database.errors, number);
  });
}

// -------------------------------------------------------------------------------------------------- time

function remember(status) {
  const last = history[history.length - 1];
  // The proxy has been started anew: what it counted before is no base for rates.
  if (last && status.uptime_seconds < last.status.uptime_seconds) history.length = 0;
  history.push({ at: performance.now(), status });
  while (history.length > 2 && history[0].at < performance.now() - 1000 * WINDOW - PERIOD) history.shift();
}

async function ask() {
  try {
    const answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    const status = await answer.json();
    lastAt = new Date();
    remember(status);
    show(status);
    $("trouble").hidden = true;
  } catch (error) {
    const since = lastAt ? ` since ${lastAt.toLocaleTimeString()}` : "";
    text($("trouble"), `The proxy has not answered${since}: ${error.message}. What is shown may be old.`);
    $("trouble").hidden = false;
  }
  text($("age"), lastAt ? `As of ${lastAt.toLocaleTimeString()}, ${isPaused ? "paused" : `every ${PERIOD / 1000} seconds`}.` : "No figures yet.");
}

async function run() {
  for (;;) {
    if (!isPaused && !document.hidden) await ask();
    await new Promise((done) => setTimeout(done, PERIOD));
  }
}

$("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  $("pause").setAttribute("aria-pressed", String(isPaused));
  text($("age"), lastAt ? `As of ${lastAt.toLocaleTimeString()}, ${isPaused ? "paused" : "going on"}.` : "No figures yet.");
  if (!isPaused) ask();
});
run();
