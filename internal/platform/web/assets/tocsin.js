"use strict";
// Conveniences only: every page works without this file.
(() => {
  const typing = (e) => e.target.closest("input, textarea, select, [contenteditable]");
  const help = document.getElementById("help");
  for (const b of document.querySelectorAll("[data-help]")) {
    b.hidden = false;
    b.addEventListener("click", () => help.showModal());
  }

  // Rows: j and k walk, Enter opens the row's first link.
  let at = -1;
  const rows = () => [...document.querySelectorAll("main tbody tr")].filter((r) => r.offsetParent !== null && r.querySelector("a[href]"));
  const walk = (step) => {
    const all = rows();
    if (!all.length) return;
    all[at]?.classList.remove("at");
    at = Math.max(0, Math.min(all.length - 1, at + step));
    all[at].classList.add("at");
    all[at].querySelector("a[href]").focus({ preventScroll: true });
    all[at].scrollIntoView({ block: "nearest" });
  };

  let going = -Infinity;
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && typing(e)) return e.target.blur();
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e) || document.querySelector("dialog[open]")) return;
    if (e.timeStamp - going < 1500) {
      going = -Infinity;
      const to = [...document.querySelectorAll("dialog [data-key]")].find((a) => a.dataset.key === e.key);
      if (to) {
        e.preventDefault();
        location.href = to.href;
      }
      return;
    }
    const page = (...which) => which.map((w) => document.querySelector(`[data-page="${w}"]`)).find(Boolean)?.click();
    const keys = {
      "/": () => { const s = document.querySelector(".search input"); s?.focus(); s?.select(); },
      "?": () => help.showModal(),
      g: () => { going = e.timeStamp; },
      j: () => walk(1),
      k: () => walk(-1),
      n: () => page("next"),
      p: () => page("prev", "first"),
    };
    if (keys[e.key]) {
      e.preventDefault();
      keys[e.key]();
    }
  });

  // Live parts: replaced by their fragment until it no longer asks to be polled.
  const poll = (el) => {
    const every = Math.max(500, Number(el.dataset.every) || 1000);
    setTimeout(async () => {
      if (document.hidden) return poll(el);
      let next = el;
      try {
        const r = await fetch(el.dataset.poll, { headers: { Accept: "text/html" }, credentials: "same-origin" });
        if (!r.ok) return;
        const doc = new DOMParser().parseFromString(await r.text(), "text/html");
        next = doc.body.firstElementChild;
        if (!next) return;
        el.replaceWith(next);
      } catch {
        next = el; // the server is away for a moment
      }
      if (next.dataset.poll) poll(next);
      else if (next.dataset.reload !== undefined) location.reload();
    }, every);
  };
  for (const el of document.querySelectorAll("[data-poll]")) poll(el);

  // A choice that says so sends its form at once.
  for (const s of document.querySelectorAll("select[data-submit]")) s.addEventListener("change", () => s.form.requestSubmit());

  // A form that saves itself: what was written is sent some seconds after the last change, and the form says so.
  for (const form of document.querySelectorAll("form[data-autosave]")) {
    let timer, before = "";
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const values = new URLSearchParams(new FormData(form));
        values.set("do", "save");
        if (String(values) === before) return;
        try {
          const r = await fetch(form.action, { method: "POST", body: values, redirect: "manual", credentials: "same-origin" });
          if (r.type !== "opaqueredirect") return; // not saved: the button tells why
          before = String(values);
          for (const p of form.querySelectorAll("[data-autosaved]")) p.hidden = false;
        } catch { /* the server is away for a moment: the next change tries again */ }
      }, 8000);
    });
    form.addEventListener("submit", () => clearTimeout(timer));
  }

  // Passkeys: a form carries what to ask the device for, and sends what it answers; what went wrong is a text of the form.
  for (const form of document.querySelectorAll("form[data-passkey-create], form[data-passkey-get]")) {
    const { passkeyCreate, passkeyGet } = form.dataset;
    const tell = (what) => { for (const p of form.querySelectorAll("[data-passkey-trouble]")) p.hidden = p.dataset.passkeyTrouble !== what; };
    if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
      tell("unsupported");
      continue;
    }
    form.querySelector("button").disabled = false;
    form.addEventListener("submit", async (e) => {
      e.preventDefault();
      tell("");
      try {
        const made = passkeyCreate
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(passkeyCreate)) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(passkeyGet)) });
        form.elements.answer.value = JSON.stringify(made.toJSON());
        form.submit();
      } catch (err) {
        tell({ NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "known", SecurityError: "place" }[err.name] || "failed");
      }
    });
  }
})();
