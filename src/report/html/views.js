// The views: matrix, changes, times, graph. Each is built when it is near the screen, and anew when a filter changes.

const matrix = { rows: [], hosts: [], at: [0, 0] };

function drawMatrix() {
  const [isWanted, wanted] = [hostFilter(), words()];
  matrix.hosts = hosts.filter((host) => isWanted(host.name) && host.tasks.length);
  const shows = (host, row) => {
    const found = host.cells.get(row.id);
    return found && !filter.off.has(host.status(found.cell)) && holds([host.name, ...textsOf(row, found.cell)], wanted);
  };
  matrix.rows = rows.filter((row) => matrix.hosts.some((host) => shows(host, row)));
  const head = make("tr", { role: "row" }, make("th", { scope: "col", role: "columnheader" }, "task"));
  for (const host of matrix.hosts) head.append(make("th", { scope: "col", role: "columnheader", title: host.name }, make("span", {}, host.name)));
  const body = make("tbody", { role: "rowgroup" });
  matrix.rows.forEach((row, y) => {
    const line = make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader", title: `${row.name}\n${row.place}` }, row.name));
    matrix.hosts.forEach((host, x) => {
      const found = host.cells.get(row.id);
      const td = make("td", { role: "gridcell", tabindex: "-1" });
      if (found) {
        const status = host.status(found.cell);
        const hidden = !shows(host, row);
        td.className = hidden ? "" : `s-${status}`;
        td.setAttribute("aria-label", hidden ? "filtered out" : `${said(status)}: ${row.name} on ${host.name}`);
        td.append(make("i", { title: hidden ? null : `${host.name}: ${said(status)}` }, hidden ? "" : SIGNS[status]));
      }
      td.dataset.x = x;
      td.dataset.y = y;
      line.append(td);
    });
    body.append(line);
  });
  const table = make("table", { role: "grid", "aria-label": "tasks on hosts", "aria-rowcount": matrix.rows.length + 1, "aria-colcount": matrix.hosts.length + 1 },
    make("thead", { role: "rowgroup" }, head), body);
  matrix.table = table;
  matrix.at = [0, 0];
  $("grid").replaceChildren(matrix.rows.length ? table : make("p", { class: "note" }, "nothing is left by the filters"));
  const first = table.querySelector("td");
  if (first) first.tabIndex = 0;
  $("cell").replaceChildren();
}

function cellAt(x, y) {
  return matrix.table.tBodies[0].rows[y]?.cells[x + 1];
}

