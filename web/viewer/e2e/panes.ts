// What is drawn in the panes of the reading page.
import type { Page } from "puppeteer-core";
import { expect } from "vitest";
import { drawn, type Image } from "./dicom";

export interface Shown {
  series: string;
  slice: number;
  low: number; // stored value that is black
  high: number; // stored value that is white
}

export const shown = (page: Page): Promise<Shown[]> =>
  page.$$eval(".pane", (panes) =>
    panes.map((p) => {
      const { series = "", slice, low, high } = (p as HTMLElement).dataset;
      return { series, slice: Number(slice), low: Number(low), high: Number(high) };
    }));

// settled waits until every pane shows a slice, the same one where slice is given, and has drawn it.
export async function settled(page: Page, slice?: number): Promise<void> {
  await page.waitForFunction((wanted?: number) => {
    const panes = [...document.querySelectorAll<HTMLElement>(".pane")];
    return panes.length > 0 && panes.every((p) => p.dataset.slice && (wanted === undefined || Number(p.dataset.slice) === wanted));
  }, {}, slice);
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn, 50)))));
}

// greys reads the pane's canvas at the centres of pixels of its image, [column, row], which fits the pane and lies in its middle.
// layer reads what is drawn above the image instead, as RGBA.
export const greys = (page: Page, pane: number, size: { rows: number; columns: number }, at: [number, number][], layer = false): Promise<number[][]> =>
  page.evaluate((pane, { rows, columns }, at, layer) => {
    const canvas = document.querySelectorAll(".pane")[pane]!.querySelector<HTMLCanvasElement>(layer ? "canvas.layer" : "canvas:not(.layer)")!;
    const scale = Math.min(canvas.width / columns, canvas.height / rows);
    const context = canvas.getContext("2d")!;
    return at.map(([column, row]) => {
      const x = canvas.width / 2 + (column + 0.5 - columns / 2) * scale;
      const y = canvas.height / 2 + (row + 0.5 - rows / 2) * scale;
      return [...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data];
    });
  }, pane, size, at, layer);

// some are places within an image, always the same.
export function some(n: number, { rows, columns }: { rows: number; columns: number }): [number, number][] {
  let seed = 1;
  const next = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  return Array.from({ length: n }, () => [next(columns), next(rows)]);
}

// expectDrawn compares what a pane draws with the pixels of a file, through the file's own window. The pane shows pixels as they are.
export async function expectDrawn(page: Page, pane: number, image: Image): Promise<void> {
  const at = some(50, image);
  const seen = (await greys(page, pane, image, at)).map(([g]) => g!);
  const off = at.map(([column, row], k) => Math.abs(seen[k]! - drawn(image.pixels[row * image.columns + column]!, image.center, image.width)));
  expect(Math.max(...off)).toBeLessThanOrEqual(1);
}
