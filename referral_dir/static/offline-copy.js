// The page on which somebody keeps a copy on this device, renews it, or takes it away.
(function () {
  "use strict";
  const form = document.querySelector("form[data-region]"), say = document.getElementById("copy-state"), COPY = "offline-copy";
  if (!form || !("serviceWorker" in navigator) || !window.caches) { return; }
  document.querySelectorAll("[data-needs-worker]").forEach(part => { part.hidden = false; });
  const worker = () => window.trustedTypes
    ? trustedTypes.createPolicy("offline", { createScriptURL: () => "/offline/worker.js" }).createScriptURL("")
    : "/offline/worker.js";

  async function show() {
    const kept = await caches.has(COPY) && await (await caches.open(COPY)).match("/offline/copy");
    const copy = kept && await kept.json();
    document.querySelectorAll("[data-when-kept]").forEach(part => { part.hidden = !copy; });
    if (copy) {
      const time = document.querySelector("[data-made]");
      time.textContent = new Date(copy.made * 1000).toLocaleString(document.documentElement.lang.replace(/^en$/, "en-GB"), { dateStyle: "medium", timeStyle: "short" });
      const count = document.querySelector("[data-count]");
      count.textContent = count.dataset.count.replace("#", copy.services.length).replace("@", () => copy.place[0]);
      if (!form.near.value) { form.near.value = copy.place[0]; }
    }
  }

  form.addEventListener("submit", async event => {
    event.preventDefault();
    event.stopImmediatePropagation();
    try {
      say.textContent = form.dataset.working;
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
      if (answer.status === 422) { say.textContent = Object.values((await answer.json()).errors).join(" "); return; }
      if (!answer.ok || answer.redirected) { throw new Error(answer.status); }
      const shell = await fetch("/offline/shell");
      const copy = await caches.open(COPY), parts = (await shell.clone().text()).match(/\/static\/[^"]+/g);
      await copy.addAll(parts.map(part => part.replaceAll("&amp;", "&")));
      await copy.put("/offline/shell", shell);
      await copy.put("/offline/copy", answer);
      await navigator.serviceWorker.register(worker(), { scope: "/" });
      say.textContent = form.dataset.done;
    } catch (error) {
      say.textContent = form.dataset.failed;
    }
    show();
  });
  document.querySelector("[data-remove]").addEventListener("click", async () => {
    await caches.delete(COPY);
    for (const each of await navigator.serviceWorker.getRegistrations()) { await each.unregister(); }
    say.textContent = form.dataset.removed;
    show();
  });
  show();
})();
