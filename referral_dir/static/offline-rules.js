// domain/matching.py on the device: see desk/offline.py.
function offlineRank(pack, need, now) {
  const rules = pack.rules, rad = x => x * Math.PI / 180, any = (list, test) => (list || []).some(test);
  const km = (a, b, c, d) => {
    const half = Math.sin((rad(c) - rad(a)) / 2) ** 2
      + Math.cos(rad(a)) * Math.cos(rad(c)) * Math.sin(rad(d - b) / 2) ** 2;
    return 2 * rules.earth * Math.asin(Math.min(1, Math.sqrt(half)));
  };
  const eligibility = (s, name) => (s.e || []).map(n => pack.eligibility[n]).filter(rule => rule[0] === name);
  const tag = (a, b) => a === b || b.startsWith(a + "-") || a.startsWith(b + "-");
  const pair = (list, own, asked) => any(list, ([a, b]) => a === asked.split("-")[0] && b === own.split("-")[0]);
  const fluency = (own, asked) => tag(own, asked) ? 3 : pair(pack.same, own, asked) ? 2 : pair(pack.related, own, asked) ? 1 : 0;
  const points = s => (s.p || []).map(p => p.map(x => x / 1e7)), here = (...p) => km(need.lat, need.lon, ...p);
  const distance = s => s.p ? +Math.min(...points(s).map(p => here(...p))).toFixed(1) : null;
  const covers = ([country, admin1, lat, lon, radius]) => radius != null && lat != null && lon != null
    ? here(lat, lon) <= radius
    : !!country && country === need.country && (!admin1 || admin1 === need.admin1);
  const everywhere = s => s.a ? s.a.some(n => covers(pack.areas[n])) : !!s.r;
  const safe = s => !need.organizations.includes(s.o)
    && !any(need.areas, a => any(points(s), p => km(...p, a.lat, a.lon) <= a.km))
    && !any(eligibility(s, "community"), ([, code, serves]) => serves && need.communities.includes(code));
  const ended = s => !!s.u && s.u < new Date(now).toISOString().slice(0, 10);
  const places = ([each], household) => each ? household : 1;
  const state = (f, household) => {
    if (!f) { return "unknown"; }
    const age = now - f[2] * 1000;
    if (age < -300e3 || age > f[3] * 1000) { return "unconfirmed"; }
    return f[1] >= places(f, household) ? "available" : "full";
  };
  const opening = s => {
    const at = (now - pack.made * 1000) / 60e3, spans = pack.hours[s.h];
    if (!spans || at < 0 || at >= pack.days * 1440) { return { state: "unknown" }; }
    const next = spans.find(([, end]) => at < end);
    if (!next) { return { state: "closed" }; }
    const when = minute => minute >= pack.days * 1440 ? null : pack.made * 1000 + minute * 60e3;
    return at >= next[0] ? { state: "open", closes: when(next[1]) } : { state: "closed", opens: when(next[0]) };
  };

  const chosen = {};
  for (const code of need.languages) {
    const ready = pack.services.filter(s => any(s.l, n => tag(pack.languages[n], code)) && any(s.c, n => pack.interprets[n])
      && !ended(s) && safe(s) && state(s.f, 1) !== "full" && opening(s).state !== "closed"
      && (everywhere(s) || (s.p && distance(s) <= need.radius)));
    const order = s => (opening(s).state !== "open") * 1e9 + (state(s.f, 1) !== "available") * 1e6 + (everywhere(s) ? 0 : distance(s) || 0);
    chosen[code] = ready.sort((a, b) => order(a) - order(b))[0];
  }

  const language = s => {
    const best = {};
    for (const asked of need.languages) {
      for (const own of (s.l || []).map(n => pack.languages[n]).sort()) {
        best[fluency(own, asked)] = best[fluency(own, asked)] || [own, asked];
      }
    }
    for (const n of [3, 2]) { if (best[n]) { return ["language", 0, rules.fluency[n], "speaks", best[n][n - 2]]; } }
    if (s.w) { return ["language", 0, rules.interpreted, "interpretation", need.languages[0]]; }
    for (const code of need.languages) {
      if (chosen[code] && chosen[code] !== s) { return ["language", 0, rules.interpreted, "interpretation", code, chosen[code]]; }
    }
    if (best[1]) { return ["language", 1, rules.fluency[1], "speaks", best[1][0]]; }
    return s.l ? ["language", 2, 0, "speaks"] : ["language", 1, rules.tongue];
  };
  const place = (s, far) => {
    const near = far == null ? 0 : 1 / (1 + far / rules.half);
    if (far != null && far <= need.radius) { return ["distance", 0, near]; }
    if (everywhere(s)) { return ["distance", 0, Math.max(rules.remote, near)]; }
    return far == null ? ["distance", 1, rules.unplaced] : ["distance", 2, near];
  };
  const capacity = (s, said) => {
    const enough = s.f && s.f[1] >= places(s.f, need.household);
    const fit = rules.capacity[said === "unconfirmed" && !enough ? "unconfirmed, too few" : said];
    return ["capacity", said === "available" ? 0 : said === "full" ? 2 : 1, fit];
  };
  const coded = (s, name, code) => {
    const named = eligibility(s, name);
    if (!code || code === "unknown" || !named.length) { return []; }
    const served = named.filter(r => r[2]).map(r => r[1]);
    const bad = any(named, r => !r[2] && r[1] === code) || (served.length && !served.includes(code));
    return [[name, bad ? 2 : 0, 1]];
  };
  const who = s => {
    const found = [], [low, high] = s.y || [null, null], [youngest, oldest] = need.ages || [];
    if (need.ages && s.y) {
      const top = high == null ? Infinity : high, least = low || 0;
      found.push(["age", least <= youngest && oldest < top + 1 ? 0 : oldest < least || youngest >= top + 1 ? 2 : 1, 1]);
    }
    if (s.m != null && need.household > 1) { found.push(["household", need.household <= s.m ? 0 : 2, 1]); }
    found.push(...coded(s, "household", need.household > 1 ? "family" : "alone"), ...coded(s, "gender", need.gender));
    for (const code of need.accessibility) {
      const said = eligibility(s, "accessibility").filter(r => r[1] === code);
      found.push(["accessibility", any(said, r => !r[2]) ? 2 : said.length ? 0 : 1, 1]);
    }
    if (s.x && !s.e && !found.length) { found.push(["eligibility", 1, 1]); }
    return found;
  };

  const judge = s => {
    const far = distance(s), asked = Object.values(need.needs), has = (list, codes) => any(list, n => codes.includes(pack.needs[n]));
    const sure = asked.filter(codes => has(s.c, codes)).length;
    const maybe = asked.filter(codes => !has(s.c, codes) && has(s.s, codes)).length;
    if (asked[0] && !sure && !maybe || !safe(s)) { return null; }
    if (!(far != null && far <= Math.min(need.radius * 2 + 50, rules.farthest) || everywhere(s)
        || !(s.p || s.a || s.r) && s.k && s.k === need.country)) { return null; }
    const said = state(s.f, need.household), open = opening(s);
    const criteria = [["needs", 0, asked[0] ? (sure + rules.suggested * maybe) / asked.length : 1], place(s, far),
      ...(need.languages.length ? [language(s)] : []), capacity(s, said), ...(ended(s) ? [["offered", 2, 0]] : []),
      ...(need.openNow ? [["open", open.state === "unknown" ? 1 : open.state === "open" ? 0 : 2, 1]] : []), ...who(s)];
    const fits = { language: 1 };
    criteria.forEach(([name, , fit]) => { fits[name] = fit; });
    fits.freshness = s.f ? 0.5 ** Math.max(0, (now / 1000 - s.f[2]) / s.f[3]) : 0;
    let score = 0;
    for (const name in rules.weights) { score += rules.weights[name] * fits[name]; }
    score -= rules.unknown * criteria.filter(c => c[1] === 1).length;
    return { service: s, score: Math.max(0, score).toFixed(4), distance: far, state: said, opening: open, criteria,
      unmet: criteria.filter(c => c[1] === 2).length };
  };
  const judged = pack.services.map(judge).filter(Boolean).sort((a, b) => b.score - a.score);
  return { matches: judged.filter(m => !m.unmet), near: judged.filter(m => m.unmet && m.unmet < 3).sort((a, b) => a.unmet - b.unmet) };
}
