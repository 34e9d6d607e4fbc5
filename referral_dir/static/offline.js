// The copy's page.
(async function () {
  const id = name => document.getElementById(name), form = id("ask"), out = id("answer"), begun = id("begun");
  const word = name => id("word-" + name)?.textContent || name;
  const node = (tag, text, more) => Object.assign(document.createElement(tag), { textContent: text }, more);
  const lang = document.documentElement.lang, fold = text => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
  const time = at => new Date(at).toLocaleString(lang, { dateStyle: "medium", timeStyle: "short" });
  const answer = await fetch("/offline/copy").catch(() => 0), copy = answer.ok && await answer.json();
  id(copy ? "kept" : "none").hidden = false;
  if (!copy) { return; }
  const towns = [copy.place, ...copy.towns], town = name => towns.find(t => fold(t[0]) === fold(name));
  const ago = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  (function aged() {
    id("age").textContent = `${time(copy.made * 1000)} (${ago.format(Math.round((copy.made - Date.now() / 1000) / 3600), "hour")})`;
    setTimeout(aged, 60e3);
  })();
  id("towns").append(...towns.map(t => node("option", t[0])));
  const tongues = new Intl.DisplayNames(lang, { type: "language" });
  let asked, held;

  function question() {
    const data = new FormData(form), all = name => data.getAll(name), get = name => data.get(name).trim();
    const list = name => get(name).split(",").map(fold).filter(Boolean), number = name => Number(get(name));
    const place = town(get("near") || towns[0][0]), avoid = get("avoid_near") && town(get("avoid_near")), age = number("age");
    form.near.value = place?.[0] || form.near.value;
    return place && avoid !== undefined && (all("needs")[0] || get("words")) && {
      words: list("words").join(" ").split(" "), lat: place[3], lon: place[4], country: place[1], admin1: place[2],
      needs: Object.fromEntries(all("needs").map(code => [code, copy.needs.filter(n => (n + ".").startsWith(code + "."))])),
      languages: all("languages"), radius: number("radius_km") || 50, household: number("household") || 1,
      ages: get("age") ? [age, age] : null, gender: get("gender"), accessibility: all("accessibility"), openNow: !!all("open_now")[0],
      areas: avoid ? [{ lat: avoid[3], lon: avoid[4], km: 25 }] : [], communities: list("avoid_communities"),
      organizations: list("avoid_organizations").flatMap(o => copy.organizations.flatMap((name, n) => fold(name).includes(o) ? n : [])) };
  }

  function card(m) {
    const s = m.service, facts = node("p", "", { className: "facts" }), free = m.state === "available", when = m.opening.closes || m.opening.opens;
    const fact = (text, name) => facts.append(node("span", text, { className: "tag " + name }), " ");
    const box = node("article", "", { className: "card " + (m.unmet ? "bad" : free ? "good" : "warn") });
    box.append(node("h3", s.n), node("p", copy.organizations[s.o]), facts, node("p", s.d));
    fact(m.distance != null ? m.distance + " km" : word("remote"));
    fact(s.f ? `${word(m.state)}: ${s.f[1]} (${time(s.f[2] * 1000)})` : word("free"), free && "good");
    for (const [name, verdict, , how, code, who] of m.criteria) {
      if (code) { fact(`${word(how)}: ${tongues.of(code)}${who ? " – " + who.n : ""}`, "good"); }
      if (verdict === 2) { fact(word("unmet") + ": " + word(name), "bad"); }
    }
    fact(when ? `${word(m.opening.state)} ${time(when)}` : word(m.opening.state + "-"));
    for (const [t, to = t] of s.t || []) { box.append(node("a", t, { className: "phone", href: "tel:" + to }), " "); }
    if (s.q && !m.unmet) { box.append(node("button", word("begin"), { onclick: () => hold(s) })); }
    return box;
  }

  form.onsubmit = event => {
    event.preventDefault();
    asked = question();
    const [fit, near] = asked ? Object.values(offlineRank(copy, asked, Date.now())).map(all => all.filter(({ service: s }) =>
      asked.words.every(w => fold([s.n, s.d, copy.organizations[s.o]].join()).includes(w)))) : [];
    out.replaceChildren(...asked ? [node("h2", `${word("found")}: ${fit.length}`), ...fit.slice(0, 20).map(card),
      near[0] ? node("h2", word("nearly")) : "", ...near.slice(0, 5).map(card)] : [node("p", word("check"), { className: "error" })]);
    out.focus();
  };

  const iv = crypto.getRandomValues(new Uint8Array(12)), how = { name: "AES-GCM", iv };
  async function hold(s) {
    const key = await crypto.subtle.generateKey({ ...how, length: 256 }, false, ["encrypt", "decrypt"]);
    const text = JSON.stringify([...new FormData(form), ["service_id", s.i]]);
    const sealed = await crypto.subtle.encrypt(how, key, new TextEncoder().encode(text));
    held = () => crypto.subtle.decrypt(how, key, sealed);
    id("begun-with").textContent = s.n;
    begun.hidden = false;
    begun.focus();
  }
  id("forget").onclick = () => { held = null; begun.hidden = true; };
  id("send").onclick = async () => {
    const ticket = await fetch("/offline/ticket").catch(() => 0);
    if (!ticket.ok || ticket.redirected) { id("begun-state").textContent = word(ticket ? "sign-in" : "no-signal"); return; }
    const { token, action } = await ticket.json(), sent = node("form", "", { method: "post", action, hidden: true });
    const fields = JSON.parse(new TextDecoder().decode(await held()));
    sent.append(...[...fields, ["csrf_token", token]].map(([name, value]) => node("input", "", { name, value })));
    document.body.append(sent);
    sent.submit();
  };
})();
