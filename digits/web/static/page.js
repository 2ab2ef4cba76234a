"use strict";

const get = (id) => document.getElementById(id);
const canvas = get("canvas"), paper = canvas.getContext("2d");
const MARGIN = 24, LONGEST = 400, SURE = 0.9, TAP = 8;

let strokes = [];      // of points: x, y and the pen's width, in pixels of the canvas as it was at the first stroke
let base = null;       // that canvas's width and height
let current = null;    // the stroke, or the tap, that is under way
let photo = null;      // what was chosen, with its picture once the browser has decoded it
let reading = null;    // the server's answer, with where the image that it read lies on the canvas
let chosen = null;     // the digit whose details are shown
let request = null;    // the latest one; the answer to an earlier one is ignored
let what = "some digits", one = "a digit";  // what can be read in an image, and what can be tapped

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
  const [x, y, width, height] = digit.box, { view } = reading;
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

// Where a rectangle lies in another one, as large as possible and centred.
function fit(inner, outer) {
  const scale = Math.min(outer.width / inner.width, outer.height / inner.height);
  return { scale, x: (outer.width - inner.width * scale) / 2, y: (outer.height - inner.height * scale) / 2 };
}

function draw() {
  const ratio = window.devicePixelRatio || 1, size = { width: canvas.clientWidth, height: canvas.clientHeight };
  const [width, height] = [size.width, size.height].map((side) => Math.round(side * ratio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  if (!strokes.length) base = size;
  const { scale, x, y } = fit(base, size);
  paper.resetTransform();
  paper.clearRect(0, 0, width, height);
  paper.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y);
  if (photo?.picture) {
    const { naturalWidth, naturalHeight } = photo.picture;
    const view = fit({ width: naturalWidth, height: naturalHeight }, size);
    paper.drawImage(photo.picture, view.x, view.y, naturalWidth * view.scale, naturalHeight * view.scale);
    if (reading) reading.view = view;
  }
  drawStrokes(paper, colour("ink"));
  if (reading?.view) {
    paper.globalAlpha = 0.5;
    drawBoxes(reading.rejected, () => "pale", [4, 4]);
    paper.globalAlpha = 1;
    drawBoxes(reading.lines.flat(2), ({ probability }) => probability < SURE ? "unsure" : "accent", []);
  }
  get("hint").hidden = Boolean(strokes.length || photo);
  get("undo").disabled = !strokes.length;
  get("clear").disabled = !strokes.length && !photo;
}

function pointAt(event) {
  const { left, top } = canvas.getBoundingClientRect();
  const { scale, x, y } = fit(base, { width: canvas.clientWidth, height: canvas.clientHeight });
  // A mouse, and a finger on many screens, says nothing of its pressure, or always 0.5.
  const pressure = event.pointerType === "pen" ? 0.5 + event.pressure : 1;
  const width = pressure * Math.max(8, Math.min(base.width, base.height) / 32);
  return {
    x: (event.clientX - left - canvas.clientLeft - x) / scale, y: (event.clientY - top - canvas.clientTop - y) / scale, width,
  };
}

function digitAt({ x, y }) {
  return reading?.view && reading.lines.flat(2).find((digit) => {
    const [left, top, width, height] = boxOf(digit);
    return x >= left - TAP && x <= left + width + TAP && y >= top - TAP && y <= top + height + TAP;
  });
}

// A tap on a digit chooses it, and a tap on a photo does nothing; anything else is a stroke.
function begin() {
  if (photo) forget();
  ignore();
  current.begun = true;
  strokes.push(current.points);
}

canvas.addEventListener("pointerdown", (event) => {
  // A second finger, or a palm beside the pen, draws nothing.
  if (current || event.button !== 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  const first = pointAt(event);
  current = { id: event.pointerId, first, points: [first], begun: false };
  if (!photo && !digitAt(first)) begin();
  draw();
});

canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== current?.id) return;
  const parts = event.getCoalescedEvents?.() ?? [];
  for (const part of parts.length ? parts : [event]) current.points.push(pointAt(part));
  const { first, points, begun } = current;
  if (!begun && points.some(({ x, y }) => Math.hypot(x - first.x, y - first.y) > TAP)) begin();
  draw();
});

for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    if (event.pointerId !== current?.id) return;
    const { first, points, begun } = current, tapped = !begun && name === "pointerup" && digitAt(first);
    current = null;
    if (tapped) choose(tapped);
    // It may have been undone meanwhile.
    if (strokes.includes(points)) readStrokes(event.timeStamp);
  });
}

// Reading

function ignore() {
  request?.abort();
  request = null;
}

function renew() {
  ignore();
  return request = new AbortController();
}

async function read(mine, body, since, view) {
  let answer;
  try {
    const response = await fetch("read?details=true", { method: "POST", body, signal: mine.signal });
    answer = await response.json().catch(() => ({ error: `The server refuses (${response.status}).` }));
  } catch {
    answer = { error: "The server does not answer. Is it still running?" };
  }
  if (mine !== request) return;
  reading = answer.error ? null : { ...answer, view };
  show(answer);
  performance.measure("answer", { start: since, end: performance.now() });
}

