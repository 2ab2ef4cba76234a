"use strict";

const get = (id) => document.getElementById(id);
const canvas = get("canvas"), paper = canvas.getContext("2d");
const MARGIN = 24, LONGEST = 400, SURE = 0.9, TAP = 6;

let strokes = [];      // of points: x, y and the pen's width, in the canvas's pixels
let photo = null;      // what was chosen: a file, and its picture if the browser can show it
let view = { x: 0, y: 0, scale: 1 };    // where the image that was read lies on the canvas
let reading = null;
let chosen = null;     // the digit whose details are shown
let request = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
}

// Drawing

function drawStrokes(context, ink) {
  context.strokeStyle = context.fillStyle = ink;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    stroke.forEach((point, index) => {
      const before = stroke[Math.max(0, index - 1)];
      context.lineWidth = point.width;
      context.beginPath();
      context.moveTo(before.x, before.y);
      context.lineTo(point.x, point.y);
      context.stroke();
    });
  }
}

function boxOf(digit) {
  const [x, y, width, height] = digit.box;
  return [view.x + x * view.scale, view.y + y * view.scale, width * view.scale, height * view.scale];
}

function drawBoxes(digits, style, dash) {
  paper.setLineDash(dash);
  for (const digit of digits) {
    paper.strokeStyle = digit === chosen ? colour("accent") : colour(style(digit));
    paper.lineWidth = digit === chosen ? 3 : 1.5;
    paper.strokeRect(...boxOf(digit));
  }
  paper.setLineDash([]);
}

function draw() {
  const ratio = window.devicePixelRatio || 1, { clientWidth, clientHeight } = canvas;
  const [width, height] = [clientWidth, clientHeight].map((side) => Math.round(side * ratio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  paper.setTransform(ratio, 0, 0, ratio, 0, 0);
  paper.clearRect(0, 0, clientWidth, clientHeight);
  if (photo?.picture) {
    place();
    const { naturalWidth, naturalHeight } = photo.picture;
    paper.drawImage(photo.picture, view.x, view.y, naturalWidth * view.scale, naturalHeight * view.scale);
  }
  drawStrokes(paper, colour("ink"));
  if (reading) {
    paper.globalAlpha = 0.5;
    drawBoxes(reading.rejected, () => "pale", [4, 4]);
    paper.globalAlpha = 1;
    drawBoxes(reading.lines.flat(2), ({ probability }) => probability < SURE ? "unsure" : "accent", []);
  }
  get("hint").hidden = Boolean(strokes.length || photo);
  get("undo").disabled = !strokes.length;
  get("clear").disabled = !strokes.length && !photo;
}

function place() {
  const { naturalWidth, naturalHeight } = photo.picture;
  const scale = Math.min(canvas.clientWidth / naturalWidth, canvas.clientHeight / naturalHeight);
  view = { scale, x: (canvas.clientWidth - naturalWidth * scale) / 2, y: (canvas.clientHeight - naturalHeight * scale) / 2 };
}

function pointAt(event) {
  const { left, top } = canvas.getBoundingClientRect();
  // A mouse, and a finger on many screens, says nothing of its pressure, or always 0.5.
  const pressure = event.pointerType === "pen" ? 0.5 + event.pressure : 1;
  const width = pressure * Math.max(8, Math.min(canvas.clientWidth, canvas.clientHeight) / 32);
  return { x: event.clientX - left - canvas.clientLeft, y: event.clientY - top - canvas.clientTop, width };
}

function digitAt({ x, y }) {
  return reading && reading.lines.flat(2).find((digit) => {
    const [left, top, width, height] = boxOf(digit);
    return x >= left && x <= left + width && y >= top && y <= top + height;
  });
}

canvas.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  const first = pointAt(event), stroke = [first], tapped = digitAt(first);
  // A tap on a digit chooses it; anything else is a new stroke.
  const moved = () => stroke.some(({ x, y }) => Math.hypot(x - first.x, y - first.y) > TAP);
  const begin = () => {
    if (strokes.includes(stroke)) return;
    if (photo) forget();
    request?.abort();
    strokes.push(stroke);
  };
  const move = (next) => {
    for (const each of next.getCoalescedEvents?.() ?? [next]) stroke.push(pointAt(each));
    if (!tapped || moved()) begin();
    draw();
  };
  const end = (last) => {
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", end);
    canvas.removeEventListener("pointercancel", end);
    if (tapped && !moved()) return choose(tapped);
    begin();
    draw();
    return readStrokes(last.timeStamp);
  };
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  if (!tapped) begin();
  draw();
});

