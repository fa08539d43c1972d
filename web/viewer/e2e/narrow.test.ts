// The reading page in ordinary and in narrow windows, with a second recipe whose series have long names.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { expectAccessible } from "./axe";
import { keep } from "./page";
import { settled } from "./panes";
import { launch, open, Server } from "./server";

const sizes: [number, number][] = [[1280, 800], [1366, 768], [1024, 768], [390, 800]];
let server: Server, browser: Browser, page: Page, complaints: string[];

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  const scan = await server.phantom("head", "--matrix", "64", "--slices", "3");
  await server.push(scan, "--method", "zero-filled", "--method", "tv", "--method", "unet", "--accel", "6");
  const { job } = await server.push(scan, "--method", "zero-filled", "--method", "unet", "--method", "ccdf", "--steps", "2", "--samples", "2");
  ({ page, complaints } = await open(browser, `${server.url}/study/${job}`));
  await page.waitForFunction(() => [...document.querySelectorAll<HTMLOptionElement>(".pane option")].some((o) => o.text.includes("R 6.17"))); // of the second recipe
  await page.waitForSelector(".verdict button");
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test.each(sizes)("in %i × %i pixels every button of a pane is there to be clicked", async (width, height) => {
  await page.setViewport({ width, height });
  await settled(page);
  await keep(page, `reading-${width}`);
  const hidden = await page.$$eval(".pane", (panes) => panes.flatMap((pane) => [...pane.querySelectorAll<HTMLElement>("header select, header button")].filter((control) => {
    const { left, top, width, height } = control.getBoundingClientRect();
    return width < 60 || document.elementFromPoint(left + width / 2, top + height / 2) !== control || left + width > pane.getBoundingClientRect().right;
  }).map((control) => `${pane.ariaLabel}: ${control.ariaLabel ?? control.innerText}`)));
  expect(hidden).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
});

test.each(sizes)("in %i × %i pixels an image has the size for which it was drawn", async (width, height) => {
  await page.setViewport({ width, height });
  await settled(page);
  for (const series of ["reference", "unet"]) { // without buttons, and with them
    await page.select(".pane:nth-child(1) select", series);
    await page.waitForSelector(`.pane:nth-child(1)[data-series="${series}"]`);
    await settled(page);
    const wrong = await page.$$eval(".pane", (panes) => panes.filter((pane) => [...pane.querySelectorAll("canvas")].some((c) => c.width !== c.clientWidth || c.height !== c.clientHeight)).map((pane) => pane.ariaLabel));
    expect(wrong, series).toEqual([]);
  }
});

test.each(sizes)("in %i × %i pixels the texts of a pane do not lie on each other", async (width, height) => {
  await page.setViewport({ width, height });
  await settled(page);
  const overlaps = await page.$$eval(".pane", (panes) => panes.flatMap((pane) => {
    const texts = [...pane.querySelectorAll<HTMLElement>(".stage > p")].filter((p) => p.innerText);
    const boxes = texts.map((p) => p.getBoundingClientRect());
    return boxes.flatMap((a, i) => boxes.slice(0, i).flatMap((b, k) =>
      a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1 ? [`${texts[i]!.innerText} on ${texts[k]!.innerText}`] : []));
  }));
  expect(overlaps).toEqual([]);
});

test.each(sizes)("in %i × %i pixels the warning that sides may be exchanged can be read to its end", async (width, height) => {
  await page.setViewport({ width, height });
  await settled(page);
  const [text, cut] = await page.$eval(".comments", (e) => [e.textContent, e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight]);
  expect(text).toMatch(/left and right may be exchanged\. Do not measure or localize with it\.$/);
  expect(cut).toBe(false);
  await expectAccessible(page);
});

test("nothing is complained of", () => expect(complaints).toEqual([]));
