// The page: choose a picture, see what the model says of it and where it looked.

import { Detector } from "./detector.js";
import { seenOf } from "./pixels.js";

const $ = (id) => document.getElementById(id);
const WORDS = {
  fake: ["Looks fake", "Its score is at or above the threshold."],
  real: ["Looks real", "Its score is below the threshold."],
  uncertain: ["Uncertain", "Its score is too close to the threshold to be answered."],
};
const SEEN = {
  resize: "whole picture",
  center: "centre square",
  native: "the middle at its own resolution",
  face: "a cut-out face",
};
let detector = null;
let shown = null;

async function loadModel(bytes, name) {
  $("status").textContent = "Starting the model …";
  try {
    detector = await Detector.load(bytes);
  } catch (error) {
    return askForModel(`${name}: ${error.message}`);
  }
  const { facts } = detector;
  const trained = facts.dataTitle ? `, trained on ${facts.dataTitle}` : "";
  $("status").textContent = `Ready: ${facts.backbone}, ${facts.precision}${trained}`;
  $("model").hidden = true;
  $("photo").disabled = false;
  $("drop").classList.remove("waiting");
  document.body.dataset.state = "ready";
  list($("facts"), {
    "Threshold": `${facts.threshold.toFixed(3)}${facts.calibrated ? "" : " (not calibrated)"}`,
    "Input": `${facts.inputSize} × ${facts.inputSize} pixels, ${SEEN[facts.crop]}`,
    "Tested": facts.testSummary ?? "nothing is known of a test",
    "Licence": facts.licence ?? "not stated",
  });
  $("crop-hint").hidden = facts.faceMargin === null;
}

function askForModel(reason) {
  detector = null;
  $("status").textContent = reason;
  $("model").hidden = false;
  $("photo").disabled = true;
  $("drop").classList.add("waiting");
  document.body.dataset.state = "no-model";
}

async function judge(file) {
  if (!detector || !file) return;
  document.body.dataset.state = "busy";
  $("problem").textContent = "";
  try {
    show(await detector.predict(file));
    document.body.dataset.state = "done";
  } catch (error) {
    $("result").hidden = true;
    $("problem").textContent = `${file.name || "This file"} could not be judged: ${error.message}`;
    document.body.dataset.state = "failed";
  }
}

function show(result) {
  shown = result;
  const { facts } = detector;
  const [headline, reason] = WORDS[result.verdict];
  $("result").hidden = false;
  $("result").dataset.verdict = result.verdict;
  $("result").dataset.pFake = String(result.pFake);
  $("headline").textContent = headline;
  $("reason").textContent = reason;
  $("score").textContent = `p_fake ${result.pFake.toFixed(3)}, threshold ${facts.threshold.toFixed(3)}`;
  $("time").textContent = `${result.milliseconds.toFixed(0)} ms on this device`;
  $("meter").setAttribute("aria-valuenow", result.pFake.toFixed(3));
  $("bar").style.width = `${100 * result.pFake}%`;
  $("mark").style.left = `${100 * facts.threshold}%`;
  $("band").hidden = facts.uncertain === null;
  if (facts.uncertain) {
    $("band").style.left = `${100 * facts.uncertain.low}%`;
    $("band").style.width = `${100 * (facts.uncertain.high - facts.uncertain.low)}%`;
  }
  $("overlay-choice").hidden = result.heatmap === null;
  paint();
  $("result").scrollIntoView({ block: "nearest" });
}

/** The picture, and over it the heatmap: warm where it speaks for fake, cool where it speaks for real. */
function paint() {
  const { preview } = shown.picture;
  const { width, height } = preview;
  const canvas = $("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(preview, 0, 0);
  if (!shown.heatmap || !$("overlay").checked) return;
  const seen = seenOf(shown.picture.width, shown.picture.height, detector.facts);
  const [across, down] = [width / shown.picture.width, height / shown.picture.height];
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  const place = [seen.left * across, seen.top * down, seen.width * across, seen.height * down];
  context.drawImage(colours(shown.heatmap), ...place);
}

function colours({ rows, columns, data }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: columns, height: rows });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const most = Math.max(...data.map(Math.abs)) || 1;
  data.forEach((value, place) => {
    const colour = value > 0 ? [213, 94, 0] : [0, 114, 178]; // vermilion and blue, told apart by everyone
    image.data.set([...colour, 190 * (Math.abs(value) / most)], 4 * place);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

function list(target, entries) {
  target.replaceChildren(
    ...Object.entries(entries).flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, text.textContent] = [name, value];
      return [term, text];
    }),
  );
}

$("photo").addEventListener("change", ({ target }) => judge(target.files[0]));
$("overlay").addEventListener("change", () => shown && paint());
$("model-file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (file) await loadModel(new Uint8Array(await file.arrayBuffer()), file.name);
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => $("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  judge(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => judge(event.clipboardData.files[0]));

const response = await fetch("model.onnx").catch(() => null);
if (response?.ok) await loadModel(new Uint8Array(await response.arrayBuffer()), "model.onnx");
else askForModel("There is no model.onnx beside this page.");
