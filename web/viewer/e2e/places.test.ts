// Other series of the study that lie elsewhere, or only in part where those of the page do.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { settled, shown } from "./panes";
import { launch, open, Server } from "./server";

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

const statement = (page: Page) => page.$eval(".pane:nth-child(2) .statement", (e) => e.textContent);

test("slices of another recipe keep their numbers and say how far they are away", async () => {
  const scan = await server.phantom("head", "--matrix", "64", "--slices", "6");
  const method = ["--method", "zero-filled"];
  const { job } = await server.push(scan, ...method, "--slices", "1:6");
  await server.push(scan, ...method, "--slices", "3:5", "--accel", "8");
  const { page, complaints } = await open(browser, `${server.url}/study/${job}`);
  await settled(page);
  await page.select("select[aria-label=Layout]", "1×2");
  await settled(page);
  await other(page, /R 8/);
  await page.focus(".pane:nth-child(1)");
  for (const [key, own, there, said] of [
    ["Home", 2, 4, /^\d+ mm away from the slice of pane 1$/], ["ArrowDown", 3, 4, / mm away/], ["ArrowDown", 4, 4, /^$/], ["ArrowDown", 5, 5, /^$/], ["End", 6, 5, / mm away/],
  ] as const) {
    await page.keyboard.press(key);
    await page.waitForSelector(`.pane:nth-child(1)[data-slice="${own}"]`);
    await settled(page);
    expect((await shown(page)).map((p) => p.slice), key).toEqual([own, there]);
    expect(await statement(page), key).toMatch(said);
  }
  expect(complaints).toEqual([]);
  await page.close();
});