function readStrokes(since) {
  if (!strokes.length) return forget();
  const mine = renew();
  // Only what is drawn, dark on light, and no larger than it takes to read it.
  const points = strokes.flat();
  const [left, top] = ["x", "y"].map((side) => Math.min(...points.map((point) => point[side] - point.width)) - MARGIN);
  const [right, bottom] = ["x", "y"].map((side) => Math.max(...points.map((point) => point[side] + point.width)) + MARGIN);
  const factor = Math.min(1, LONGEST / Math.max(right - left, bottom - top));
  const image = document.createElement("canvas"), context = image.getContext("2d");
  [image.width, image.height] = [right - left, bottom - top].map((length) => Math.ceil(length * factor));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, image.width, image.height);
  context.setTransform(factor, 0, 0, factor, -left * factor, -top * factor);
  drawStrokes(context, "#000");
  // As PGM: browsers may take a second to begin with a PNG.
  const { data, width, height } = context.getImageData(0, 0, image.width, image.height);
  const header = new TextEncoder().encode(`P5 ${width} ${height} 255\n`), body = new Uint8Array(header.length + width * height);
  body.set(header);
  for (let index = 0; index < width * height; index++) body[header.length + index] = data[4 * index];
  return read(mine, body, since, { x: left, y: top, scale: 1 / factor });
}

async function readFile(file) {
  if (!file) return;
  forget();
  const since = performance.now(), mine = renew(), picture = new Image(), url = URL.createObjectURL(file);
  photo = { picture: null };
  draw();
  tell("Reading…");
  picture.src = url;
  // A format that the browser does not know may be read nevertheless.
  const decoded = await picture.decode().then(() => true, () => false);
  URL.revokeObjectURL(url);
  if (mine !== request) return;
  if (decoded) photo.picture = picture;
  draw();
  await read(mine, file, since, null);
}

function forget() {
  ignore();
  strokes = [];
  photo = reading = null;
  show({});
}

// Showing

function tell(text) {
  get("status").textContent = text;
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

function nameOf(digit) {
  return digit.class ?? `${digit.digit}`;
}

function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function show({ error, text }) {
  chosen = null;
  const lines = reading?.lines ?? [];
  get("text").replaceChildren(...lines.map((line) => element("div", {}, ...line.map((word) => element("span", {},
    ...word.map((digit) => {
      const name = nameOf(digit), className = digit.probability < SURE ? "unsure" : "";
      const button = element("button", { type: "button", className }, name);
      button.setAttribute("aria-label", `${name}, ${percent(digit.probability)} sure`);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => choose(digit));
      return digit.button = button;
    }))))));
  get("text").classList.toggle("long", lines.length > 2);
  get("details").hidden = true;
  if (error) tell(error.replace(/^the image: (.)/, (_, letter) => letter.toUpperCase()));
  else if (!reading) tell(`Draw ${what}, or take a photo. You can drop or paste an image, too.`);
  else tell(text ? `I read ${text.replaceAll("\n", ", ")}. Tap ${one} for details.` : "Nothing to read.");
  draw();
}

function choose(digit) {
  chosen?.button.setAttribute("aria-pressed", "false");
  chosen = chosen === digit ? null : digit;
  get("details").hidden = !chosen;
  if (chosen) {
    digit.button.setAttribute("aria-pressed", "true");
    const pixels = Uint8ClampedArray.from(atob(digit.image), (byte) => byte.charCodeAt(0));
    const rgba = new ImageData(28, 28);
    pixels.forEach((level, index) => rgba.data.set([level, level, level, 255], 4 * index));
    get("seen").getContext("2d").putImageData(rgba, 0, 0);
    const rows = digit.probabilities.map((probability, place) => ({ probability, name: digit.classes?.[place] ?? `${place}` }));
    // All ten digits in their order; of other classes, the ten likeliest.
    if (digit.classes) rows.sort((one, other) => other.probability - one.probability).splice(10);
    get("bars").classList.toggle("named", Boolean(digit.classes));
    get("bars").replaceChildren(...rows.map(({ probability, name }) => {
      const meter = element("meter", { value: probability });
      meter.setAttribute("aria-label", name);
      return element("li", { className: name === nameOf(digit) ? "best" : "" }, element("span", {}, name), meter, percent(probability));
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
fetch("classes").then((response) => response.json()).then(({ pages }) => {
  if (pages) return;
  [what, one] = ["one symbol", "it"];
  document.querySelector("h1").textContent = "Draw one symbol";
  get("hint").textContent = "Draw here";
  canvas.setAttribute("aria-label", "Area to draw one symbol in, with a finger, a pen or a mouse");
  if (!reading && !request) show({});
}, () => {});
