"use strict";
// Replaces the page by each newer state of the run, which the server makes and sends as events.
// Its markup comes from the same server and has every text escaped.
(() => {
  const path = location.pathname.replace(/\/?$/, "/events");
  const source = new EventSource(path);
  const line = document.createElement("p");
  line.className = "connection";
  line.setAttribute("role", "status");
  document.querySelector("main").before(line);

  // Choices of the reader that a newer state must not undo.
  const place = (node) => {
    const figure = node.closest("figure");
    return figure ? figure.id : null;
  };
  const show = (text) => {
    const page = JSON.parse(text);
    const main = document.querySelector("main");
    const open = [...main.querySelectorAll("details[open]")].map(place);
    const focused = document.activeElement.matches(".plot") ? place(document.activeElement) : null;
    document.title = page.title;
    main.innerHTML = page.main;
    document.getElementById("data").textContent = JSON.stringify(page.data);
    document.dispatchEvent(new Event("newer"));
    for (const details of main.querySelectorAll("details")) {
      if (open.includes(place(details))) details.open = true;
    }
    const plot = focused && document.getElementById(focused)?.querySelector(".plot");
    if (plot) plot.focus({preventScroll: true});
  };

  // A drag that has begun goes on over the same drawing.
  let isPressed = false;
  let waiting = null;
  const take = (text) => {
    if (isPressed) waiting = text;
    else show(text);
  };
  document.addEventListener("pointerdown", () => { isPressed = true; });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => {
      isPressed = false;
      if (waiting !== null) show(waiting);
      waiting = null;
    });
  }

  source.addEventListener("open", () => { line.textContent = ""; });
  source.addEventListener("newer", (event) => take(event.data));
  source.addEventListener("last", (event) => {
    source.close();
    take(event.data);
  });
  source.addEventListener("error", () => {
    line.textContent = "The program that runs this benchmark can't be reached. It may have ended.";
  });
})();
