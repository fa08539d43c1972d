// The reading page while a job runs, loses its server, and is canceled.
import { createHash } from "node:crypto";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitText } from "./page";
import { settled, shown } from "./panes";
import { launch, open, read, Server } from "./server";
import { Wire } from "./wire";

let server: Server, wire: Wire, browser: Browser, scan: string;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  wire = await Wire.to(server.url);
  scan = await server.phantom("head", "--matrix", "96", "--slices", "6");
});

afterAll(async () => {
  await browser?.close();
  wire?.close();
  await server?.stop();
});

// run has the scan reconstructed, slowly enough to be watched, and opens the page when there is something to see.
async function run(query: string, url = server.url): Promise<{ job: string; page: Page }> {
  const response = await fetch(`${server.url}/api/v1/scans?${query}`, { method: "POST", headers: { "Content-Type": "application/x-hdf5" }, body: read(scan) });
  const { job } = (await response.json()) as { job: string };
  const { page } = await open(browser, `${url}/study/${job}`);
  await page.waitForSelector(".pane");
  await settled(page);
  return { job, page };
}

const cancel = (job: string) => fetch(`${server.url}/api/v1/jobs/${job}`, { method: "DELETE" });
const offers = (page: Page, series: string) => page.waitForSelector(`.pane:nth-child(1) option[value="${series}"]`);

test("what a job makes meanwhile is shown as it comes, until the reader does something", async () => {
  const { job, page } = await run("method=zero-filled&method=unet&method=ccdf&steps=20&sampler=ve");
  await offers(page, "unet");
  await page.waitForFunction(() => [...document.querySelectorAll<HTMLElement>(".pane")].some((p) => p.dataset.series === "unet"));
  await settled(page);
  await page.$eval(".head", (head) => void ((head as HTMLElement).style.height = "8rem")); // whatever is said in it
  await page.select(".pane:nth-child(1) select", "reference");
  await page.waitForSelector('.pane:nth-child(1)[data-series="reference"]');
  await page.focus(".pane:nth-child(1)");
  for (const key of ["h", "+", "+"] as const) await page.keyboard.press(key);
  await page.focus(".pane:nth-child(2)");
  await settled(page);
  const state = async () => ({
    series: (await shown(page)).map((p) => p.series), active: await page.$eval(".pane.active", (e) => e.ariaLabel), focus: await page.evaluate(() => document.activeElement?.ariaLabel),
    pixels: createHash("sha256").update(await page.$eval(".pane:nth-child(1) canvas:not(.layer)", (c) => (c as HTMLCanvasElement).toDataURL())).digest("hex"),
  });
  const before = await state();
  expect([before.series[0], before.focus]).toEqual(["reference", before.active]);
  await offers(page, "ccdf");
  await new Promise((rearranged) => setTimeout(rearranged, 500));
  await settled(page);
  expect(await state()).toEqual(before);
  await waitText(page, ".status", "New in the lists of the panes: CCDF");
  await page.keyboard.press("PageDown"); // the order of the lists is that of the keys
  const list = await page.$$eval(".pane:nth-child(2) option", (all) => all.map((o) => (o as HTMLOptionElement).value));
  const next = list[(list.indexOf(before.series[1]!) + 1) % list.length];
  await page.waitForSelector(`.pane:nth-child(2)[data-series="${next}"]`);
  await cancel(job);
  await page.close();
});

test("the page says when nobody hears of the job any more, and catches up", async () => {
  const { job, page } = await run("method=zero-filled&method=ccdf&steps=400&sampler=ve", wire.url);
  await waitText(page, ".going", "Running: ccdf");
  wire.cut();
  await waitText(page, ".going", "Not connected: what follows may be old. Trying again … Running: ccdf");
  wire.mend();
  await page.waitForFunction(() => document.querySelector(".going")!.textContent!.startsWith("Running: ccdf"));
  await cancel(job);
  await waitText(page, ".going", "The job is canceled. Not made: CCDF.");
  await page.keyboard.press("u"); // which no pane can show: what it says does not replace what is said of the job
  await waitText(page, ".status", "No pane shows a series with uncertainty.");
  await page.reload();
  await settled(page);
  await waitText(page, ".going", "The job is canceled. Not made: CCDF.");
  await page.close();
});
