// Pictures that lie above a pane's image: another series, the uncertainty, the disagreement. Each is one pixel a pixel of the image.
import { grey, type Slice, type Window } from "./dicom";

function picture(s: Slice, colour: (stored: number, i: number, rgba: Uint8ClampedArray) => void): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [s.columns, s.rows];
  const context = canvas.getContext("2d")!;
  const data = context.createImageData(s.columns, s.rows);
  s.pixels.forEach((stored, i) => colour(stored, i, data.data));
  context.putImageData(data, 0, 0);
  return canvas;
}

// greys draws a slice through a window of stored values.
export const greys = (s: Slice, window: Window, invert: boolean) =>
  picture(s, (stored, i, rgba) => {
    const g = invert ? 255 - grey(stored, window) : grey(stored, window);
    rgba.set([g, g, g, 255], 4 * i);
  });

// heat is the colour of a fraction: dark red over orange to pale yellow, ever lighter, so that it reads without colour too.
export function heat(fraction: number): [number, number, number] {
  const f = Math.min(1, Math.max(0, fraction));
  return [Math.round(120 + 135 * Math.min(1, 2 * f)), Math.round(240 * f), Math.round(160 * Math.max(0, 2 * f - 1))];
}

// heatMap draws values above a threshold, as fractions of white; what is below stays clear.
export const heatMap = (s: Slice, threshold: number, white: number) =>
  picture(s, (stored, i, rgba) => {
    if (stored >= threshold && stored > 0) rgba.set([...heat((stored - threshold) / Math.max(1, white - threshold)), 255], 4 * i);
  });

// hatch marks values above a threshold by bright pixels with dark lines across, which need no colour to be seen.
export const hatch = (s: Slice, threshold: number) =>
  picture(s, (stored, i, rgba) => {
    if (stored < threshold || stored === 0) return;
    const dark = ((i % s.columns) + Math.floor(i / s.columns)) % 4 === 0;
    rgba.set(dark ? [0, 0, 0, 255] : [90, 220, 255, 255], 4 * i);
  });

// share is the fraction of pixels at or above a threshold.
export const share = (s: Slice, threshold: number) => s.pixels.reduce((n, v) => n + (v >= threshold && v > 0 ? 1 : 0), 0) / s.pixels.length;
