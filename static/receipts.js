// Receipts may be dropped onto an expense, or chosen: they are sent at once, and the page says how far that is. Without this
// script the form has a button.
"use strict";
{
  const place = (e) => e.target.closest?.("[data-drop]");
  const hasFiles = (e) => e.dataTransfer?.types.includes("Files");

  document.documentElement.classList.add("can-drop");

  document.addEventListener("dragover", (e) => {
    if (!hasFiles(e)) return;
    e.preventDefault(); // or the browser would leave the page for the file
    const here = place(e);
    e.dataTransfer.dropEffect = here ? "copy" : "none";
    for (const el of document.querySelectorAll("[data-drop]")) el.classList.toggle("over", el === here);
  });

  function leave() {
    for (const el of document.querySelectorAll("[data-drop].over")) el.classList.remove("over");
  }

  document.addEventListener("dragleave", (e) => { if (!e.relatedTarget) leave(); });

  document.addEventListener("drop", (e) => {
    if (!hasFiles(e)) return;
    e.preventDefault();
    leave();
    const form = place(e)?.querySelector("form.add");
    if (!form) return;
    form.querySelector("input[type=file]").files = e.dataTransfer.files;
    send(form);
  });

  document.addEventListener("change", (e) => {
    const form = e.target.closest?.("form.add");
    if (form && e.target.files?.length) send(form);
  });

  document.addEventListener("submit", (e) => {
    if (!e.target.matches("form.add")) return;
    e.preventDefault();
    send(e.target);
  });

  function send(form) {
    if (form.dataset.sending) return;
    form.dataset.sending = "true";
    const button = form.querySelector("button"), bar = form.querySelector("progress");
    button.disabled = true;
    button.textContent = "Sending";
    bar.hidden = false;
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) bar.value = (100 * e.loaded) / e.total; });
    const again = () => {
      delete form.dataset.sending;
      form.reset();
      button.disabled = false;
      button.textContent = "Add";
      bar.hidden = true;
    };
    request.addEventListener("load", () => {
      if (request.status < 400) {
        location.assign(location.pathname + location.search);
        return;
      }
      again();
      const said = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main p");
      form.querySelector("#receipts-hint").textContent = said?.textContent ?? "The files could not be sent. Try again.";
    });
    request.addEventListener("error", () => {
      again();
      form.querySelector("#receipts-hint").textContent = "The files could not be sent: the connection broke. Try again.";
    });
    request.open("POST", form.action);
    request.setRequestHeader("X-Catch-Up", "1"); // what is to be told once is for the page that follows
    request.send(new FormData(form));
  }
}
