"""What a camera's page does: asks for the next picture when the last one is shown, so a slow browser sees fewer."""

SCRIPT = """
"use strict";
const known = KNOWN;
const find = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const shown = () => new Promise((done) => {
  if (!document.hidden) { done(); return; }
  document.addEventListener("visibilitychange", () => done(), { once: true });
});
const cards = new Map();
let alive = true, said = "", saidAt = 0;

function live(on) {
  alive = on;
  find("live").textContent = on ? "Live" : "Ended, or out of reach";
  find("live").classList.toggle("on", on);
  find("picture").classList.toggle("old", !on);
}

async function pictures() {
  let number = 0, before = "";
  for (;;) {
    await shown();
    try {
      const answer = await fetch(`picture?after=${number}`, { cache: "no-store" });
      if (answer.status === 204) { await pause(200); continue; }
      if (!answer.ok) throw new Error(answer.statusText);
      number = Number(answer.headers.get("X-Picture"));
      const address = URL.createObjectURL(await answer.blob());
      const image = find("picture");
      image.src = address;
      await image.decode().catch(() => {});
      image.hidden = false;
      find("wait").hidden = true;
      if (before) URL.revokeObjectURL(before);
      before = address;
      live(true);
    } catch {
      live(false);
      await pause(1500);
    }
  }
}

async function states() {
  for (;;) {
    await shown();
    try {
      const answer = await fetch("state", { cache: "no-store" });
      if (answer.ok) show(await answer.json());
    } catch { /* the pictures tell */ }
    await pause(alive ? 250 : 1500);
  }
}

function show(state) {
  const faces = state.faces || [];
  find("rate").textContent = state.rate
    ? `${state.rate.toFixed(1)} pictures a second, ${clock(state.seconds)}, ${state.judged} judged` : "";
  const here = faces.filter((face) => face.inView), gone = faces.filter((face) => !face.inView);
  fill("here", here);
  fill("gone", gone);
  find("nobody").hidden = here.length > 0;
  find("before").hidden = gone.length === 0;
  for (const [number, card] of cards) if (!card.isConnected) cards.delete(number);
  announce(here);
}

function clock(seconds) {
  const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

function fill(id, faces) {
  const list = find(id), wanted = faces.map(card);
  if (wanted.length !== list.children.length || wanted.some((one, i) => one !== list.children[i]))
    list.replaceChildren(...wanted);
}

function make(tag, name, ...inside) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...inside);
  return element;
}

function card(face) {
  let one = cards.get(face.number);
  if (!one) {
    const meter = make("div", "meter", make("i"));
    if (known.band) {
      const band = make("s");
      band.style.left = `${100 * known.band[0]}%`;
      band.style.width = `${100 * (known.band[1] - known.band[0])}%`;
      meter.append(band);
    }
    const mark = make("u");
    mark.style.left = `${100 * known.threshold}%`;
    meter.append(mark);
    one = make("li", "", make("div", "top", make("b"), make("span", "soft"), make("span")), meter, make("p", "soft"));
    cards.set(face.number, one);
  }
  one.className = `${face.verdict}${face.inView ? "" : " gone"}`;
  const [word, name, score] = one.querySelector(".top").children;
  put(word, face.verdict);
  put(name, `face ${face.number}`);
  put(score, face.pFake === null ? "" : `p_fake ${face.pFake.toFixed(3)}`);
  one.querySelector(".meter").hidden = face.pFake === null;
  one.querySelector("i").style.width = `${100 * (face.pFake || 0)}%`;
  const count = face.frames ? `judged in ${face.frames} pictures` : "";
  put(one.querySelector("p"), [face.reason, count].filter(Boolean).join("; "));
  return one;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function announce(faces) {
  const text = faces.length ? faces.map((face) => `Face ${face.number} ${face.verdict}`).join(", ") : "No face";
  if (text === said || Date.now() - saidAt < 3000) return;
  said = text;
  saidAt = Date.now();
  find("news").textContent = text;
}

pictures();
states();
"""
