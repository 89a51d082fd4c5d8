// What pages do beside their forms. It asks no server: it fills in and submits what the page holds.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  // The page's language, as the reader's country writes it.
  const { lang } = document.documentElement;
  const locale = navigator.languages.find((tag) => tag.split("-")[0] === lang.split("-")[0]) ?? lang;
  for (const element of all("[hidden][data-copies], [hidden][data-prints], [hidden][data-shows]")) element.hidden = false;

  // -- focus: what was marked for it, where the browser did not give it --
  requestAnimationFrame(() => {
    if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
  });

  // -- every form is sent once; again only where no answer came, or the browser went back to it --
  const busy = (form, is) => (is ? form.setAttribute("aria-busy", "true") : form.removeAttribute("aria-busy"));
  const isBusy = (form) => form.hasAttribute("aria-busy");
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (isBusy(form)) event.preventDefault();
    else setTimeout(busy, 10000, form, false);
    busy(form, true);
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of document.forms) busy(form, false);
  });

  // -- a code is sent by itself when it is complete; the same one only once --
  for (const input of all("[data-digits]")) {
    let last = "";
    input.addEventListener("input", () => {
      const code = input.value.replace(/[\s-]/g, "");
      if (code.length !== Number(input.dataset.digits) || !/^[0-9]+$/.test(code) || code === last) return;
      if (isBusy(input.form) || input.form.querySelector("button:disabled")) return;
      last = code;
      input.form.requestSubmit();
    });
  }

  // -- a wait counts down; it is read out now and then, not every second --
  const words = (number, unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(number);
  const inWords = (seconds) => [[Math.floor(seconds / 60), "minute"], [seconds % 60, "second"]]
    .filter(([number]) => number).map((pair) => words(...pair)).join(" ");
  for (const wait of all("[data-seconds]")) {
    const { text, done } = wait.dataset, until = Date.now() + wait.dataset.seconds * 1000;
    // Only a code waits in every case: another account's password may be looked at meanwhile.
    const button = wait.closest("form:has([data-digits])")?.querySelector("button:not([type=button])");
    const shown = document.createElement("span"), spoken = document.createElement("span");
    shown.ariaHidden = "true";
    spoken.className = "unseen";
    spoken.setAttribute("role", "status");
    spoken.textContent = wait.textContent;
    wait.replaceChildren(shown, spoken);
    if (button) button.disabled = true;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      shown.textContent = left > 0 ? text.replace("{time}", inWords(left)) : done;
      if (left <= 0 || left === 10 || left % 60 === 0) spoken.textContent = shown.textContent;
      if (left > 0) return;
      clearInterval(timer);
      wait.classList.add("over");
      if (button) button.disabled = false;
    };
    const timer = setInterval(tick, 1000);
    tick();
  }

  // -- copy, print, show --
  for (const button of all("[data-copies]")) {
    const source = document.getElementById(button.dataset.copies);
    const status = document.querySelector(`[data-copied="${button.dataset.copies}"]`);
    button.addEventListener("click", async () => {
      const lines = source.dataset.copy ?? all("code", source).map((code) => code.textContent).join("\n");
      try {
        await navigator.clipboard.writeText(lines);
        status.textContent = button.dataset.done;
      } catch {
        getSelection().selectAllChildren(source);
        status.textContent = button.dataset.failed;
      }
    });
  }
  for (const button of all("[data-prints]")) button.addEventListener("click", () => print());
  for (const button of all("[data-shows]")) {
    const input = document.getElementById(button.dataset.shows);
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.ariaPressed = String(shown);
    };
    button.addEventListener("click", () => show(input.type === "password"));
    // So that no browser keeps it as a word that was typed.
    input.form.addEventListener("submit", () => show(false));
  }

  // -- moments in local time --
  for (const time of all("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!time.dateTime.includes("T") || Number.isNaN(moment.getTime())) continue;
    time.title = time.textContent;
    time.textContent = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(moment);
  }

  // -- secrets leave with the page, and do not come back with it --
  const secrets = all("[data-wipe]");
  if (secrets.length) addEventListener("pagehide", () => {
    for (const secret of secrets) secret.remove();
    for (const gone of all("[data-gone]")) gone.hidden = false;
  });

  // -- the touch of a key --
  const touch = document.getElementById("touch");
  if (touch) {
    const { ceremony, options, ...texts } = touch.dataset;
    const says = touch.querySelector("[data-says]"), fails = touch.querySelector("[data-fails]"), again = touch.querySelector("[data-again]");
    const slugs = { NotAllowedError: "notAllowed", InvalidStateError: "invalidState", SecurityError: "security" };
    const fail = (slug) => {
      says.textContent = "";
      fails.textContent = texts[slug].replace("{host}", location.hostname);
      fails.hidden = false;
      again.hidden = ["security", "unsupported"].includes(slug);
      fails.focus();
    };
    const ask = async () => {
      const parse = ceremony === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
      fails.hidden = again.hidden = true;
      if (!window.PublicKeyCredential?.[parse]) return fail("unsupported");
      says.textContent = texts.touch;
      try {
        const publicKey = PublicKeyCredential[parse](JSON.parse(options));
        const credential = await navigator.credentials[ceremony]({ publicKey });
        touch.elements.credential.value = JSON.stringify(credential.toJSON());
      } catch (error) {
        return fail(slugs[error.name] ?? "failed");
      }
      says.textContent = texts.thanks;
      touch.requestSubmit();
    };
    again.addEventListener("click", ask);
    // After a refusal a key that answers without a touch would go round for ever.
    if (document.getElementById("problem")) again.hidden = false;
    else ask();
  }
})();
