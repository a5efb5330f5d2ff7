// Filters, keys, and when what is built.

const VIEWS = [["matrix", drawMatrix], ["changes", drawChanges], ["times", drawTimes], ["graph", drawGraph]];
const stale = new Set();

/// Builds those that are stale and near the screen; all of them for print.
function build(id) {
  if (!stale.delete(id)) return;
  VIEWS.find(([view]) => view === id)[1]();
}
const near = new IntersectionObserver((seen) => seen.forEach((one) => one.isIntersecting && build(one.target.id)), { rootMargin: "400px" });

function refresh() {
  const [isWanted, wanted] = [hostFilter(), words()];
  for (const element of document.querySelectorAll("[data-hosts]")) {
    const mine = element.dataset.hosts.split(" ");
    const isFailure = element.classList.contains("failure");
    const fits = mine.some(isWanted) && (!isFailure || (!filter.off.has("failed") && holds([element.textContent], wanted)));
    element.hidden = !fits;
  }
  VIEWS.forEach(([view]) => stale.add(view));
  build("changes");
  for (const [view] of VIEWS) {
    // Observed anew, so that it tells at once what is near.
    near.unobserve($(view));
    near.observe($(view));
  }
  const left = $("diffs").querySelectorAll(".item").length;
  const isFiltered = filter.text || filter.hosts || filter.off.size;
  $("found").textContent = isFiltered ? `${left} of ${entries.length} changes and messages` : "";
}

let waiting = 0;
function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, 80);
}

for (const status of present) {
  const button = make("button", { type: "button", class: `s-${status}`, "aria-pressed": "true", "data-status": status }, said(status));
  button.addEventListener("click", () => {
    const off = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!off));
    if (off) filter.off.add(status);
    else filter.off.delete(status);
    refresh();
  });
  $("statuses").append(button);
}
$("host-names").append(...hosts.map((host) => make("option", { value: host.name })));
$("graph-host").append(...hosts.map((host) => make("option", { value: host.at }, host.name)));
{
  // The host that was done last says how long the run took.
  const end = (host) => Math.max(-1, ...host.tasks.map((cell) => (cell[FROM] >= 0 ? cell[TO] : -1)));
  const last = hosts.reduce((best, host) => (best && end(best) >= end(host) ? best : host), null);
  if (last) $("graph-host").value = last.at;
}
$("graph-host").addEventListener("change", drawGraph);
$("search").addEventListener("input", () => { filter.text = $("search").value; soon(); });
$("hosts-filter").addEventListener("input", () => { filter.hosts = $("hosts-filter").value; soon(); });

function fold(open) {
  for (const item of document.querySelectorAll("details.item, details.timeline")) {
    if (open && item.fill) item.fill();
    item.open = open;
  }
}
$("unfold").addEventListener("click", () => { ["changes", "times"].forEach(build); fold(true); });
$("fold").addEventListener("click", () => fold(false));
function toggleHelp() {
  $("keys").hidden = !$("keys").hidden;
  $("help").setAttribute("aria-expanded", String(!$("keys").hidden));
}
$("help").addEventListener("click", toggleHelp);

$("grid").addEventListener("click", (event) => {
  const td = event.target.closest("td");
  if (!td) return;
  moveTo(Number(td.dataset.x), Number(td.dataset.y));
  choose(td);
});
$("grid").addEventListener("keydown", (event) => {
  const td = event.target.closest("td");
  if (!td || event.ctrlKey || event.altKey || event.metaKey) return;
  const [x, y] = matrix.at;
  const moves = { ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y - 1], ArrowDown: [x, y + 1], Home: [0, y], End: [1e9, y], PageUp: [x, y - 15], PageDown: [x, y + 15] };
  if (moves[event.key]) moveTo(...moves[event.key]);
  else if (event.key === "Enter" || event.key === " ") choose(td);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

/// The next entry that shows, up or down.
function step(by) {
  const all = [...document.querySelectorAll("details > summary")].filter((item) => item.checkVisibility());
  if (!all.length) return;
  const now = document.activeElement;
  let at = all.indexOf(now);
  if (at < 0) {
    // From where one is: the first one behind it, or the last one before it.
    const behind = all.findIndex((item) => now !== document.body && now.compareDocumentPosition(item) & Node.DOCUMENT_POSITION_FOLLOWING);
    at = behind < 0 ? (by > 0 ? -1 : all.length) : by > 0 ? behind - 1 : behind;
  }
  const to = all[Math.max(0, Math.min(all.length - 1, at + by))];
  to.focus();
  to.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const isField = event.target.matches("input, select, textarea");
  if (event.key === "Escape") {
    if (isField && event.target.value === "") event.target.blur();
    else if (filter.text || filter.hosts || filter.off.size) {
      $("search").value = $("hosts-filter").value = filter.text = filter.hosts = "";
      filter.off.clear();
      $("statuses").querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", "true"));
      refresh();
      if (isField) event.target.blur();
    }
    return;
  }
  if (isField) return;
  const acts = { "/": () => { $("search").focus(); $("search").select(); }, j: () => step(1), k: () => step(-1), e: () => $("unfold").click(), c: () => $("fold").click(), "?": toggleHelp };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

/// Paper cannot be unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  VIEWS.forEach(([view]) => build(view));
  folded = [...document.querySelectorAll("details")].filter((item) => !item.open);
  folded.forEach((item) => { if (item.fill) item.fill(); item.open = true; });
});
addEventListener("afterprint", () => folded.forEach((item) => { item.open = false; }));

$("tools").hidden = false;
document.querySelectorAll(".scripted").forEach((section) => { section.hidden = false; });
if (!hosts.some((host) => host.tasks.length)) $("matrix").hidden = $("graph").hidden = true;
drawLegend();
refresh();
