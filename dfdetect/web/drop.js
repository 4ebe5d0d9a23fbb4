// Runs when Gradio has put the box on the page: `element` is the box, `upload` sends a file, `trigger` calls Python.
const find = (name) => element.querySelector(name);
const box = find(".df-drop");
const input = find(".df-file");
const status = find(".df-status");
const live = find(".df-live");
const dialog = find("dialog");
const video = find("video");
const most = Number(box.dataset.most);
const patience = Number(box.dataset.patience) * 1000;
let busy = null;
let left = "";
let stream = null;
let recorder = null;

const say = (text, bad = false) => {
  status.textContent = text;
  status.classList.toggle("df-bad", bad);
};

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const show = (part, block) => part.scrollIntoView({ behavior: still() ? "auto" : "smooth", block });
const answers = () => document.querySelector("#df-answer");

const begin = (text) => {
  busy = { request: crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2) };
  box.classList.add("df-busy");
  answers()?.setAttribute("aria-busy", "true");
  say(text);
  live.textContent = text;
  busy.timer = setTimeout(() => fail("No answer came in time. Try again, or a smaller file."), patience);
  return busy.request;
};

const end = () => {
  clearTimeout(busy?.timer);
  busy = null;
  box.classList.remove("df-busy");
  answers()?.removeAttribute("aria-busy");
};

const warn = (text) => {
  say(text, true);
  live.textContent = text;
  show(status, "nearest");
};

// What is on the page was said of another file than the one that failed.
const fail = (text) => {
  end();
  if (answers()) answers().hidden = true;
  warn(text);
};

const judge = async (file, ...others) => {
  if (!file) return;
  if (busy) {
    warn(`Still looking at the file before. ${file.name || "The new one"} was not taken: send it again then.`);
    return;
  }
  left = others.length ? `One file at a time: only ${file.name} was looked at.` : "";
  if (file.size > most) {
    fail(`This file has ${megabytes(file.size)}; the server takes up to ${megabytes(most)}.`);
    return;
  }
  const request = begin(`Looking at ${file.name || "your photo"} …`);
  try {
    // a name of its own: what holds the same lies in the same folder, and each file is removed once it is read
    const { path } = await upload(new File([file], `${request}.upload`, { type: file.type }));
    if (busy?.request === request) trigger("judge", { path, name: file.name || "pasted", request });
  } catch (error) {
    if (busy?.request === request) fail(`The file could not be sent. ${error?.message ?? ""}`.trim());
  }
};

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

input.addEventListener("change", async () => {
  await judge(input.files[0]);
  input.value = ""; // so that the same file can be chosen again
});

for (const button of element.querySelectorAll(".df-sample")) {
  button.addEventListener("click", () => {
    if (busy) return;
    trigger("sample", { index: Number(button.dataset.index), request: begin("Looking at a drawn face …") });
  });
}

// Dropped anywhere on the page, or pasted.
const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
document.addEventListener("dragover", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  box.classList.add("df-aimed");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) box.classList.remove("df-aimed");
});
document.addEventListener("drop", (event) => {
  if (!carries(event)) return;
  event.preventDefault();
  box.classList.remove("df-aimed");
  judge(...event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  judge(...(event.clipboardData?.files ?? []));
});

// The camera: only while its dialog is open.
const close = () => {
  if (recorder?.state === "recording") recorder.stop();
  recorder = null;
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
  if (dialog.open) dialog.close();
};
const camera = find(".df-camera");
if (navigator.mediaDevices?.getUserMedia) camera.hidden = false;
camera.addEventListener("click", async () => {
  if (busy) return;
  try {
    const size = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" };
    stream = await navigator.mediaDevices.getUserMedia({ video: size, audio: false });
  } catch (error) {
    const why = error.name === "NotFoundError" ? "There is no camera" : `The camera cannot be used (${error.name})`;
    warn(`${why}. ${error.name === "NotAllowedError" ? "Allow it for this page, or choose" : "Choose"} a photo.`);
    return;
  }
  video.srcObject = stream;
  find(".df-record").hidden = typeof MediaRecorder === "undefined";
  find(".df-record").textContent = "Record 5 seconds";
  dialog.showModal();
  find(".df-take").focus();
});
find(".df-take").addEventListener("click", () => {
  if (!video.videoWidth) return;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  close();
  canvas.toBlob((blob) => judge(new File([blob], "camera.png", { type: "image/png" })), "image/png");
});
find(".df-record").addEventListener("click", () => {
  if (recorder) return;
  const parts = [];
  const own = (recorder = new MediaRecorder(stream));
  own.addEventListener("dataavailable", (event) => parts.push(event.data));
  own.addEventListener("stop", () => {
    const whole = recorder === own;
    if (!whole) return; // the dialog was closed
    recorder = null;
    const file = new File(parts, "camera.webm", { type: own.mimeType });
    close();
    judge(file);
  });
  own.start();
  find(".df-record").textContent = "Recording …";
  setTimeout(() => own.state === "recording" && own.stop(), 5000);
});
find(".df-cancel").addEventListener("click", close);
dialog.addEventListener("close", close);

// The answer is another part of the page: when it is there, read it out and bring it into view.
new MutationObserver(() => {
  if (!busy) return;
  const answer = document.querySelector(`#df-answer [data-request="${busy.request}"]`);
  if (answer) {
    end();
    answers().hidden = false;
    say(left);
    live.textContent = [...answer.querySelectorAll(".df-head h2, .df-why")].map((part) => part.textContent).join(". ");
    show(answer, "start");
  } else if (document.querySelector(".toast-body.error, .toast-body.warning")) {
    fail("The server did not answer. Is it still running? Try again.");
  }
}).observe(document.body, { childList: true, subtree: true });
