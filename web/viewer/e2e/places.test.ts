// Other series of the study that lie elsewhere, or only in part where those of the page do.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { drawn, readImage } from "./dicom";
import { keep } from "./page";
import { greys, settled, shown } from "./panes";
import { files, launch, open, Server } from "./server";
import { done, relocate, store } from "./stored";

let server: Server, browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

// other chooses a series of another job in the second pane and returns its id.
async function other(page: Page, words: RegExp): Promise<string> {
  await page.waitForFunction((w) => [...document.querySelectorAll(".pane:nth-child(2) option")].some((o) => new RegExp(w).test(o.textContent!)), {}, words.source);
  const id = await page.$$eval(".pane:nth-child(2) option", (options, w) => options.find((o) => new RegExp(w).test(o.textContent!))!.value, words.source);
  await page.select(".pane:nth-child(2) select", id);
  await page.waitForSelector(`.pane:nth-child(2)[data-series="${id}"]`);
  return id;
}

const statement = (page: Page, pane: number) => page.$eval(`.pane:nth-child(${pane}) .statement`, (e) => e.textContent);

test("slices of another recipe keep their numbers and say how far they are away", async () => {
  const scan = await server.phantom("head", "--matrix", "64", "--slices", "6");
  const method = ["--method", "zero-filled"];
  const { job } = await server.push(scan, ...method, "--slices", "1:6");
  await server.push(scan, ...method, "--slices", "3:5", "--accel", "8");
  const { page, complaints } = await open(browser, `${server.url}/study/${job}`);
  await settled(page);
  await page.select("select[aria-label=Layout]", "1×2");
  await settled(page);
  const id = await other(page, /R 8/);
  await page.focus(".pane:nth-child(1)");
  for (const [key, own, there, said] of [
    ["Home", 2, 4, /^\d+ mm away from the slice of pane 1$/], ["ArrowDown", 3, 4, / mm away/], ["ArrowDown", 4, 4, /^$/], ["ArrowDown", 5, 5, /^$/], ["End", 6, 5, / mm away/],
  ] as const) {
    await page.keyboard.press(key);
    await page.waitForSelector(`.pane:nth-child(1)[data-slice="${own}"]`);
    await settled(page);
    expect((await shown(page)).map((p) => p.slice), key).toEqual([own, there]);
    expect(await statement(page, 2), key).toMatch(said);
  }
  await page.select("select[aria-label=Layout]", "2×2");
  await settled(page);
  const [, second, ...rest] = (await shown(page)).map((p) => p.series);
  expect(second).toBe(id);
  expect(rest).toHaveLength(2);
  expect(complaints).toEqual([]);
  await page.close();
});

// Two axial scans: one of 64² pixels of 2 mm at z = 0, 4, 8 and 12 mm, and one of 96² of 2.5 mm elsewhere, at 8 and 4 mm, with another window.
test("the wipe draws a series of another scan where it lies, in its own window, or says why it does not", async () => {
  const made = async (matrix: number, slices: number) =>
    files((await server.push(await server.phantom(`head-${matrix}`, "--matrix", `${matrix}`, "--slices", `${slices}`), "--method", "zero-filled")).out, "reference");
  const [near, far] = [await made(64, 4), await made(96, 2)];
  const geometry = (title: string, spacing: number, position: string, window?: number) => (
    { "0008,103E": title, "0020,0037": "1\\0\\0\\0\\1\\0", "0028,0030": `${spacing}\\${spacing}`, "0020,0032": position, ...(window && { "0028,1050": `${window / 2}`, "0028,1051": `${window}` }) });
  const jobs = (await done(server, 1)).length;
  await store(server, relocate(server, 1, near, (k) => geometry("near", 2, `-64\\-64\\${4 * k}`)));
  const job = (await done(server, jobs + 1))[0]!.id; // the newest is first
  const { width } = readImage(far[0]!);
  const stored = relocate(server, 2, far, (k) => geometry("far", 2.5, `-110\\-122\\${8 - 4 * k}`, Math.round(1.5 * width)));
  await store(server, stored);
  await done(server, jobs + 2);
  const { page, complaints } = await open(browser, `${server.url}/study/${job}`);
  await settled(page);
  await page.select("select[aria-label=Layout]", "1×2");
  await settled(page);
  const id = await other(page, /^far$/);
  await page.select("select[aria-label='Compare with']", id);
  await page.focus(".pane:nth-child(1)");
  for (const key of ["n", "e", "Home"] as const) await page.keyboard.press(key); // pixels, wipe
  const places = Array.from({ length: 60 }, (_, i): [number, number] => [50 + (i % 10) * 1.5, 32 + Math.floor(i / 10) * 2].map(Math.floor) as [number, number]);
  const at = places.map(([column, row]): [number, number] => [(-110 + 2.5 * column + 64) / 2, (-122 + 2.5 * row + 64) / 2]);
  for (const [number, file] of [[1, undefined], [2, stored[1]], [3, stored[0]], [4, undefined]] as const) {
    await page.waitForSelector(`.pane:nth-child(1)[data-slice="${number}"]`);
    await settled(page);
    const seen = await greys(page, 0, { rows: 64, columns: 64 }, at, true);
    expect(new Set(seen.map(([, , , alpha]) => alpha)), `slice ${number}`).toEqual(new Set([file ? 255 : 0]));
    expect(await statement(page, 1)).toBe(file ? "" : "far has no slice here: the nearest lies 4 mm away");
    if (file) {
      const image = readImage(file);
      const off = places.map(([column, row], k) => Math.abs(seen[k]![0]! - drawn(image.pixels[row * image.columns + column]!, image.center, image.width)));
      expect(Math.max(...off), `slice ${number}`).toBeLessThanOrEqual(1);
      await keep(page, `wipe-${number}`);
    }
    await page.keyboard.press("ArrowDown");
  }
  expect(complaints).toEqual([]);
  await page.close();
});
