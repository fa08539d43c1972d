import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { drawn, readImage } from "./dicom";
import { waitText } from "./page";
import { greys, settled, shown, some } from "./panes";
import { files, launch, open, read, Server } from "./server";

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
async function expectTruth(slice: number, on = page) {
  const of = (series: string) => readImage(files(out, series)[slice - 1]!);
  const [ccdf, reference] = [of("ccdf"), of("reference")];
  const gains: Record<string, number> = { "error/ccdf": 5, "ccdf-uncertainty": 10 };
  for (const [i, { series }] of (await shown(on)).entries()) {
    const image = series === "error/ccdf" ? { ...ccdf, pixels: ccdf.pixels.map((v, k) => Math.abs(v - reference.pixels[k]!)) } : of(series);
    const at = some(50, image);
    const seen = (await greys(on, i, image, at)).map(([g]) => g!);
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

test("scrolling by key, by wheel and by dragging takes all panes to another slice", async () => {
  await page.keyboard.press("ArrowDown");
  await settled(page, 3);
  await expectTruth(3);
  await page.mouse.move(300, 400);
  await page.mouse.wheel({ deltaY: -100 });
  await settled(page, 2);
  await expectTruth(2);
  await page.keyboard.press("s"); // the tool that scrolls by dragging
  await page.mouse.move(300, 300);
  await page.mouse.down();
  await page.mouse.move(300, 420, { steps: 10 });
  await page.mouse.up();
  await settled(page, 3);
  await expectTruth(3);
  await page.keyboard.press("w");
  await page.keyboard.press("Home");
  await Promise.all([page.keyboard.press("ArrowDown"), page.keyboard.press("ArrowDown")]); // faster than slices come
  await settled(page, 3);
  await expectTruth(3);
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

// rectangle measures from one pixel's centre to another's, by key, starting with the cursor in the middle of the image.
async function rectangle(right: number, down: number) {
  await page.keyboard.press("k");
  for (const [key, times] of [["Enter", 1], ["ArrowRight", right], ["ArrowDown", down], ["Enter", 1]] as const) {
    if (key !== "Enter") await page.keyboard.down("Shift");
    for (let i = 0; i < times; i++) await page.keyboard.press(key);
    if (key !== "Enter") await page.keyboard.up("Shift");
  }
}

test("a region measured by key stands in every pane with the statistics of its own series", async () => {
  await pointAtMiddle();
  await rectangle(3, 2); // 12 pixels to the right, 8 down
  await page.waitForFunction(() => [...document.querySelectorAll(".pane")].every((p) => p.querySelector("svg text")?.textContent?.includes("Mean")));
  const texts = await page.$$eval(".pane", (panes) => panes.map((p) => p.querySelector("svg text")!.textContent!));
  for (const [i, series] of ["zero-filled", "unet", "ccdf", "reference"].entries()) {
    const image = readImage(files(out, series)[0]!);
    const inside = [...image.pixels].filter((_, k) => {
      const [column, row] = [k % image.columns, Math.floor(k / image.columns)];
      return column >= 32 && column <= 44 && row >= 32 && row <= 40;
    });
    const mean = inside.reduce((a, b) => a + b, 0) / inside.length;
    const said = Object.fromEntries([...texts[i]!.matchAll(/(Mean|Max|Min): ([\d.]+)/g)].map(([, name, value]) => [name, Number(value)]));
    expect(said.Max, series).toBe(Math.max(...inside));
    expect(said.Min, series).toBe(Math.min(...inside));
    expect(Math.abs(said.Mean! - mean) / mean, `${series}: ${texts[i]}`).toBeLessThan(0.001);
  }
  await page.keyboard.press("Delete");
  await page.waitForFunction(() => !document.querySelector(".pane svg text"));
});

// pointAtMiddle shows the cursor, a step by key there and back.
async function pointAtMiddle() {
  await page.mouse.move(5, 5);
  await page.keyboard.down("Shift");
  for (const key of ["ArrowRight", "ArrowLeft"] as const) await page.keyboard.press(key);
  await page.keyboard.up("Shift");
}

test("the wipe shows the other series on its side only", async () => {
  await page.click(".pane:nth-child(1) .stage"); // zero-filled becomes the active pane
  await page.keyboard.press("e");
  await settled(page);
  const reference = readImage(files(out, "reference")[0]!);
  const at = some(60, reference).filter(([column]) => Math.abs(column - 31.5) > 2);
  const seen = await greys(page, 0, reference, at, true);
  at.forEach(([column, row], k) => {
    const [grey, , , alpha] = seen[k]!;
    if (!isClear(column, row)) return;
    expect(alpha, `at ${column}, ${row}`).toBe(column < 32 ? 0 : 255);
    const want = drawn(reference.pixels[row * reference.columns + column]!, reference.center, reference.width);
    if (column >= 32) expect(Math.abs(grey! - want), `at ${column}, ${row}`).toBeLessThanOrEqual(1);
  });
  await page.keyboard.press("e");
});

// isClear leaves out where the layer carries text, the scale bar and the cursor.
const isClear = (column: number, row: number) => row > 3 && row < 26 && column < 62;

test("the page asks no other host, breaks no policy and has no error", () => {
  expect(complaints).toEqual([]);
});

test("on a screen of two device pixels a CSS pixel it is the same, also after zooming and fitting", async () => {
  const fine = await open(browser, `${server.url}/study/${job}`, 1280, 800, 2);
  await settled(fine.page, 2);
  for (const key of ["n", "+", "="] as const) await fine.page.keyboard.press(key);
  await settled(fine.page, 2);
  await expectTruth(2, fine.page);
  await fine.page.close();
});

test("a job that runs is shown as far as it is, and goes on by itself", async () => {
  const scan = await server.phantom("live", "--matrix", "64", "--slices", "2", "--seed", "5");
  const response = await fetch(`${server.url}/api/v1/scans?method=zero-filled&method=unet`, { method: "POST", headers: { "Content-Type": "application/x-hdf5" }, body: read(scan) });
  const { job } = (await response.json()) as { job: string };
  const live = await open(browser, `${server.url}/study/${job}`);
  await live.page.waitForFunction(() => [...document.querySelectorAll<HTMLElement>(".pane")].map((p) => p.dataset.series).join() === "zero-filled,unet,reference,error/zero-filled,error/unet");
  expect(live.complaints).toEqual([]);
  await live.page.close();
});

test("the mask of a scan with two phase-encode axes is drawn sample by sample", async () => {
  const [rows, columns] = [40, 24];
  const on = Array.from({ length: rows * columns }, (_, i) => i % 5 === 0 || (Math.abs(Math.floor(i / columns) - rows / 2) < 8 && Math.abs((i % columns) - columns / 2) < 8));
  const header = `{'descr': '<c8', 'fortran_order': False, 'shape': (1, ${rows}, ${columns}), }`.padEnd(117) + "\n";
  const samples = Float32Array.from(on.flatMap((acquired, i) => (acquired ? [1 + Math.sin(i), Math.cos(i)] : [0, 0])));
  const [kspace, scan] = [join(server.dir, "points.npy"), join(server.dir, "points.h5")];
  writeFileSync(kspace, Buffer.concat([Buffer.from("\x93NUMPY\x01\x00\x76\x00" + header, "latin1"), Buffer.from(samples.buffer)]));
  execFileSync("/usr/bin/python3", [resolve(import.meta.dirname, "../../../doc/npy_to_fastmri.py"), kspace, scan]); // Debian's, which has h5py
  const { job } = await server.push(scan, "--method", "zero-filled");
  const two = await open(browser, `${server.url}/study/${job}`);
  await settled(two.page);
  await two.page.keyboard.press("t");
  await two.page.waitForSelector("dialog[open] canvas.mask.points");
  const drawn = await two.page.$eval("dialog canvas.mask", (canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const pixels = (canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height).data;
    return { width, height, label: canvas.ariaLabel, on: Array.from({ length: width * height }, (_, i) => pixels[4 * i + 3]! > 0) };
  });
  expect(drawn).toEqual({ width: columns, height: rows, label: `Sampling mask: ${on.filter(Boolean).length} of ${on.length} samples`, on });
  await two.page.keyboard.press("Escape");
  await server.push(scan, "--method", "zero-filled", "--accel", "8"); // which nobody can do to it any more
  const came = `×${(on.length / on.filter(Boolean).length).toFixed(2)}, as acquired`;
  await two.page.reload();
  await two.page.waitForFunction((words) => [...document.querySelectorAll<HTMLOptionElement>(".head option")].map((o) => o.text).join() === [words, words].join(), {}, `${came} zero-filled`);
  await two.page.keyboard.press("f");
  await waitText(two.page, "dialog[open]", `${on.filter(Boolean).length} of ${on.length} samples: acceleration ${came.slice(1, 5)} measured, as acquired.`);
  await two.page.goto(server.url);
  await two.page.waitForFunction((words) => [...document.querySelectorAll<HTMLElement>("tbody .acceleration")].filter((e) => e.innerText.trim() === words).length === 2, {}, came);
  expect(two.complaints).toEqual([]);
  await two.page.close();
});

test("the report says what its reader should know of the images, and what they predict", async () => {
  const scan = await server.phantom("coils", "--matrix", "64", "--slices", "2", "--coils", "4");
  const { job } = await server.push(scan, "--method", "zero-filled", "--method", "tv", "--held-out", "0.1"); // too few columns are left for the coil maps
  const report = (await (await fetch(`${server.url}/api/v1/jobs/${job}/report.json`)).json()) as { notes: string[]; methods: { held_out_error: number }[] };
  expect(report.notes).toContainEqual(expect.stringMatching(/coil maps are unreliable/));
  const warned = await open(browser, `${server.url}/study/${job}`);
  await settled(warned.page);
  await warned.page.keyboard.press("t");
  for (const note of report.notes) await waitText(warned.page, "dialog[open]", note);
  const last = await warned.page.$$eval("dialog tr > :last-child", (all) => all.map((cell) => (cell as HTMLElement).innerText));
  expect(last).toEqual(["Held-out error", ...report.methods.map((m) => m.held_out_error.toFixed(4))]);
  expect(warned.complaints).toEqual([]);
  await warned.page.close();
});
