import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { drawn, readImage } from "./dicom";
import { greys, settled, shown, some } from "./panes";
import { files, launch, open, Server } from "./server";

let server: Server, browser: Browser, page: Page, job: string, out: string, complaints: string[];

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  const scan = await server.phantom("head", "--matrix", "64", "--slices", "3");
  ({ job, out } = await server.push(scan, "--method", "zero-filled", "--method", "unet", "--method", "ccdf", "--steps", "2", "--samples", "2"));
  ({ page, complaints } = await open(browser, `${server.url}/study/${job}`));
  await settled(page);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("all series of the scan are shown, at one position and in one window", async () => {
  const panes = await shown(page);
  expect(panes.map((p) => p.series)).toEqual(["zero-filled", "unet", "ccdf", "reference", "error/ccdf", "ccdf-uncertainty"]);
  expect(panes.map((p) => p.slice)).toEqual(Array(6).fill(2));
  const { center, width } = readImage(files(out, "ccdf")[1]!);
  expect(panes[2]).toMatchObject({ low: center - 0.5 - (width - 1) / 2, high: center - 0.5 + (width - 1) / 2 });
  expect(await page.$$eval(".pane-label", (labels) => labels.map((l) => l.textContent))).toEqual(
    ["RESEARCH · no AI", "RESEARCH · AI", "RESEARCH · AI", "RESEARCH · reference", "RESEARCH · AI", "RESEARCH · AI"]);
});

// expectTruth compares 50 pixels of every pane with the DICOM files through the window of the file, which the page was not asked for.
async function expectTruth(slice: number) {
  const of = (series: string) => readImage(files(out, series)[slice - 1]!);
  const [ccdf, reference] = [of("ccdf"), of("reference")];
  const gains: Record<string, number> = { "error/ccdf": 5, "ccdf-uncertainty": 10 };
  for (const [i, { series }] of (await shown(page)).entries()) {
    const image = series === "error/ccdf" ? { ...ccdf, pixels: ccdf.pixels.map((v, k) => Math.abs(v - reference.pixels[k]!)) } : of(series);
    const at = some(50, image);
    const seen = (await greys(page, i, image, at)).map(([g]) => g!);
    at.forEach(([column, row], k) => {
      const stored = image.pixels[row * image.columns + column]! * (gains[series] ?? 1);
      const want = drawn(stored, ccdf.center, ccdf.width);
      expect(Math.abs(seen[k]! - want), `${series} at ${column}, ${row}: drawn ${seen[k]}, stored ${stored}`).toBeLessThanOrEqual(1);
    });
  }
}

test("every pane draws its DICOM values through the window", async () => {
  await page.keyboard.press("n"); // pixels, without interpolation
  await settled(page);
  await expectTruth(2);
});

test("scrolling by key and by wheel takes all panes to another slice", async () => {
  await page.keyboard.press("ArrowDown");
  await settled(page, 3);
  await expectTruth(3);
  await page.mouse.move(300, 400);
  await page.mouse.wheel({ deltaY: -100 });
  await settled(page, 2);
  await expectTruth(2);
  await page.keyboard.press("Home");
  await settled(page, 1);
  await expectTruth(1);
});

async function pressShift(key: "S" | "W" | "Z") {
  await page.keyboard.down("Shift");
  await page.keyboard.press(key);
  await page.keyboard.up("Shift");
}

test("windows are linked, and can be unlinked", async () => {
  await page.keyboard.press("2");
  const [, unet, ccdf] = await shown(page);
  const { width } = readImage(files(out, "ccdf")[0]!);
  expect(unet!.high).toBe(ccdf!.high);
  expect(ccdf!.high).toBeCloseTo((width - 1) / 2, 3);
  await pressShift("W"); // unlink the windows
  await page.keyboard.press("1");
  const apart = await shown(page);
  expect(apart[0]!.high).toBeCloseTo(width - 1, 3);
  expect(apart[2]!.high).toBeCloseTo((width - 1) / 2, 3);
  await pressShift("W");
  await page.keyboard.press("1");
  expect((await shown(page))[2]!.high).toBeCloseTo(width - 1, 3);
});

test("the page asks no other host, breaks no policy and has no error", () => {
  expect(complaints).toEqual([]);
});
