// One reading from the worklist to the verdict, without a mouse; each step is looked for in what is drawn.
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn, readImage } from "./dicom";
import { keep, tabTo, waitText } from "./page";
import { greys, settled } from "./panes";
import { files, launch, open, Server } from "./server";

let server: Server, browser: Browser, page: Page, job: string, out: string;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  ({ job, out } = await server.push(await server.phantom("head", "--matrix", "64", "--slices", "3"), "--method", "zero-filled", "--method", "tv"));
  ({ page } = await open(browser, server.url));
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

// grey reads the first pane in the middle of the image, and what a series has there through the window of its file.
async function grey(series: string, slice: number, layer = false) {
  const image = readImage(files(out, series)[slice - 1]!);
  const [column, row] = [image.columns / 2 + 8, 14];
  const [[seen]] = (await greys(page, 0, image, [[column, row]], layer)) as [[number]];
  const { center, width } = readImage(files(out, "zero-filled")[slice - 1]!); // of the first method, as the page begins
  return { seen, want: drawn(image.pixels[row * image.columns + column]!, center, width) };
}

async function expectDrawn(series: string, slice: number, layer = false) {
  const { seen, want } = await grey(series, slice, layer);
  expect(Math.abs(seen - want), `${series}, slice ${slice}: drawn ${seen}, want ${want}`).toBeLessThanOrEqual(1);
}

async function shifted(key: "ArrowRight" | "ArrowDown", times: number) {
  await page.keyboard.down("Shift");
  for (let i = 0; i < times; i++) await page.keyboard.press(key);
  await page.keyboard.up("Shift");
}

test("a scan is opened, scrolled, windowed, compared, measured and accepted by keyboard alone", async () => {
  await page.waitForSelector(`a[href*="${job}"]`);
  await keep(page, "keyboard-worklist");
  await tabTo(page, "Read");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".pane");
  await settled(page, 2);
  await page.keyboard.press("n"); // pixels
  await settled(page);
  await expectDrawn("zero-filled", 2);

  await page.keyboard.press("ArrowDown");
  await settled(page, 3);
  await expectDrawn("zero-filled", 3);
  await page.keyboard.press("i");
  await settled(page);
  const { seen, want } = await grey("zero-filled", 3);
  expect(Math.abs(seen - (255 - want))).toBeLessThanOrEqual(1);
  await page.keyboard.press("i");

  await page.keyboard.press("e"); // the reference over the right half
  await settled(page);
  await expectDrawn("reference", 3, true);
  await keep(page, "keyboard-wipe");
  await page.keyboard.press("e");

  await page.keyboard.press("m");
  await shifted("ArrowRight", 1);
  await page.keyboard.press("Enter");
  await shifted("ArrowRight", 3);
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".pane svg text")?.textContent?.includes("mm"));
  const millimetres = Number(/([\d.]+) mm/.exec(await page.$eval(".pane svg text", (t) => t.textContent!))![1]);
  expect(millimetres).toBeCloseTo(12 * readImage(files(out, "zero-filled")[2]!).spacing, 1); // three steps of four pixels
  await keep(page, "keyboard-length");

  await page.keyboard.press("y");
  await page.waitForSelector("dialog[open] input");
  await page.keyboard.type("sharp enough");
  await page.keyboard.press("Enter");
  await waitText(page, ".pane.active .verdict", "✓ accepted");
  await keep(page, "keyboard-accepted");
  const csv = await (await fetch(server.url + "/api/v1/reviews.csv")).text();
  expect(csv).toMatch(/decision,zero-filled,accepted,yes,.*sharp enough/);
});
