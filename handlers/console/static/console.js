// Times in the reader's own zone; UTC stays in the title. Without this they are UTC.
(() => {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const localise = (root) => {
    for (const each of root.querySelectorAll("time[datetime]:not([data-local])")) {
      each.textContent = format.format(new Date(each.dateTime));
      each.dataset.local = "";
    }
  };
  localise(document);
  document.addEventListener("htmx:afterSettle", () => localise(document));
  // One box for all of a list; without this each has its own alone.
  for (const head of document.querySelectorAll("th.choose")) {
    const table = head.closest("table"), all = document.createElement("input");
    all.type = "checkbox";
    all.setAttribute("aria-label", "Choose all of this list");
    all.addEventListener("change", () => {
      for (const each of table.querySelectorAll("input[name=item]")) each.checked = all.checked;
    });
    head.append(all);
  }
  // What a person has opened stays open when the part of the page is loaded anew.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const busy = document.querySelector("#live details[open] :focus, #live form :focus");
    if (busy) event.detail.shouldSwap = false;
  });
})();
