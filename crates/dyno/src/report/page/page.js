"use strict";
// Values under the pointer, hidden series, zoom. The page is readable without this script: it only
// adds. Texts are set as text, never as markup.
(() => {
  const SIDE = 1000;
  // The reader's choices for each chart, which a newer state of a live page keeps.
  const chosenFor = new Map();

  // The same three digits as in the tables.
  const digits = (value) => {
    const size = Math.abs(value);
    if (size >= 99.95) return Math.round(value).toLocaleString("en-US");
    return value.toFixed(size >= 9.995 ? 1 : 2);
  };
  const plain = (value) => Number.isInteger(value) ? value.toLocaleString("en-US") : digits(value);
  const scaled = (value, names) => {
    let step = 0;
    while (step < names.length - 1 && Math.abs(value) / 1000 ** (step + 1) >= 0.9995) step += 1;
    return (step ? digits(value / 1000 ** step) : plain(value)) + " " + names[step];
  };
  const format = (value, unit) => {
    switch (unit) {
      case "ns": return scaled(value, ["ns", "µs", "ms", "s"]);
      case "bytes": return scaled(value, ["B", "kB", "MB", "GB"]);
      case "permille": return digits(value / 10) + " %";
      case "/s": return plain(value) + "/s";
      case "clock": return "at " + (value / 1e9).toFixed(value < 1e10 ? 2 : 1) + " s";
      case "percentile": return "p" + Number((100 - 100 / value).toPrecision(7));
      default: return plain(value);
    }
  };

  const place = (axis, value) => axis.log
    ? Math.log(Math.max(value, axis.from) / axis.from) / Math.log(axis.to / axis.from)
    : (value - axis.from) / (axis.to - axis.from);

  const svg = (tag, name) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    node.setAttribute("class", name);
    return node;
  };

  const bring = (chart) => {
    const figure = document.getElementById(chart.id);
    const plot = figure.querySelector(".plot");
    const ticks = [...figure.querySelectorAll("svg.x text")]
      .map((node) => ({node, at: parseFloat(node.getAttribute("x")) / 100}));
    const readout = document.createElement("p");
    readout.className = "readout";
    readout.setAttribute("aria-live", "polite");
    figure.querySelector(".frame").after(readout);
    const places = chart.cells ? chart.cells.ends : chart.places;
    const cells = chart.cells || null;
    const kept = chosenFor.get(chart.id) || {hidden: new Set(), view: [0, 1]};
    chosenFor.set(chart.id, kept);
    const hidden = kept.hidden;
    const cursor = svg("path", "cursor hidden");
    const chosen = svg("path", "chosen hidden");
    plot.append(chosen, cursor);
    plot.setAttribute("tabindex", "0");
    let view = kept.view;
    let at = -1;

    const zoom = (from, to) => {
      view = to - from < 0.002 ? view : [Math.max(0, from), Math.min(1, to)];
      kept.view = view;
      const width = view[1] - view[0];
      plot.setAttribute("viewBox", `${view[0] * SIDE} 0 ${width * SIDE} ${SIDE}`);
      for (const tick of ticks) {
        const x = (tick.at - view[0]) / width;
        tick.node.setAttribute("x", `${x * 100}%`);
        tick.node.classList.toggle("hidden", x < -0.001 || x > 1.001);
      }
      if (width < 1) readout.textContent = "zoomed in: double-click or Esc shows all";
    };

    const show = (index, share) => {
      at = index;
      const x = places[index];
      const left = (chart.bars ? (index + 0.5) / places.length : place(chart.x, x)) * SIDE;
      cursor.setAttribute("d", `M${left} 0V${SIDE}`);
      cursor.classList.remove("hidden");
      const parts = [format(x, chart.x.unit)];
      chart.series.forEach((one) => {
        const value = one.values[index];
        if (value !== null && !hidden.has(one.name)) {
          parts.push(`${one.name} ${format(value, chart.y.unit)}`);
        }
      });
      if (cells && share !== undefined) {
        const row = Math.min(cells.rows - 1, Math.floor((1 - share) * cells.rows));
        const count = cells.counts[index][row] || 0;
        const bound = (step) => cells.from * (cells.to / cells.from) ** (step / cells.rows);
        parts.push(`${plain(count)} from ${format(bound(row), chart.y.unit)} to ${format(bound(row + 1), chart.y.unit)}`);
      }
      readout.textContent = parts.join(" · ");
    };

    // The place of the pointer: a share of the whole axis, and of the height.
    const under = (event) => {
      const box = plot.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      return [view[0] + share * (view[1] - view[0]), (event.clientY - box.top) / box.height];
    };
    const nearest = (share) => {
      if (cells) {
        // The column that the pointer is in: the first that ends behind it.
        const within = places.findIndex((end) => place(chart.x, end) >= share);
        return within < 0 ? places.length - 1 : within;
      }
      if (chart.bars) return Math.min(places.length - 1, Math.floor(share * places.length));
      let best = 0;
      places.forEach((x, index) => {
        const distance = (of) => Math.abs(place(chart.x, places[of]) - share);
        if (distance(index) < distance(best)) best = index;
      });
      return best;
    };

    let begun = null;
    plot.addEventListener("pointermove", (event) => {
      if (!places.length) return;
      const [share, height] = under(event);
      show(nearest(share), height);
      if (begun !== null) {
        chosen.setAttribute("d", `M${begun * SIDE} 0H${share * SIDE}V${SIDE}H${begun * SIDE}Z`);
        chosen.classList.remove("hidden");
      }
    });
    plot.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") return;
      begun = under(event)[0];
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointerup", (event) => {
      const end = under(event)[0];
      if (begun !== null && Math.abs(end - begun) > 0.01) {
        zoom(Math.min(begun, end), Math.max(begun, end));
      }
      begun = null;
      chosen.classList.add("hidden");
    });
    plot.addEventListener("pointerleave", () => {
      cursor.classList.add("hidden");
      readout.textContent = "";
    });
    plot.addEventListener("dblclick", () => { zoom(0, 1); readout.textContent = ""; });
    plot.addEventListener("keydown", (event) => {
      const width = view[1] - view[0];
      const middle = at < 0 ? (view[0] + view[1]) / 2 : place(chart.x, places[at]);
      const keys = {
        ArrowRight: () => show(Math.min(places.length - 1, at + 1)),
        ArrowLeft: () => show(Math.max(0, at - 1)),
        Home: () => show(0),
        End: () => show(places.length - 1),
        "+": () => zoom(middle - width / 4, middle + width / 4),
        "-": () => zoom(middle - width, middle + width),
        Escape: () => { zoom(0, 1); readout.textContent = ""; },
      };
      if (keys[event.key] && places.length) {
        event.preventDefault();
        keys[event.key]();
      }
    });

    // Each name of the legend becomes a button that hides its series.
    for (const key of figure.querySelectorAll(".key[data-series]")) {
      const which = Number(key.dataset.series);
      const name = chart.series[which].name;
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(...key.childNodes);
      key.append(button);
      const draw = () => {
        const shown = !hidden.has(name);
        button.setAttribute("aria-pressed", String(shown));
        const path = plot.querySelector(`[data-series="${which}"]`);
        path.classList.toggle("hidden", !shown);
      };
      button.addEventListener("click", () => {
        hidden.delete(name) || hidden.add(name);
        draw();
      });
      if (hidden.has(name)) draw();
    }
    if (view[1] - view[0] < 1) zoom(view[0], view[1]);
  };
  const bringAll = () => {
    JSON.parse(document.getElementById("data").textContent).charts.forEach(bring);
  };
  // A live page has newer values.
  document.addEventListener("newer", bringAll);
  bringAll();
})();
