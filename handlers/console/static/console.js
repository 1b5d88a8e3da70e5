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
  // What a person has opened stays open when the part of the page is loaded anew.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const busy = document.querySelector("#live details[open] :focus, #live form :focus");
    if (busy) event.detail.shouldSwap = false;
  });
})();
