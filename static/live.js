// The live script. A page is complete without it; with it, what the page shows changes by itself.
//
// The server's stream (/live) tells of rows that changed: their new HTML takes the place of the old. Whenever something may have
// been missed, the page reads itself again and puts what it finds into place, and only then calls itself live.
"use strict";
{
  const $ = (id) => document.getElementById(id);
  const page = () => $("page");
  const topics = page()?.dataset.topics;

  // --- putting new HTML into the old page -------------------------------------------------------------------------------

  // What a person is in the middle of stays: focus, ticks, typed text, open menus.
  const kept = "#live, #pause, #flashes, #elsewhere, form[data-sending], input:not([type=hidden]), select, textarea";
  const keep = {
    callbacks: {
      beforeNodeMorphed: (old) => !(old instanceof Element && old.matches(kept)),
      beforeAttributeUpdated: (name, el) => !(name === "open" && el.matches("details")),
    },
  };

  function morph(old, fresh) {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    Idiomorph.morph(old, fresh, keep);
    if (focused && !focused.isConnected) (old.querySelector("a, button") ?? page()).focus();
  }

  function parse(html) {
    const t = document.createElement("template");
    t.innerHTML = html;
    return t.content;
  }

  // --- rows ---------------------------------------------------------------------------------------------------------------

  const unseen = new Set(); // ids of rows that are not on the page yet

  function rowChanged(kind, html) {
    const fresh = parse(html).firstElementChild;
    if (!fresh) return;
    const row = $(fresh.id);
    if (row) {
      const was = row.dataset.status;
      morph(row, fresh);
      if (row.dataset.status !== was && row.localName !== "section") shine(row); // a row, not a whole plan
    } else if (document.querySelector("[data-page-row]")?.dataset.pageRow === fresh.id) {
      catchUp();
    } else {
      announceNew(kind, fresh);
    }
    follow(kind);
  }

  function shine(row) {
    row.classList.remove("fresh");
    void row.offsetWidth; // begin the animation anew
    row.classList.add("fresh");
    row.addEventListener("animationend", () => row.classList.remove("fresh"), { once: true });
    tell(row.dataset.status);
  }

  // A new row waits behind a link: nothing moves under a reader's hand.
  function announceNew(kind, row) {
    const list = document.querySelector(`[data-first="${kind}"]`);
    const fits = (only, is) => !only || only === is;
    if (!list || !fits(list.dataset.onlyStatus, row.dataset.status) || !fits(list.dataset.onlyCompany, row.dataset.company)) return;
    unseen.add(row.id);
    const more = $("more");
    more.textContent = `${unseen.size} new: show`;
    more.href = location.pathname + location.search;
    more.hidden = false;
  }

  // --- counts, and the parts of a page that follow an event -----------------------------------------------------------------

  function countsChanged(html) {
    replaceCounts(parse(html));
    if (document.querySelector("[data-first] .empty")) catchUp(); // what is said of an empty list may not be true any more
    follow("counts");
  }

  function replaceCounts(from) {
    for (const now of from.querySelectorAll("[data-count]")) {
      for (const old of document.querySelectorAll(`[data-count="${now.dataset.count}"]`)) {
        if (old.isEqualNode(now)) continue;
        old.replaceWith(now.cloneNode(true));
        follow(now.dataset.count);
      }
    }
  }

  const due = new Set();
  let following = 0;

  function follow(kind) {
    for (const el of document.querySelectorAll(`[data-follow~="${kind}"]`)) due.add(el.id);
    if (due.size && !following) following = setTimeout(followed, 1500);
  }

  async function followed() {
    const ids = [...due];
    due.clear();
    try {
      const now = ids.length > 0 && await read();
      if (now && now.getElementById("page").dataset.zone !== page().dataset.zone) catchUp(); // all of it, for its times are others
      for (const id of ids) if (now && !paused() && $(id) && now.getElementById(id)) morph($(id), now.getElementById(id));
    } catch {
      // the stream will notice too, and the page catches up then
    }
    following = 0;
    if (due.size) following = setTimeout(followed, 1500);
  }

  // --- the digest, for those who cannot see the page change -----------------------------------------------------------------

  const words = { complete: "complete", failed: "failed", needs_checking: "need checking", on_hold: "on hold" };
  const told = new Map();
  let telling = 0;

  function tell(status) {
    if (!words[status]) return;
    told.set(status, (told.get(status) ?? 0) + 1);
    telling ||= setTimeout(() => {
      const parts = [...told].map(([status, n]) => `${n} ${words[status]}`);
      $("digest").textContent = `Pushes: ${parts.join(", ")}.`;
      told.clear();
      telling = 0;
    }, 3000);
  }

  // --- catching up ----------------------------------------------------------------------------------------------------------

  // read returns this page as the server has it now, or null when it sent us somewhere else (to sign in).
  async function read() {
    const reply = await fetch(location.href, {
      credentials: "same-origin", cache: "no-store", headers: { "X-Catch-Up": "1" }, signal: AbortSignal.timeout(15000),
    });
    if (reply.redirected && new URL(reply.url).pathname === "/login") {
      location.assign(reply.url);
      return null;
    }
    if (!reply.ok) throw new Error(`the page answered ${reply.status}`);
    return new DOMParser().parseFromString(await reply.text(), "text/html");
  }

  let catching = false, again = false, behind = true, retrying = 0;
  let held = []; // events that came meanwhile: they are newer than what is being read, or will be followed by newer ones

  async function catchUp() {
    if (catching) {
      again = true;
      return;
    }
    catching = true;
    let retry = 0;
    do {
      again = false;
      try {
        const now = await read();
        if (!now || paused()) break;
        const { show: shown, zone } = page().dataset;
        const before = new Map([...document.querySelectorAll("[id][data-status]")].map((el) => [el.id, el.dataset.status]));
        unseen.clear();
        morph(page(), now.getElementById("page"));
        replaceCounts(now); // those of the rail
        restorePicks();
        for (const [id, was] of before) if ($(id) && $(id).dataset.status !== was) shine($(id));
        due.clear();
        behind = page().dataset.show !== shown || page().dataset.zone !== zone; // the stream must tell of other rows now, or of other times
        if (behind) connectSoon();
      } catch {
        behind = true;
        retry = 2000;
      }
    } while (again && !retry);
    catching = false;
    const missed = held;
    held = [];
    if (!paused()) for (const act of missed) act();
    clearTimeout(retrying);
    if (retry) retrying = setTimeout(() => behind && catchUp(), retry);
    show();
  }

  // --- the stream and its indicator -----------------------------------------------------------------------------------------

  let stream = null, connected = 0, heard = 0, lost = Date.now(), wait = 0, waiting = 0;

  // A person may stop a page from changing while they work on it. The tab remembers that, and the page says it.
  const paused = () => !!$("pause") && sessionStorage.getItem("paused") === "yes";
  let pausedAt = Date.now();

  function pause(on) {
    if (on) sessionStorage.setItem("paused", "yes");
    else sessionStorage.removeItem("paused");
    pausedAt = Date.now();
    lost = 0;
    if (on) disconnect();
    else connect(); // and catch up
    show();
  }

  function timeOf(moment) {
    const how = { hour: "2-digit", minute: "2-digit" };
    try {
      return new Date(moment).toLocaleTimeString("en-GB", { ...how, timeZone: page().dataset.zone });
    } catch { // a zone that has no name
      return new Date(moment).toLocaleTimeString("en-GB", how);
    }
  }

  // show says what is true: live only when the stream is open and nothing was missed.
  function show() {
    const el = $("live");
    if (!el) return;
    const live = stream?.readyState === EventSource.OPEN && !behind;
    if (live) lost = 0;
    else lost ||= Date.now();
    const gone = !live && (!navigator.onLine || Date.now() - lost > 10000);
    const state = paused() ? "paused" : live ? "live" : gone ? "offline" : "reconnecting";
    const word = {
      live: "Live", reconnecting: "Reconnecting", offline: `Offline since ${lost && timeOf(lost)}`, paused: `Updates paused at ${timeOf(pausedAt)}`,
    }[state];
    if (el.dataset.state !== state) el.dataset.state = state;
    if (el.lastElementChild.textContent !== word) el.lastElementChild.textContent = word;
    if (live || paused() || Date.now() - lost > 1500) el.hidden = false;
    const button = $("pause");
    if (!button) return;
    const offer = paused() ? "Resume" : "Pause updates";
    if (button.textContent !== offer) button.textContent = offer;
    button.hidden = el.hidden;
  }

  function connect() {
    clearTimeout(waiting);
    stream?.close();
    if (paused()) return show();
    connected = Date.now();
    const query = new URLSearchParams({ topics });
    if (page().dataset.show) query.set("show", page().dataset.show);
    query.set("zone", page().dataset.zone);
    const s = stream = new EventSource(`/live?${query}`);
    const on = (name, act) => s.addEventListener(name, (e) => {
      if (s !== stream) return;
      heard = Date.now();
      if (catching) held.push(() => act(e.data));
      else act(e.data);
    });
    for (const kind of ["expense", "connection", "delivery", "plan", "import"]) on(kind, (html) => rowChanged(kind, html));
    on("counts", countsChanged);
    on("digest", (html) => { $("digest").textContent = parse(html).textContent; });
    on("resync", missedSome);
    on("beat", () => {});
    s.onopen = () => {
      wait = 0;
      heard = Date.now();
      missedSome();
    };
    s.onerror = () => {
      if (s !== stream) return;
      behind = true;
      if (s.readyState === EventSource.CLOSED) { // refused: signed out, or too many streams
        catchUp();
        wait = Math.min(wait * 2 || 2000, 30000);
        waiting = setTimeout(connect, wait);
      }
      show();
    };
    show();
  }

  function connectSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(connect, Math.max(0, connected + 2000 - Date.now()));
  }

  function missedSome() {
    behind = true;
    catchUp();
    show();
  }

  function disconnect() {
    clearTimeout(waiting);
    clearTimeout(retrying);
    stream?.close();
    stream = null;
    behind = true;
    show();
  }

  if (topics && window.EventSource) {
    connect();
    document.addEventListener("click", (e) => { if (e.target.closest?.("#pause")) pause(!paused()); });
    let ticked = Date.now();
    setInterval(() => {
      // The machine slept, or nothing was heard for longer than the server's beat: what looks open may be dead.
      const silent = stream?.readyState === EventSource.OPEN && Date.now() - heard > 40000;
      if (stream && (silent || Date.now() - ticked > 30000)) connect();
      ticked = Date.now();
      show();
    }, 1000);
    addEventListener("online", connect);
    addEventListener("offline", disconnect);
    addEventListener("pagehide", disconnect);
    addEventListener("pageshow", (e) => e.persisted && connect());
    // A browser has few connections per server: a page nobody looks at gives its own back after a while.
    let hiding = 0;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(disconnect, 20000);
      else if (!stream) connect();
    });
  }

  // --- small comforts that need no stream -----------------------------------------------------------------------------------

  // What is ticked outlives a reload and a turn of the page, in this tab and for this list: other filters begin anew. What is ticked on
  // other pages goes along with the form as hidden fields.
  const picks = () => [...document.querySelectorAll("td.pick input")];

  function picked() {
    try {
      const kept = JSON.parse(sessionStorage.getItem("picked"));
      return new Set(kept.of === $("bulk").dataset.of ? kept.ids : []);
    } catch {
      return new Set(); // nothing is kept
    }
  }

  function keepPicked(ids) {
    if (ids.size) sessionStorage.setItem("picked", JSON.stringify({ of: $("bulk").dataset.of, ids: [...ids] }));
    else sessionStorage.removeItem("picked");
    const here = new Set(picks().map((p) => p.value));
    const rest = [...ids].filter((id) => !here.has(id));
    const elsewhere = $("elsewhere");
    elsewhere.hidden = !rest.length;
    elsewhere.firstElementChild.textContent = `${rest.length.toLocaleString("en-GB")} selected on other pages`;
    for (const old of elsewhere.querySelectorAll("input")) old.remove();
    for (const id of rest) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "id", value: id });
      elsewhere.append(field);
    }
  }

  function picksChanged() {
    if ($("bulk")) {
      const ids = picked();
      for (const p of picks()) p.checked ? ids.add(p.value) : ids.delete(p.value);
      keepPicked(ids);
    }
    const all = $("pick-all");
    if (!all) return;
    const n = picks().filter((p) => p.checked).length;
    all.hidden = false;
    all.checked = n > 0 && n === picks().length;
    all.indeterminate = n > 0 && !all.checked;
  }

  function restorePicks() {
    if ($("bulk")) {
      const ids = picked();
      for (const p of picks()) p.checked ||= ids.has(p.value);
    }
    picksChanged();
  }

  document.addEventListener("change", (e) => {
    const every = e.target.matches("#pick-all");
    if (every) for (const p of picks()) p.checked = e.target.checked;
    else if (!e.target.matches("td.pick input")) return;
    const match = document.querySelector(".all input"); // "all that match" is not said any more of a page with gaps
    if (match && !e.target.checked) match.checked = false;
    picksChanged();
  });
  document.addEventListener("click", (e) => {
    if (!e.target.closest?.("#elsewhere button")) return;
    keepPicked(new Set(picks().filter((p) => p.checked).map((p) => p.value)));
    $("pick-all").focus();
  });
  // Where the selection has done its work, or somebody else may sit down, it ends.
  if (document.querySelector("[data-ends-selection], .alone")) sessionStorage.removeItem("picked");
  restorePicks();

  // An expense is opened with the list it was opened from, so that it knows what comes before and after it there.
  for (const press of ["click", "auxclick", "contextmenu"]) {
    document.addEventListener(press, (e) => {
      const link = e.target.closest?.(".expenses :is(.ref, .act) a");
      if (link) link.search = new URLSearchParams({ list: location.search.slice(1) });
    }, true);
  }

  // An address says what is chosen, and nothing of what is not. What the page itself puts in is always meant.
  addEventListener("formdata", (e) => {
    if (e.target.getAttribute("method") === "post") return;
    for (const [name, value] of [...e.formData]) if (value === "" && e.target.elements[name]?.type !== "hidden") e.formData.delete(name);
  });

  // In which zone a person is told times: as their browser says, until they choose another.
  if ($("browser-zone")) $("browser-zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  $("zones")?.append(...(Intl.supportedValuesOf?.("timeZone") ?? []).map((zone) => new Option(zone, zone)));

  if (navigator.clipboard) {
    document.documentElement.classList.add("can-copy");
    document.addEventListener("click", async (e) => {
      const button = e.target.closest?.("[data-copy]");
      if (!button) return;
      try {
        await navigator.clipboard.writeText(button.dataset.copy || button.previousElementSibling.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it and copy by hand";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // What is told as "3 h ago" stays true on a page that stays open.
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const min = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
      const words = min < 1 ? "just now" : min < 60 ? `${min} min ago` : min < 48 * 60 ? `${Math.floor(min / 60)} h ago` : `${Math.floor(min / 1440)} days ago`;
      if (time.textContent !== words) time.textContent = words;
    }
  }, 20000);

  // A search form with data-seek finds while one types: the part of the page with that id is what the same address has there.
  for (const form of document.querySelectorAll("form[data-seek]")) {
    let timer = 0, asked = 0;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const mine = ++asked;
        const url = `${form.action}?${new URLSearchParams(new FormData(form))}`;
        try {
          const reply = await fetch(url, { credentials: "same-origin", headers: { "X-Catch-Up": "1" }, signal: AbortSignal.timeout(15000) });
          if (!reply.ok || reply.redirected) return;
          const now = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById(form.dataset.seek);
          if (mine !== asked || !now) return;
          $(form.dataset.seek).replaceWith(document.adoptNode(now));
          history.replaceState(null, "", url);
        } catch {
          // the button is still there
        }
      }, 150);
    });
  }

  // Where tabs do not all fit, the chosen one is seen.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  document.addEventListener("click", (e) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(e.target)) menu.open = false;
  });
  document.addEventListener("keydown", (e) => {
    const menu = e.key === "Escape" && e.target.closest("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
