"use strict";
// Makes the page handy; without it everything is there all the same. It touches text by textContent alone, so that what
// a guest printed stays text, and keeps nothing.
document.documentElement.classList.add("js");
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// ---- expected against actual ----------------------------------------------------------------------------------------
for (const compare of all(".compare")) {
  const svg = compare.querySelector("svg"), slider = compare.querySelector("input[type=range]");
  const clip = svg.querySelector("clipPath rect"), split = svg.querySelector(".split");
  const whole = compare.dataset.whole.split(" ").map(Number), near = compare.dataset.near;
  let view = whole, blinking = 0;
  const show = () => {
    const mode = compare.querySelector("input[type=radio]:checked").value;
    const [x, y, w, h] = view, at = x + w * slider.value / 1000;
    const left = { slider: at, expected: x + w, actual: x, blink: blinking ? x : x + w }[mode] ?? x;
    svg.setAttribute("viewBox", view.join(" "));
    clip.setAttribute("width", Math.max(left, 0));
    for (const end of ["x1", "x2"]) split.setAttribute(end, left);
    split.setAttribute("y1", y);
    split.setAttribute("y2", y + h);
    compare.dataset.mode = mode;
    compare.dataset.seen = mode === "blink" ? (blinking ? "actual" : "expected") : mode;
  };
  const zoom = (close) => {
    view = whole;
    if (close && near) { // the surroundings of the difference, in the shape of the whole
      const [x, y, w, h] = near.split(" ").map(Number), [, , W, H] = whole;
      const scale = Math.min(Math.max(w / W, h / H), 1);
      const width = W * scale, height = H * scale;
      view = [clamp(x + w / 2 - width / 2, 0, W - width), clamp(y + h / 2 - height / 2, 0, H - height), width, height];
    }
    if (near) { // the line goes through what differs
      const [x, , w] = near.split(" ").map(Number);
      slider.value = clamp((x + w / 2 - view[0]) / view[2], 0.05, 0.95) * 1000;
    }
    svg.classList.toggle("loupe", view !== whole);
    show();
  };
  const drag = (event) => {
    if (!event.buttons) return;
    const box = svg.getBoundingClientRect();
    slider.value = clamp((event.clientX - box.left) / box.width, 0, 1) * 1000;
    const mode = compare.querySelector("input[value=slider]");
    if (!mode.checked) mode.checked = true;
    show();
  };
  svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); drag(event); });
  svg.addEventListener("pointermove", drag);
  compare.addEventListener("input", show);
  compare.querySelector(".zoom")?.addEventListener("change", (event) => zoom(event.target.checked));
  setInterval(() => { if (compare.dataset.mode === "blink") { blinking ^= 1; show(); } }, 600);
  zoom(false);
}

// ---- filmstrip ------------------------------------------------------------------------------------------------------
for (const film of all(".film")) {
  const stage = document.getElementById("stage"), shots = all("figure", film);
  let current = -1;
  const choose = (index, focus) => {
    current = clamp(index, 0, shots.length - 1);
    const shot = shots[current], picture = shot.querySelector("svg, .missing").cloneNode(true);
    const caption = shot.querySelector("figcaption").cloneNode(true);
    picture.setAttribute("preserveAspectRatio", "xMinYMin");
    stage.querySelector(".view").replaceChildren(picture);
    stage.querySelector(".caption").replaceChildren(...caption.childNodes);
    stage.querySelector(".count").textContent = `${current + 1} of ${shots.length}`;
    for (const [i, one] of shots.entries()) one.classList.toggle("current", i === current);
    for (const mark of all(".timeline .now")) mark.classList.remove("now");
    for (const mark of all(`.timeline a[href="#${shot.id}"]`)) mark.classList.add("now");
    film.scrollLeft = shot.offsetLeft - film.offsetLeft - (film.clientWidth - shot.clientWidth) / 2;
    if (focus) shot.querySelector("a, .missing").focus({ preventScroll: true });
  };
  const keys = { ArrowLeft: -1, ArrowRight: 1 };
  const onKey = (event) => {
    const to = event.key === "Home" ? 0 : event.key === "End" ? shots.length - 1 : current + keys[event.key];
    if (Number.isNaN(to)) return;
    event.preventDefault();
    choose(to, film.contains(document.activeElement));
  };
  film.addEventListener("keydown", onKey);
  stage.addEventListener("keydown", onKey);
  film.addEventListener("click", (event) => {
    const shot = event.target.closest("figure");
    if (!shot) return;
    event.preventDefault();
    choose(shots.indexOf(shot));
  });
  for (const button of all("button", stage)) button.addEventListener("click", () => choose(current + Number(button.value)));
  addEventListener("hashchange", () => {
    const index = shots.findIndex((shot) => `#${shot.id}` === location.hash);
    if (index >= 0) { choose(index); stage.scrollIntoView({ block: "nearest" }); }
  });
  const failed = shots.findIndex((shot) => shot.querySelector(".tag.bad"));
  const linked = shots.findIndex((shot) => `#${shot.id}` === location.hash);
  choose(linked >= 0 ? linked : Math.max(failed, 0));
}

