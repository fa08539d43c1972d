// The reading page while a job runs, loses its server, and is canceled.
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitText } from "./page";
import { settled } from "./panes";
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