// Reading

async function read(body, since) {
  request?.abort();
  const own = request = new AbortController();
  let answer;
  try {
    const response = await fetch("read?details=true", { method: "POST", body, signal: own.signal });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") return;
    answer = { error: "The server does not answer. Is it still running?" };
  }
  if (own !== request) return;
  reading = answer.error ? null : answer;
  show(answer);
  performance.measure("answer", { start: since, end: performance.now() });
}

async function readStrokes(since) {
  if (!strokes.length) return forget();
  // Only what is drawn, dark on light, and no larger than it takes to read it.
  const points = strokes.flat();
  const [left, top] = ["x", "y"].map((side) => Math.min(...points.map((each) => each[side] - each.width)) - MARGIN);
  const [right, bottom] = ["x", "y"].map((side) => Math.max(...points.map((each) => each[side] + each.width)) + MARGIN);
  const factor = Math.min(1, LONGEST / Math.max(right - left, bottom - top));
  const image = document.createElement("canvas"), context = image.getContext("2d");
  [image.width, image.height] = [right - left, bottom - top].map((length) => Math.ceil(length * factor));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, image.width, image.height);
  context.setTransform(factor, 0, 0, factor, -left * factor, -top * factor);
  drawStrokes(context, "#000");
  const blob = await new Promise((resolve) => image.toBlob(resolve));
  view = { x: left, y: top, scale: 1 / factor };
  return read(blob, since);
}

async function readFile(file) {
  if (!file) return;
  forget();
  const since = performance.now(), picture = new Image(), mine = photo = { file, picture: null };
  draw();
  tell("Reading…");
  picture.src = URL.createObjectURL(file);
  // A format that the browser does not know may be read nevertheless.
  await picture.decode().then(() => { if (mine === photo) mine.picture = picture; }, () => {});
  if (mine !== photo) return;
  draw();
  await read(file, since);
}

function forget() {
  request?.abort();
  if (photo?.picture) URL.revokeObjectURL(photo.picture.src);
  strokes = [];
  photo = reading = request = null;
  show({});
}

// Showing

function tell(text) {
  get("status").textContent = text;
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function show({ error, text }) {
  chosen = null;
  const lines = reading?.lines ?? [];
  get("text").replaceChildren(...lines.map((line) => element("div", {}, ...line.map((word) => element("span", {},
    ...word.map((digit) => {
      const button = element("button", { type: "button", className: digit.probability < SURE ? "unsure" : "" }, `${digit.digit}`);
      button.setAttribute("aria-label", `${digit.digit}, ${percent(digit.probability)} sure`);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => choose(digit));
      return digit.button = button;
    }))))));
  get("text").classList.toggle("long", lines.length > 2);
  get("details").hidden = true;
  if (error) tell(error);
  else if (!reading) tell("Draw some digits, or take a photo of some. You can drop or paste an image, too.");
  else tell(text ? `I read ${text.replaceAll("\n", ", ")}. Tap a digit for details.` : "Nothing to read.");
  draw();
}

function choose(digit) {
  chosen?.button?.setAttribute("aria-pressed", "false");
  chosen = chosen === digit ? null : digit;
  get("details").hidden = !chosen;
  if (chosen) {
    digit.button?.setAttribute("aria-pressed", "true");
    const pixels = Uint8ClampedArray.from(atob(digit.image), (each) => each.charCodeAt(0));
    const rgba = new ImageData(28, 28);
    pixels.forEach((level, index) => rgba.data.set([level, level, level, 255], 4 * index));
    get("seen").getContext("2d").putImageData(rgba, 0, 0);
    get("bars").replaceChildren(...digit.probabilities.map((probability, number) => {
      const meter = element("meter", { value: probability });
      meter.setAttribute("aria-label", `${number}`);
      return element("li", { className: number === digit.digit ? "best" : "" }, `${number}`, meter, percent(probability));
    }));
  }
  draw();
}

// Everything else

get("undo").addEventListener("click", () => {
  strokes.pop();
  draw();
  readStrokes(performance.now());
});
get("clear").addEventListener("click", forget);
get("choose").addEventListener("click", () => get("file").click());
get("file").addEventListener("change", ({ target }) => {
  readFile(target.files[0]);
  target.value = "";
});
document.addEventListener("paste", ({ clipboardData }) => readFile(clipboardData.files[0]));
for (const [name, on] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", on);
    if (name === "drop") readFile(event.dataTransfer.files[0]);
  });
}
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") get("undo").click();
});
new ResizeObserver(draw).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
