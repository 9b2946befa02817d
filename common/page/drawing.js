/* The canvas that people draw on: mouse, finger and pen → strokes → grey levels.

A stroke is a list of points in units of the paper, which is SIZE × SIZE however large the screen
shows it. The strokes are painted twice: in the colours of the page, for people, and in black on
white on a second canvas that nobody sees, for `Preparation`. */
"use strict";

window.Drawing = (() => {
  const SIZE = 280; // height and width of the paper, in pixels
  const BRUSH = 22; // width of a stroke, about two of 28 pixels, as in MNIST
  const SHARPNESS = 2; // pixels on the screen for each pixel of the paper

  let canvas; // what people see
  let screen; // its context
  let paper; // the context of the hidden canvas
  let strokes = []; // of the drawing: lists of points [x, y]
  let before = []; // the drawings before each stroke and each "Clear", for `undo`
  let pointer = null; // which pointer draws at the moment
  let example = null; // a canvas with a test image, shown pale until somebody draws
  let onStroke = () => {};

  /** Make `element`, a canvas, one that can be drawn on. `changed(time)` is called after each piece
   * of a stroke and at its end, with the time at which the hand moved, in milliseconds as
   * `performance.now()` counts them: the event may wait until another picture is drawn. */
  function start(element, changed) {
    canvas = element;
    onStroke = changed;
    canvas.width = canvas.height = SIZE * SHARPNESS;
    screen = canvas.getContext("2d");
    screen.scale(SHARPNESS, SHARPNESS);
    const hidden = document.createElement("canvas");
    hidden.width = hidden.height = SIZE;
    paper = hidden.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", press);
    canvas.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, release);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintAll);
    paintAll();
  }

  function press(event) {
    if (pointer !== null || event.button !== 0) return; // a second finger, or another button
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer); // the stroke goes on where the pointer leaves the canvas
    before.push(strokes);
    strokes = [...strokes, [place(event)]];
    if (example) example = null;
    if (strokes.length === 1) paintAll();
    else paintPiece(strokes.at(-1), 0);
    onStroke(event.timeStamp);
  }

  function move(event) {
    if (event.pointerId !== pointer) return;
    const stroke = strokes.at(-1);
    // Where the hand was between two pictures of the screen. Some browsers give an empty list.
    const events = event.getCoalescedEvents?.() ?? [];
    if (!events.length) events.push(event);
    for (const one of events) {
      stroke.push(place(one));
      paintPiece(stroke, stroke.length - 1);
    }
    onStroke(events[0].timeStamp);
  }

  function release(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    onStroke(event.timeStamp);
  }

  /** Return the point of the paper at which an event happened. */
  function place(event) {
    const frame = canvas.getBoundingClientRect();
    return [
      ((event.clientX - frame.left) * SIZE) / frame.width,
      ((event.clientY - frame.top) * SIZE) / frame.height,
    ];
  }

  /** Paint the piece of a stroke that ends at point `k`; a stroke begins with a dot. */
  function paintPiece(stroke, k) {
    const [x, y] = stroke[k];
    const [fromX, fromY] = stroke[Math.max(k - 1, 0)];
    for (const [context, ink] of [[screen, getComputedStyle(canvas).color], [paper, "black"]]) {
      context.fillStyle = context.strokeStyle = ink;
      context.lineWidth = BRUSH;
      context.beginPath();
      context.arc(x, y, BRUSH / 2, 0, 2 * Math.PI);
      context.fill();
      context.beginPath();
      context.moveTo(fromX, fromY);
      context.lineTo(x, y);
      context.stroke();
    }
  }

  function paintAll() {
    screen.clearRect(0, 0, SIZE, SIZE);
    paper.fillStyle = "white";
    paper.fillRect(0, 0, SIZE, SIZE);
    if (example) {
      screen.globalAlpha = 0.3;
      screen.drawImage(example, 0, 0, SIZE, SIZE);
      screen.globalAlpha = 1;
    }
    for (const stroke of strokes) stroke.forEach((_, k) => paintPiece(stroke, k));
  }

  /** Return the drawing as `Preparation` wants it: black on white. */
  function pixels() {
    const { data } = paper.getImageData(0, 0, SIZE, SIZE);
    const grey = new Uint8ClampedArray(SIZE * SIZE);
    for (let k = 0; k < grey.length; k++) grey[k] = data[4 * k]; // red, which equals green and blue
    return { width: SIZE, height: SIZE, grey };
  }

  /** Take all strokes away, also one that goes on; `undo` brings them back. */
  function clear() {
    pointer = null;
    if (strokes.length) before.push(strokes);
    strokes = [];
    example = null;
    paintAll();
  }

  /** Take the last stroke away, or bring back what was cleared. Returns whether there was one. */
  function undo() {
    if (!before.length || pointer !== null) return false;
    strokes = before.pop();
    example = null;
    paintAll();
    return true;
  }

  /** Show a test image, pale, in place of the drawing: a canvas with the ink of the image. */
  function show(picture) {
    clear();
    example = picture;
    paintAll();
  }

  return {
    SIZE, BRUSH, start, pixels, clear, undo, show,
    isEmpty: () => strokes.length === 0,
    isDown: () => pointer !== null,
    canUndo: () => before.length > 0,
    strokes: () => strokes.map((stroke) => stroke.map((point) => [...point])),
  };
})();
