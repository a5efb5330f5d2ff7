"use strict";
// What is told in the page, and small things that all views use. Texts are set as text, never as HTML.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const [ROW, STATUS, FROM, TO, DIFF, TEXT, HOT] = [0, 1, 2, 3, 4, 5, 6];
const STATUSES = ["failed", "blocked", "not-done", "changed", "would-change", "deferred", "ok", "skipped"];
const SIGNS = { failed: "✗", blocked: "–", "not-done": "?", changed: "~", "would-change": "~", deferred: "?", ok: "", skipped: "" };
const said = (status) => status.replace("-", " ");

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function duration(millis) {
  if (millis < 1000) return `${millis} ms`;
  if (millis < 100000) return `${Math.floor(millis / 1000)}.${Math.floor((millis % 1000) / 100)} s`;
  return `${Math.floor(millis / 60000)} min ${Math.floor((millis % 60000) / 1000)} s`;
}

const rows = DATA.rows.map(([id, name, resource, place]) => ({ id, name, resource, place }));
const byId = new Map(rows.map((row) => [row.id, row]));
const hosts = DATA.hosts.map((host, at) => {
  const cells = new Map(host.tasks.map((cell, task) => [cell[ROW], { cell, task }]));
  return { ...host, at, cells, status: (cell) => DATA.statuses[cell[STATUS]] };
});
const present = STATUSES.filter((status) => DATA.statuses.includes(status));

/// Alike changes are one entry with several hosts.
const entries = [];
{
  const known = new Map();
  for (const row of rows) {
    for (const host of hosts) {
      const found = host.cells.get(row.id);
      if (!found) continue;
      const { cell } = found;
      const status = host.status(cell);
      if (cell[DIFF] < 0 && (cell[TEXT] < 0 || status === "skipped")) continue;
      const key = `${row.id} ${cell[STATUS]} ${cell[DIFF]} ${cell[TEXT]}`;
      let entry = known.get(key);
      if (!entry) {
        entry = { row, status, diff: cell[DIFF], text: cell[TEXT], hosts: [] };
        known.set(key, entry);
        entries.push(entry);
      }
      entry.hosts.push(host);
    }
  }
}

const filter = { text: "", hosts: "", off: new Set() };

/// Words separated by spaces, all of which have to occur.
const words = () => filter.text.toLowerCase().split(/\s+/).filter(Boolean);
const lower = new Map();
function low(text) {
  let found = lower.get(text);
  if (found === undefined) lower.set(text, (found = text.toLowerCase()));
  return found;
}
function holds(texts, wanted) {
  return wanted.every((word) => texts.some((text) => text && low(text).includes(word)));
}
/// Names, or parts of them, separated by commas or spaces; `*` stands for anything.
function hostFilter() {
  const parts = filter.hosts.split(/[\s,]+/).filter(Boolean);
  if (!parts.length) return () => true;
  const tests = parts.map((part) => {
    const pattern = part.split("*").map((plain) => plain.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*");
    return new RegExp(part.includes("*") ? `^${pattern}$` : pattern, "i");
  });
  return (name) => tests.some((test) => test.test(name));
}
const textsOf = (row, cell) => [row.name, row.resource, row.place, DATA.diffs[cell[DIFF]], DATA.texts[cell[TEXT]]];

function hostsShown(list) {
  const named = list.slice(0, 12).map((host) => host.name).join(", ");
  return list.length > 12 ? `${named} and ${list.length - 12} more` : named;
}

/// A text with what is searched for marked.
function marked(element, text, wanted) {
  if (!wanted.length) {
    element.textContent = text;
    return element;
  }
  const pattern = new RegExp(wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    element.append(text.slice(at, match.index), make("mark", {}, match[0]));
    at = match.index + match[0].length;
  }
  element.append(text.slice(at));
  return element;
}

function diffView(diff, wanted) {
  const view = make("pre", { class: "diff" });
  for (const line of DATA.diffs[diff].split("\n")) {
    const kind = /^ {2}@@/.test(line) ? "at" : /^ {2}\+/.test(line) ? "add" : /^ {2}-/.test(line) ? "del" : /^\S/.test(line) ? "facet" : "";
    view.append(marked(make("span", { class: kind || null }), line, wanted));
  }
  return view;
}

function details(row, status, diff, text, wanted) {
  const body = make("div", { class: "body" });
  const about = [row.resource, row.place].filter(Boolean).join(" · ");
  body.append(make("p", { class: "place" }, about));
  if (text >= 0) body.append(marked(make("pre"), DATA.texts[text], wanted));
  if (diff >= 0) body.append(diffView(diff, wanted));
  return body;
}