function moveTo(x, y) {
  const to = cellAt(Math.max(0, Math.min(matrix.hosts.length - 1, x)), Math.max(0, Math.min(matrix.rows.length - 1, y)));
  if (!to) return;
  cellAt(...matrix.at).tabIndex = -1;
  matrix.at = [Number(to.dataset.x), Number(to.dataset.y)];
  to.tabIndex = 0;
  to.focus();
  to.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function choose(td) {
  const [host, row] = [matrix.hosts[td.dataset.x], matrix.rows[td.dataset.y]];
  const found = host.cells.get(row.id);
  matrix.table.querySelectorAll("[aria-selected]").forEach((other) => other.removeAttribute("aria-selected"));
  if (!found) return;
  td.setAttribute("aria-selected", "true");
  const { cell } = found;
  const status = host.status(cell);
  const took = cell[FROM] >= 0 && cell[TO] >= 0 ? `, ${duration(cell[TO] - cell[FROM])}` : "";
  $("cell").replaceChildren(make("h3", {}, make("span", { class: `mark s-${status}` }), `${row.name} on ${host.name}: ${said(status)}${took}`),
    details(row, status, cell[DIFF], cell[TEXT], words()));
}

function drawLegend() {
  $("legend").replaceChildren(...present.map((status) => make("span", { class: `s-${status}` }, make("span", { class: "mark" }), `${said(status)}  `)));
}

function drawChanges() {
  const [isWanted, wanted] = [hostFilter(), words()];
  const list = [];
  for (const entry of entries) {
    const on = entry.hosts.filter((host) => isWanted(host.name));
    if (!on.length || filter.off.has(entry.status)) continue;
    const texts = [entry.row.name, entry.row.resource, entry.row.place, DATA.diffs[entry.diff], DATA.texts[entry.text], ...on.map((host) => host.name)];
    if (!holds(texts, wanted)) continue;
    const item = make("details", { class: "item change" });
    const all = on.length === hosts.length && hosts.length > 1 ? "all hosts" : hostsShown(on);
    item.append(make("summary", {}, make("span", { class: `mark s-${entry.status}`, "aria-hidden": "true" }), make("b", {}, entry.row.name), " ",
      make("span", { class: "on" }, `${said(entry.status)} · ${all}`)));
    item.fill = () => {
      item.fill = () => {};
      item.append(details(entry.row, entry.status, entry.diff, entry.text, wanted));
    };
    item.addEventListener("toggle", () => item.open && item.fill());
    list.push(item);
  }
  // What was searched for is to be seen.
  if (wanted.length && list.length <= 20) list.forEach((item) => { item.fill(); item.open = true; });
  $("diffs").replaceChildren(...(list.length ? list : [make("p", { class: "note" }, entries.length ? "nothing is left by the filters" : "nothing changed")]));
  return list.length;
}

/// Bars in as few lanes as there is room for: the first lane that is free again.
function lanes(host) {
  const bars = host.tasks.map((cell, task) => ({ cell, task })).filter(({ cell }) => cell[FROM] >= 0);
  bars.sort((a, b) => a.cell[FROM] - b.cell[FROM] || a.task - b.task);
  const [free, grain] = [[], DATA.millis / 400];
  for (const bar of bars) {
    const to = Math.max(bar.cell[TO] < 0 ? DATA.millis : bar.cell[TO], bar.cell[FROM] + grain);
    let lane = free.findIndex((end) => end <= bar.cell[FROM]);
    if (lane < 0) lane = free.push(0) - 1;
    free[lane] = to;
    Object.assign(bar, { lane, to });
  }
  return { bars, count: Math.max(1, free.length) };
}

const percent = (millis) => `${(100 * millis) / Math.max(1, DATA.millis)}%`;

function drawLanes(host, box) {
  const { bars, count } = lanes(host);
  box.style.height = `${count * 1.3 + 0.15}rem`;
  const [connecting, connected, planned] = host.times;
  const phase = (name, from, to) => {
    if (from === null || to === null || to <= from) return;
    const part = make("span", { class: "phase", title: `${name}: ${duration(to - from)}` }, name);
    part.style.left = percent(from);
    part.style.width = percent(to - from);
    box.append(part);
  };
  phase("connecting", connecting, connected);
  phase("planning", connected, planned);
  const [wanted, last] = [words(), count > 1];
  for (const { cell, lane, to } of bars) {
    const [row, status] = [byId.get(cell[ROW]), host.status(cell)];
    if (filter.off.has(status) || !holds([host.name, ...textsOf(row, cell)], wanted)) continue;
    const took = duration(Math.max(0, (cell[TO] < 0 ? DATA.millis : cell[TO]) - cell[FROM]));
    const text = `${row.name}: ${said(status)}, ${took}, from ${duration(cell[FROM])}`;
    const bar = make("button", { type: "button", class: `s-${status}${cell[HOT] ? " hot" : ""}`, title: text, "aria-label": text, tabindex: "-1" }, row.name);
    bar.style.left = percent(cell[FROM]);
    bar.style.width = percent(to - cell[FROM]);
    bar.style.top = `${lane * 1.3 + 0.15}rem`;
    bar.addEventListener("click", () => showCell(host, row));
    box.append(bar);
  }
  return last;
}

function drawTimes() {
  const isWanted = hostFilter();
  const list = hosts.filter((host) => isWanted(host.name) && host.times[0] !== null);
  const scale = make("div", { class: "scale", "aria-hidden": "true" });
  for (let part = 0; part < 5; part++) {
    const at = make("span", {}, duration(Math.round((DATA.millis * part) / 5)));
    at.style.left = `${part * 20}%`;
    scale.append(at);
  }
  const few = list.length <= 12;
  const views = list.map((host) => {
    const worked = host.tasks.filter((cell) => cell[FROM] >= 0).length;
    const end = host.times[3] === null ? "" : `, done after ${duration(host.times[3])}`;
    const item = make("details", { class: "timeline", open: few }, make("summary", {}, make("b", {}, host.name), " ", make("span", { class: "on" }, `${worked} task${worked === 1 ? "" : "s"} had something to do${end}`)));
    const box = make("div", { class: "lanes", role: "img", "aria-label": `times of ${host.name}` });
    item.append(box);
    item.fill = () => { item.fill = () => {}; drawLanes(host, box); };
    if (few) item.fill();
    item.addEventListener("toggle", () => item.open && item.fill());
    return item;
  });
  $("bars").replaceChildren(scale, ...views);
}

/// Chooses a cell in the matrix, from elsewhere.
function showCell(host, row) {
  if (!matrix.table) drawMatrix();
  const [x, y] = [matrix.hosts.indexOf(host), matrix.rows.indexOf(row)];
  if (x < 0 || y < 0) return;
  moveTo(x, y);
  choose(cellAt(x, y));
  $("cell").scrollIntoView({ block: "nearest" });
}

function drawCritical(host) {
  const parts = host.critical;
  if (!parts.length) return $("critical").replaceChildren(make("p", { class: "note" }, DATA.check ? "a check does nothing: there is no critical path" : "no task had anything to do here"));
  const whole = Math.max(1, parts[parts.length - 1][3]);
  const body = make("tbody");
  for (const [what, task, from, to] of parts) {
    body.append(make("tr", {}, make("td", {}, duration(to - from)), make("td", {}, `${Math.round((100 * (to - from)) / whole)} %`),
      make("td", { class: task === null ? "on" : null }, task === null ? what : `${task + 1}  ${what}`)));
  }
  const chain = parts.filter((part) => part[1] !== null).reduce((sum, part) => sum + part[3] - part[2], 0);
  $("critical").replaceChildren(make("p", {}, `Critical path: of the ${duration(whole)} that the run took, ${duration(chain)} (${Math.round((100 * chain) / whole)} %) went into these tasks, one behind the other.`),
    make("div", { tabindex: "0", role: "region", "aria-label": "critical path" }, make("table", {}, body)));
}

function drawGraph() {
  const host = hosts[$("graph-host").value];
  if (!host) return;
  drawCritical(host);
  if (host.graph < 0) return $("drawing").replaceChildren(make("p", { class: "note" }, "there is no plan of this host"));
  const svg = document.importNode(new DOMParser().parseFromString(DATA.graphs[host.graph], "image/svg+xml").documentElement, true);
  const chain = new Set(host.chain.slice(1).map((task, at) => `${host.chain[at]} ${task}`));
  for (const node of svg.querySelectorAll(".n")) {
    const cell = host.tasks[node.dataset.task];
    const status = host.status(cell);
    node.classList.add(`s-${status}`);
    if (cell[HOT]) node.classList.add("hot");
    const took = cell[FROM] >= 0 && cell[TO] >= 0 ? duration(cell[TO] - cell[FROM]) : "";
    const beside = node.querySelector("text + text");
    if (beside) beside.textContent = took;
    node.querySelector("title").textContent += ` (${said(status)}${took && `, ${took}`})`;
    node.addEventListener("click", () => pick(svg, node));
  }
  for (const line of svg.querySelectorAll(".a")) {
    if (!chain.has(`${line.dataset.from} ${line.dataset.to}`)) continue;
    line.classList.add("hot");
    line.firstElementChild.setAttribute("marker-end", "url(#hot)");
    line.parentNode.insertBefore(line, svg.querySelector(".n"));
  }
  svg.addEventListener("click", (event) => event.target === svg && pick(svg, null));
  $("drawing").replaceChildren(svg);
}

/// Shows what a task waits for and what waits for it; the same one again shows all.
function pick(svg, node) {
  const again = !node || node.classList.contains("picked");
  svg.querySelectorAll(".near, .picked").forEach((other) => other.classList.remove("near", "picked"));
  svg.classList.toggle("picked", !again);
  if (again) return;
  node.classList.add("near", "picked");
  const task = node.dataset.task;
  for (const line of svg.querySelectorAll(".a")) {
    if (line.dataset.from !== task && line.dataset.to !== task) continue;
    line.classList.add("near");
    const other = line.dataset.from === task ? line.dataset.to : line.dataset.from;
    svg.querySelector(`.n[data-task="${other}"]`).classList.add("near");
  }
}
