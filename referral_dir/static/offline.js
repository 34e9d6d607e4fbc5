// The page without signal: asks the copy, shows its answer, and holds a request that was begun in memory alone.
(async function () {
  "use strict";
  const form = document.getElementById("ask"), out = document.getElementById("answer"), begun = document.getElementById("begun");
  const word = name => document.querySelector(`#words [data-word="${name}"]`)?.textContent || name;
  const node = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text || "", className: name || "" });
  const time = at => new Date(at).toLocaleString(document.documentElement.lang, { weekday: "short", hour: "2-digit", minute: "2-digit" });
  const answer = await fetch("/offline/copy").catch(() => null);
  document.getElementById(answer && answer.ok ? "kept" : "none").hidden = false;
  if (!answer || !answer.ok) { return; }
  const copy = await answer.json();
  const age = () => {
    const hours = Math.max(0, Math.round((Date.now() / 1000 - copy.made) / 3600));
    document.getElementById("age").textContent = `${copy.place[0]} · ${new Date(copy.made * 1000).toLocaleString(document.documentElement.lang)} · ${hours} h`;
  };
  age();
  setInterval(age, 60e3);
  for (const town of copy.towns) { document.getElementById("towns").append(Object.assign(node("option"), { value: town[0] })); }
  const spoken = code => new Intl.DisplayNames(document.documentElement.lang, { type: "language" }).of(code);
  const town = name => copy.towns.find(t => t[0].toLowerCase() === name.trim().toLowerCase());
  const list = name => form[name].value.split(",").map(x => x.trim()).filter(Boolean);
  let asked = null, held = null;

  function question() {
    const data = new FormData(form), place = data.get("near").trim() ? town(data.get("near")) : [...copy.place.slice(0, 1), copy.place[2], copy.place[1], ...copy.place.slice(3)];
    const avoid = data.get("avoid_near").trim() && town(data.get("avoid_near")), years = data.get("age") === "" ? null : Number(data.get("age"));
    if (!place || (data.get("avoid_near").trim() && !avoid) || !data.getAll("needs").length) { return null; }
    return { needs: Object.fromEntries(data.getAll("needs").map(code => [code, copy.needs.filter(n => n === code || n.startsWith(code + "."))])),
      name: place[0], admin1: place[1], country: place[2], lat: place[3], lon: place[4], languages: data.getAll("languages"),
      radius: Number(data.get("radius_km")) || 50, household: Number(data.get("household")) || 1, ages: years === null ? null : [years, years],
      gender: data.get("gender"), accessibility: data.getAll("accessibility"), openNow: !!data.get("open_now"),
      areas: avoid ? [{ lat: avoid[3], lon: avoid[4], km: 25 }] : [], communities: list("avoid_communities").map(c => c.toLowerCase()),
      organizations: list("avoid_organizations").flatMap(o => copy.organizations.flatMap((name, n) => name.toLowerCase().includes(o.toLowerCase()) ? [n] : [])) };
  }

  function card(m) {
    const s = m.service, box = node("article", "", "card " + (m.unmet ? "bad" : m.state === "available" ? "good" : "warn")), facts = node("p", "", "facts");
    const fact = (text, name) => facts.append(node("span", text, "tag " + (name || "")), " ");
    box.append(node("h3", s.n), node("p", copy.organizations[s.o]), facts);
    fact(m.distance != null ? `${m.distance} km` : word("remote"));
    fact(s.f && m.state !== "unknown" ? `${word(m.state)}: ${s.f[1]} (${time(s.f[2] * 1000)})` : word("unknown"), m.state === "available" ? "good" : "");
    for (const [name, verdict, , how, code, who] of m.criteria) {
      if (name === "language" && how && code) { fact(`${word(how)}: ${spoken(code)}${who ? " – " + who.n : ""}`, "good"); }
      if (verdict === 2) { fact(`${word("unmet")}: ${word(name)}`, "bad"); }
    }
    fact(word("open-" + m.opening.state) + (m.opening.closes || m.opening.opens ? " " + time(m.opening.closes || m.opening.opens) : ""));
    for (const number of s.t || []) { box.append(Object.assign(node("a", number, "phone"), { href: "tel:" + number.replace(/[^+\d]/g, "") }), " "); }
    if (s.q && !m.unmet && begun) {
      const button = node("button", word("begin"));
      button.addEventListener("click", () => hold(s));
      box.append(button);
    }
    return box;
  }

  form.addEventListener("submit", event => {
    event.preventDefault();
    asked = question();
    out.replaceChildren();
    if (!asked) { out.append(node("p", word("check"), "error")); out.focus(); return; }
    const found = offlineRank(copy, asked, Date.now());
    out.append(node("h2", `${word("found")}: ${found.matches.length}`), ...found.matches.slice(0, 20).map(card));
    if (found.near.length) { out.append(node("h2", word("near")), ...found.near.slice(0, 5).map(card)); }
    out.focus();
  });

  async function hold(s) {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const iv = crypto.getRandomValues(new Uint8Array(12)), text = JSON.stringify([...new FormData(form)].filter(([name]) => name !== "near")
      .concat([["near", asked.lat + "," + asked.lon], ["service_id", s.i]]));
    held = { key, iv, text: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(text)) };
    begun.hidden = false;
    document.getElementById("begun-with").textContent = s.n;
    begun.focus();
  }
  begun?.querySelector("[data-forget]").addEventListener("click", () => { held = null; begun.hidden = true; });
  begun?.querySelector("[data-send]").addEventListener("click", async () => {
    const ticket = await fetch("/offline/ticket").catch(() => null), say = document.getElementById("begun-state");
    if (!ticket || !ticket.ok || ticket.redirected) { say.textContent = word(navigator.onLine && ticket ? "sign-in" : "no-signal"); return; }
    const { token, url } = await ticket.json(), sent = Object.assign(node("form"), { method: "post", action: url, hidden: true });
    const fields = JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv: held.iv }, held.key, held.text)));
    for (const [name, value] of [...fields, ["csrf_token", token]]) { sent.append(Object.assign(node("input"), { name, value })); }
    document.body.append(sent);
    sent.submit();
  });
})();
