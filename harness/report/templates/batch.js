"use strict";
// Sorts and filters the table of runs. It moves what is there and changes no text but the tally's.
document.documentElement.classList.add("js");
const table = document.querySelector(".runs"), field = document.getElementById("find"), tally = document.getElementById("tally");
const runs = [...table.querySelectorAll("tbody[data-verdict]")].map((body) => ({
  body, folded: body.textContent.toLowerCase(), cells: [...body.rows[0].cells].map((cell) => cell.textContent.trim()),
}));
const choices = [...document.querySelectorAll(".only")];

const filter = () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdicts = new Set(choices.filter((choice) => choice.checked).map((choice) => choice.value));
  let shown = 0;
  for (const run of runs) {
    run.body.hidden = !verdicts.has(run.body.dataset.verdict) || !words.every((word) => run.folded.includes(word));
    shown += !run.body.hidden;
  }
  tally.textContent = shown === runs.length ? "" : `${shown} of ${runs.length} shown`;
};
field.addEventListener("input", filter);
for (const choice of choices) choice.addEventListener("input", filter);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input[type=search]")) return;
  event.preventDefault();
  field.focus();
});
field.addEventListener("keydown", (event) => { if (event.key === "Escape") { field.value = ""; filter(); } });

const heads = [...table.querySelectorAll("th")];
for (const [column, head] of heads.entries()) {
  head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = head.classList.contains("num");
    const sign = down ? -1 : 1;
    const order = (a, b) => numeric ? (Number(a || "Infinity") - Number(b || "Infinity") || 0) : a.localeCompare(b);
    table.append(...runs.sort((a, b) => sign * order(a.cells[column], b.cells[column])).map((run) => run.body));
  });
}
