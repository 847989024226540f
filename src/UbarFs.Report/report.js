(() => {
  "use strict";
  const hidden = new Set();
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  let data = null;

  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const written = (value, isPercent) => isPercent ? (100 * value).toFixed(1) + " %" : String(+value.toPrecision(3));

  // Rules: a button of the legend hides everything that belongs to its rule.
  const applyHidden = () => {
    for (const button of all("[data-toggle]"))
      button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.toggle)));
    for (const owned of all("[data-rule]")) owned.classList.toggle("off", hidden.has(owned.dataset.rule));
  };

  const toggle = (button) => {
    const rule = button.dataset.toggle;
    if (!hidden.delete(rule)) hidden.add(rule);
    applyHidden();
  };

  // Tables: a heading sorts by its column, numbers as numbers; once more turns the order around.
  const sort = (button) => {
    const heading = button.closest("th");
    const column = Array.prototype.indexOf.call(heading.parentNode.children, heading);
    const ascending = heading.getAttribute("aria-sort") === (heading.dataset.first || "ascending")
      ? (heading.dataset.first === "descending") : (heading.dataset.first !== "descending");
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const value = (row) => row.children[column].dataset.value;
    const order = (one, other) => {
      const a = value(one), b = value(other);
      const numeric = a !== "" && b !== "" && !isNaN(a) && !isNaN(b);
      if (a === "" || b === "") return (a === "") - (b === "");
      return (numeric ? a - b : a.localeCompare(b)) * (ascending ? 1 : -1);
    };
    // A setting's rows stay below its title.
    for (const body of heading.closest("table").tBodies)
      body.append(...Array.from(body.rows).filter((row) => !row.classList.contains("setting")).sort(order));
  };

  // Networks: one setting at a time.
  const choose = (select) => {
    for (const group of all("[data-setting]")) group.hidden = group.dataset.setting !== select.value;
  };

  // Metrics: every section shows the same one.
  const show = (metric) => {
    for (const select of all("select[data-metrics]")) select.value = metric;
    for (const chart of all("[data-metric]")) chart.hidden = chart.dataset.metric !== metric;
  };

  // Panels: the values of all rules at the evaluation nearest to the pointer.
  const nearest = (values, wanted) => {
    let best = 0;
    for (let i = 1; i < values.length; i++)
      if (Math.abs(values[i] - wanted) < Math.abs(values[best] - wanted)) best = i;
    return best;
  };

  const guideOf = (svg) => {
    let guide = svg.querySelector(".guide");
    if (!guide) {
      guide = document.createElementNS("http://www.w3.org/2000/svg", "line");
      guide.setAttribute("class", "guide");
      svg.append(guide);
    }
    return guide;
  };

  const line = (series, value) => {
    const row = document.createElement("div");
    const swatch = document.createElement("i");
    swatch.className = series.c;
    row.append(swatch, series.t + " " + value);
    return row;
  };

  // Where a value is along the horizontal axis, from 0 to 1, and back.
  const along = (block, value) => block.log
    ? Math.log(value / block.low) / Math.log(block.high / block.low)
    : (value - block.low) / (block.high - block.low);

  const valueAt = (block, share) => block.log
    ? block.low * Math.pow(block.high / block.low, share)
    : block.low + share * (block.high - block.low);

  const reading = (block, series, i) => {
    const seeds = series.n ? ", " + series.n[i] + (series.n[i] === 1 ? " seed" : " seeds") : "";
    const spread = series.l ? written(series.l[i], block.percent) + " – " + written(series.h[i], block.percent) : "";
    const more = spread + (spread ? seeds : seeds.slice(2));
    return written(series.m[i], block.percent) + (more ? " (" + more + ")" : "");
  };

  const point = (svg, event) => {
    const block = data && data[svg.dataset.block];
    const panel = block && block.panels[svg.dataset.panel];
    if (!panel) return;
    const box = svg.getBoundingClientRect();
    const [left, top, width, height] = svg.dataset.plot.split(" ").map(Number);
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const wanted = valueAt(block, (x - left) / width);
    const shown = panel.filter((series) => !hidden.has(String(series.r)));
    if (!shown.length || x < left - 8 || x > left + width + 8) return leave(svg);
    const longest = shown.reduce((one, other) => (other.x.length > one.x.length ? other : one));
    const at = longest.x[nearest(longest.x, wanted)];
    // A line that ends before has no value here.
    const values = shown
      .map((series) => ({ series, i: nearest(series.x, at) }))
      .filter(({ series, i }) => Math.abs(along(block, series.x[i]) - along(block, at)) < 0.02)
      .sort((one, other) => other.series.m[other.i] - one.series.m[one.i]);
    const guide = guideOf(svg);
    const position = left + width * along(block, at);
    for (const end of ["x1", "x2"]) guide.setAttribute(end, position);
    guide.setAttribute("y1", top);
    guide.setAttribute("y2", top + height);
    const title = document.createElement("b");
    title.textContent = block.axis + " " + +at.toPrecision(4);
    tip.replaceChildren(title, ...values.map(({ series, i }) => line(series, reading(block, series, i))));
    tip.hidden = false;
    const side = event.clientX + 16 + tip.offsetWidth > innerWidth ? event.clientX - 12 - tip.offsetWidth : event.clientX + 16;
    tip.style.left = Math.max(4, side) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 4)) + "px";
  };

  const leave = (svg) => {
    tip.hidden = true;
    const guide = svg.querySelector(".guide");
    if (guide) guide.remove();
  };

  const wire = () => {
    const block = document.getElementById("data");
    data = block ? JSON.parse(block.textContent) : null;
    for (const button of all("[data-toggle]")) button.onclick = () => toggle(button);
    for (const button of all("th button")) button.onclick = () => sort(button);
    for (const select of all("select[data-networks]")) select.onchange = () => choose(select);
    for (const select of all("select[data-metrics]")) select.onchange = () => show(select.value);
    for (const svg of all("svg[data-panel]")) {
      svg.onpointermove = (event) => point(svg, event);
      svg.onpointerleave = () => leave(svg);
    }
    applyHidden();
  };

  // While a sweep runs, the page looks for news and takes them over without losing what the reader has chosen.
  const renew = async () => {
    const text = await (await fetch("/", { cache: "no-store" })).text();
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const keyOf = (details) => details.dataset.key || details.querySelector("summary").textContent;
    const open = new Map(all("details").map((details) => [keyOf(details), details.open]));
    const setting = document.querySelector("select[data-networks]")?.value;
    const metric = document.querySelector("select[data-metrics]")?.value;
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    for (const details of all("details"))
      if (open.has(keyOf(details))) details.open = open.get(keyOf(details));
    const select = document.querySelector("select[data-networks]");
    if (select && all("option", select).some((option) => option.value === setting)) {
      select.value = setting;
      choose(select);
    }
    if (metric && all("[data-metric]").some((chart) => chart.dataset.metric === metric)) show(metric);
    wire();
  };

  // What is under way changes all the time, and has nothing that a reader could have chosen.
  const follow = async () => {
    const text = await (await fetch("/underway", { cache: "no-store" })).text();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("underway");
    document.getElementById("underway")?.replaceWith(fresh);
  };

  const ended = "The sweep is over; report.html in its folder has the results.";
  const lost = "The connection is lost. If the sweep has ended, report.html in its folder has the results.";

  const watch = async (known) => {
    const status = document.getElementById("live");
    let over = false;
    try {
      const state = await (await fetch("/state", { cache: "no-store" })).text();
      over = state.startsWith("over");
      if (known !== null && state !== known) await renew();
      else await follow();
      known = state;
      status.textContent = over ? ended : "Live: this page updates itself.";
    } catch {
      document.getElementById("underway")?.setAttribute("hidden", "");
      status.textContent = lost;
    }
    if (!over) setTimeout(() => watch(known), 2000);
  };

  wire();
  if (document.getElementById("live")) watch(null);
})();
