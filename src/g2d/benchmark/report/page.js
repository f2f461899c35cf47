"use strict";
const byId = (id) => document.getElementById(id);
const root = document.documentElement;

/* -- light and dark */

const wantsDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme || (wantsDark.matches ? "dark" : "light")) === "dark";
function remembered(value) {
  try {
    if (value) localStorage.setItem("g2d-theme", value);
    return localStorage.getItem("g2d-theme");
  } catch {
    return null; /* a page from a file may keep nothing */
  }
}
function nameTheme() { byId("theme").textContent = isDark() ? "Light" : "Dark"; }
byId("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  remembered(root.dataset.theme);
  nameTheme();
});
wantsDark.addEventListener("change", nameTheme);
if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
nameTheme();
byId("theme").hidden = false;

/* -- tables: best first, then the other way, then as it was */

function column(head) {
  /* Its place among the cells of a body row: heads of label columns span two rows. */
  const rows = head.closest("thead").rows;
  const labels = [...rows[0].cells].filter((cell) => cell.querySelector("button"));
  const place = labels.indexOf(head);
  return place >= 0 ? place : labels.length + head.cellIndex;
}
function compare(one, other, up) {
  const [a, b] = [one, other].map((cell) => cell.dataset.k ?? cell.textContent);
  if (one.dataset.k === undefined) return (up ? 1 : -1) * a.localeCompare(b, "en", { numeric: true });
  if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
  return (up ? 1 : -1) * (a - b);
}
function sort(head) {
  const body = head.closest("table").tBodies[0];
  body.original ??= [...body.rows];
  const first = head.dataset.up ? "ascending" : "descending";
  const second = head.dataset.up ? "descending" : "ascending";
  const now = head.getAttribute("aria-sort");
  const next = now === null ? first : now === first ? second : null;
  for (const other of head.closest("thead").querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  const rows = [...body.original];
  if (next) {
    head.setAttribute("aria-sort", next);
    const place = column(head);
    rows.sort((one, other) => compare(one.cells[place], other.cells[place], next === "ascending"));
  }
  body.append(...rows);
}
for (const table of document.querySelectorAll("table.sortable")) {
  const row = table.tBodies[0].rows[0];
  for (const head of table.querySelectorAll("thead th:has(button)")) {
    if (row && row.cells[column(head)].dataset.k !== undefined) head.dataset.n = "";
    head.querySelector("button").addEventListener("click", () => sort(head));
  }
}

/* -- confusion matrices are drawn when they are looked at */

const classes = JSON.parse(byId("classes").textContent);
function cell(tag, text, scope) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (scope) made.scope = scope;
  return made;
}
function draw(place) {
  if (place.firstChild) return;
  const counts = place.dataset.m.split(";").map((row) => row.split(" ").map(Number));
  const names = classes[place.dataset.c];
  const table = document.createElement("table");
  const caption = table.createCaption();
  caption.textContent = "rows: what is right; columns: what was answered (test samples)";
  const head = table.createTHead().insertRow();
  head.append(cell("td", ""), ...names.map((name) => cell("th", name, "col")));
  const body = table.createTBody();
  counts.forEach((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    const line = body.insertRow();
    line.append(cell("th", names[i], "row"));
    for (const count of row) {
      const made = cell("td", count || "·");
      made.style.background = `rgba(var(--cell), ${(0.75 * count) / total})`;
      line.append(made);
    }
  });
  place.append(table);
  if (place.scrollWidth > place.clientWidth) {
    place.tabIndex = 0; /* so that keys can scroll it */
    place.setAttribute("role", "region");
    place.setAttribute("aria-label", "Confusion matrix");
  }
}
function drawBelow(details) {
  for (const place of details.querySelectorAll(".cm")) draw(place);
}
for (const details of document.querySelectorAll("details.run")) {
  details.addEventListener("toggle", () => details.open && drawBelow(details));
}

/* -- a link to a run or setting opens it, and what it lies in */

function openTarget() {
  let name = location.hash.slice(1);
  try { name = decodeURIComponent(name); } catch { /* an id with a percent sign in it */ }
  const target = byId(name);
  if (!target) return;
  if (target.closest(".setting[hidden]")) { byId("filter").value = ""; filter(); }
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  const runs = target.querySelectorAll(":scope > details.run");
  if (runs.length === 1) runs[0].open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", openTarget);
/* The same link again changes no hash, but should open what was closed since. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (link && link.hash === location.hash) openTarget();
});

/* -- filter of runs */

const settings = [...document.querySelectorAll("details.setting")];
const words = new Map(settings.map((one) => [one,
  [...one.querySelectorAll("summary, dt, dd, code, .failed")].map((part) => part.textContent).join(" ").toLowerCase()]));
function filter() {
  const asked = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const one of settings) {
    one.hidden = !asked.every((word) => words.get(one).includes(word));
    left += !one.hidden;
  }
  byId("filtered").textContent = asked.length ? `${left} of ${settings.length} settings` : "";
}
byId("filter").addEventListener("input", filter);
document.querySelector(".filter").hidden = false;

/* -- what stands behind a number, for those who point at it */

const tip = byId("tip");
function point(link) {
  const said = link && link.querySelector(".vh");
  tip.hidden = !said;
  if (!said) return;
  tip.textContent = said.textContent.replace(/^\. /, "");
  const at = link.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - tip.offsetWidth - 8))}px`;
  const above = at.top - tip.offsetHeight - 6;
  tip.style.top = `${above > 0 ? above : at.bottom + 6}px`;
}
for (const kind of ["mouseover", "focusin"]) {
  document.addEventListener(kind, (event) => point(event.target.closest("td.n a:has(.vh)")));
}
for (const kind of ["mouseout", "focusout"]) document.addEventListener(kind, () => point(null));
/* Tabbing to a number scrolls to it: what it says goes along. */
document.addEventListener("scroll", () => point(document.activeElement.closest("td.n a:has(.vh)")), true);

/* -- on paper nothing folds but the runs that nobody opened */

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.more:not([open])")];
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => { for (const one of opened) one.open = false; });

openTarget();