// ---- timeline -------------------------------------------------------------------------------------------------------
for (const drawing of all(".timeline")) {
  const readout = document.getElementById("readout"), hair = drawing.querySelector(".hair");
  const lanes = all(".row", drawing).map((row) => all("[data-x]", row).map((node) => (
    { node, x: Number(node.dataset.x), end: Number(node.dataset.end ?? node.dataset.x) })).sort((a, b) => a.x - b.x));
  let lane = 0, index = -1;
  const far = (mark, x) => Math.max(mark.x - x, x - mark.end, 0);
  const read = (mark) => {
    for (const old of all(".at-hand", drawing)) old.classList.remove("at-hand");
    mark?.node.classList.add("at-hand");
    readout.textContent = mark ? mark.node.querySelector("title").textContent : "";
  };
  const place = (x) => { for (const end of ["x1", "x2"]) hair.setAttribute(end, x); };
  drawing.addEventListener("pointermove", (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.getScreenCTM().inverse());
    place(Math.max(point.x, Number(drawing.dataset.left)));
    const row = all(".row", drawing).findIndex((one) => point.y < Number(one.dataset.end));
    const marks = lanes[row] ?? [];
    const best = marks.reduce((a, b) => (a && far(a, point.x) <= far(b, point.x) ? a : b), null);
    read(best && far(best, point.x) < 8 ? best : null);
  });
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Enter") lanes[lane]?.[index]?.node.closest("a")?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    if (!step) return;
    event.preventDefault();
    const x = lanes[lane]?.[index]?.x ?? 0;
    lane = clamp(lane + step[0], 0, lanes.length - 1);
    const marks = lanes[lane];
    index = step[0] ? marks.findIndex((mark) => mark.end >= x) : clamp(index + step[1], 0, marks.length - 1);
    if (index < 0) index = marks.length - 1;
    if (marks[index]) place(marks[index].x);
    read(marks[index]);
  });
}

// ---- serial console -------------------------------------------------------------------------------------------------
for (const log of all(".serial")) {
  const field = document.getElementById("find"), only = document.getElementById("only"), tally = document.getElementById("tally");
  const rows = all(":scope > div", log).map((row) => ({ row, code: row.querySelector("code") })).filter((one) => one.code);
  for (const one of rows) { one.text = one.code.textContent; one.folded = one.text.toLowerCase(); }
  let hits = [], at = -1, marked = [];
  const most = 2000; // rows that are marked: more make a browser slow, and nobody steps through them
  const mark = (one, needle) => {
    const parts = [];
    let from = 0;
    // A letter that changes its length when folded would shift what follows: then the whole line is marked.
    if (one.folded.length !== one.text.length) parts.push(made(one.text));
    else {
      for (let i = one.folded.indexOf(needle); i >= 0; i = one.folded.indexOf(needle, from)) {
        parts.push(one.text.slice(from, i), made(one.text.slice(i, i + needle.length)));
        from = i + needle.length;
      }
      parts.push(one.text.slice(from));
    }
    one.code.replaceChildren(...parts);
    marked.push(one);
  };
  const made = (text) => { const node = document.createElement("mark"); node.textContent = text; return node; };
  const tell = () => {
    tally.textContent = !field.value ? "" : hits.length ? `${at + 1} of ${hits.length} lines` : "not found";
  };
  const go = (step) => {
    if (!hits.length) return;
    hits[at]?.row.classList.remove("hit");
    at = (at + step + hits.length) % hits.length;
    hits[at].row.classList.add("hit");
    log.scrollTop = hits[at].row.offsetTop - log.offsetTop - log.clientHeight / 2;
    tell();
  };
  const search = () => {
    const needle = field.value.toLowerCase();
    for (const one of marked) one.code.replaceChildren(one.text);
    for (const one of rows) one.row.classList.remove("hit");
    marked = [];
    at = -1;
    hits = needle ? rows.filter((one) => one.folded.includes(needle)) : [];
    for (const one of hits.slice(0, most)) mark(one, needle);
    const kept = new Set(hits.map((one) => one.row));
    for (const row of log.children) row.hidden = Boolean(needle) && only.checked && !kept.has(row);
    tell();
    if (needle) go(1);
  };
  field.addEventListener("input", search);
  only.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") { field.value = ""; search(); }
  });
  for (const button of all("[data-step]")) button.addEventListener("click", () => go(Number(button.dataset.step)));
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
    event.preventDefault();
    document.getElementById("serial").scrollIntoView();
    field.focus({ preventScroll: true });
  });
  const place = log.querySelector("#cause, .cause");
  log.scrollTop = place ? place.offsetTop - log.offsetTop - log.clientHeight / 2 : log.scrollHeight;
}
