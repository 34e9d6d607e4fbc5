// Answers only when there is no connection, from the copy that somebody asked for; keeps nothing by itself.
const COPY = "offline-copy", SHELL = "/offline/shell";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));

async function withoutSignal(request) {
  const path = new URL(request.url).pathname;
  if (path === "/leave") {
    // The exit: what this site left on the device goes, and the page says nothing.
    await caches.delete(COPY);
    return new Response("<!doctype html><title> </title>", { headers: { "Content-Type": "text/html", "Cache-Control": "no-store" } });
  }
  const copy = await caches.open(COPY), answer = await copy.match(request.mode === "navigate" ? SHELL : request.url);
  if (answer && path === "/offline/copy") {
    // A service may have become hidden meanwhile: what is too old to know is not kept.
    const { made, days } = await answer.clone().json();
    if (Date.now() / 1000 > made + days * 86400) { await caches.delete(COPY); return Response.error(); }
  }
  return answer || Response.error();
}

self.addEventListener("fetch", event => {
  const { request } = event, path = new URL(request.url).pathname;
  if (request.mode === "navigate" || (request.method === "GET" && (path.startsWith("/static/") || path === "/offline/copy"))) {
    event.respondWith(path === "/offline/copy" ? withoutSignal(request) : fetch(request).catch(() => withoutSignal(request)));
  }
});
