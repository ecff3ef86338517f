// What pages can do more with a script than without. Everything here has a plain way too.
(() => {
  "use strict";

  // Copy buttons appear where there is a clipboard.
  const offerCopies = (root) => {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
  };

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(copy.parentElement.querySelector("code").textContent.trim());
      const before = copy.textContent;
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = before; }, 1500);
    }
    const close = event.target.closest("[data-close]");
    if (close) {
      const holder = close.closest("dialog");
      if (holder) {
        event.preventDefault();
        holder.close();
      } else {
        close.closest("[data-closes]")?.remove();
      }
    }
  });

  // A page asked for into #dialog is shown as a dialog over this one.
  document.addEventListener("htmx:afterSwap", (event) => {
    offerCopies(event.target);
    if (event.target.id === "dialog" && event.target.childElementCount) event.target.showModal();
  });
  const dialog = document.getElementById("dialog");
  dialog?.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog?.addEventListener("close", () => dialog.replaceChildren());

  // What asks again and again by itself rests while nobody looks.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.matches("[data-live]")) event.preventDefault();
  });

  // "/" goes to the search, as in every list of this kind.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  });

  // An open menu closes when one goes elsewhere.
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.me[open], details.drop[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });

  // On a phone the navigation scrolls sideways: begin where one is.
  document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  offerCopies(document);
})();
