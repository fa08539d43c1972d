// Two scans of one study, of which one is sagittal: what the reading page makes of their geometry.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { greys, settled, shown } from "./panes";
import { files, launch, open, Server } from "./server";
import { done, relocate, store, study } from "./stored";

let server: Server, browser: Browser, page: Page, complaints: string[];
const size = { rows: 64, columns: 64 };
const spacing = 2; // mm
const step = 4; // mm from slice to slice

type Attributes = Record<string, { Value: unknown[] }>;

async function instances(): Promise<Attributes[]> {
  const response = await fetch(`${server.url}/dicom-web/studies/${study}/instances?includefield=00200037&includefield=0008103E`);
  return response.ok ? response.json() : [];
}

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  const { out } = await server.push(await server.phantom("head", "--matrix", "64", "--slices", "3"), "--method", "zero-filled");
  const slices = files(out, "reference");
  const series = (number: number, orientation: string, position: (k: number) => string) =>
    store(server, relocate(server, number, slices, (k) => ({
      "0020,0037": orientation, "0020,0032": position(k), "0028,0030": `${spacing}\\${spacing}`, ...(number === 1 ? { "0020,0100": `${k + 1}`, "0020,0105": "3", "0018,0081": `${10 * (k + 1)}`, "0018,9087": `${500 * k}` } : { "0020,0100": "2" }) })));
  await series(1, "1\\0\\0\\0\\1\\0", (k) => `-64\\-64\\${step * (k - 1)}`);
  const axial = (await done(server, 2))[0]!.id; // the newest is first
  await series(2, "0\\1\\0\\0\\0\\-1", (k) => `${step * (k - 1)}\\-64\\64`);
  await done(server, 3);
  ({ page, complaints } = await open(browser, `${server.url}/study/${axial}`));
  await settled(page);
}, 240_000);

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("a plane that crosses another is drawn in it where it lies", async () => {
  await page.select("select[aria-label=Layout]", "1×2");
  await settled(page);
  const sagittal = (await instances()).find((a) => a["00200037"]!.Value.join() === "0,1,0,0,0,-1")!;
  const uid = sagittal["0020000E"]!.Value[0] as string;
  await page.waitForSelector(`.pane option[value="${uid}"]`);
  await page.select(".pane:nth-child(2) select", uid);
  await page.waitForSelector(`.pane:nth-child(2)[data-series="${uid}"]`);
  await page.focus(".pane:nth-child(1)");
  await page.keyboard.press("Home"); // z = -4 mm
  for (const z of [-step, 0, step]) {
    await settled(page);
    await new Promise((drawn) => setTimeout(drawn, 200));
    const row = (64 - z) / spacing;
    const columns = [5, 20, 50].map((column): [number, number] => [column, row]);
    const elsewhere = columns.map(([column]): [number, number] => [column, row - 6]);
    expect((await greys(page, 1, size, columns, true)).map(([g, , , alpha]) => [g! > 200, alpha]), `z ${z}`).toEqual(Array(3).fill([true, 255]));
    expect((await greys(page, 1, size, elsewhere, true)).map(([, , , alpha]) => alpha)).toEqual([0, 0, 0]);
    await page.keyboard.press("ArrowDown");
  }
  const said = (selector: string) => page.$eval(selector, (e) => e.textContent);
  expect(await said(".pane:nth-child(1) .corner")).toContain("slice 3 (3/3), time 3/3, TE 30 ms, b 1000 s/mm², ");
  expect(await said(".pane:nth-child(2) .corner")).toMatch(/\), time 2, C /); // of how many its files do not say
  for (const [key, time] of [[">", 1], [">", 2], ["<", 1], ["<", 3]] as const) { // of one slice, around the end
    await page.keyboard.press(key);
    await page.waitForFunction((t) => document.querySelector(".pane .corner")!.textContent!.includes(`(${t}/3), time ${t}/3, `), {}, time);
  }
  const [axial, other] = await shown(page);
  expect([axial!.slice, other!.slice]).toEqual([3, 2]); // a plane that is not parallel does not follow
  await page.select("select[aria-label='Compare with']", uid);
  await page.focus(".pane:nth-child(1)");
  await page.keyboard.press("e"); // nor is it wiped over one that it crosses
  await settled(page);
  expect(await page.$eval(".pane .statement", (e) => e.textContent)).toMatch(/ has no slice that lies parallel to this one$/);
  expect((await greys(page, 0, size, [[40, 10], [50, 20], [55, 45]], true)).map(([, , , alpha]) => alpha)).toEqual([0, 0, 0]);
  expect(complaints).toEqual([]);
});

test("pixels that are higher than wide are as large in every pane, and zoom by what is asked for", async () => {
  const { out } = await server.push(await server.phantom("high", "--matrix", "64", "--slices", "2"), "--method", "zero-filled");
  const before = (await done(server, 1)).length;
  await store(server, relocate(server, 3, files(out, "reference"), (k) => ({
    "0020,0037": "1\\0\\0\\0\\0\\-1", "0020,0032": `-32\\${step * k}\\64`, "0028,0030": "3\\1" })));
  const job = (await done(server, before + 1))[0]!.id;
  const { page, complaints } = await open(browser, `${server.url}/study/${job}`);
  await settled(page);
  await page.select("select[aria-label=Layout]", "1×2");
  await settled(page);
  const first = (await shown(page))[0]!.series;
  await page.select(".pane:nth-child(2) select", first);
  await page.waitForSelector(`.pane:nth-child(2)[data-series="${first}"]`);
  await page.focus(".pane:nth-child(1)");
  const picture = async (pane: number) => {
    await settled(page);
    return page.evaluate((n) => document.querySelectorAll(".pane")[n]!.querySelector<HTMLCanvasElement>("canvas:not(.layer)")!.toDataURL(), pane);
  };
  const fitting = await picture(0);
  expect((await picture(1)) === fitting, "fitting").toBe(true);
  await page.keyboard.press("+");
  const larger = await picture(0);
  expect(larger === fitting, "larger").toBe(false);
  expect((await picture(1)) === larger, "both larger").toBe(true);
  await page.keyboard.press("-");
  expect((await picture(0)) === fitting, "fitting again").toBe(true);
  expect(complaints).toEqual([]);
  await page.close();
});
