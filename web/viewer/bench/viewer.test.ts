// How quick and how light the reading page is, printed, never judged: `make bench-viewer`.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { settled } from "../e2e/panes";
import { launch, open, Server } from "../e2e/server";

const studies = 10;
const slices = Number(process.env.SLICES ?? 200);
let server: Server, browser: Browser;
const jobs: string[] = [];

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  const scan = await server.phantom("head", "--matrix", "320", "--slices", String(slices));
  for (let seed = 0; seed < studies; seed++) {
    const { job } = await server.push(scan, "--method", "zero-filled", "--mask-seed", String(seed));
    jobs.push(job);
  }
}, 1_800_000);

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const report = (what: string, figure: string) => console.log(`${what}: ${figure}`);

// drawn resolves when the first pane has a slice on its canvas, in milliseconds since the page was asked for.
const drawn = (page: Page): Promise<number> =>
  page.waitForFunction(() => document.querySelector<HTMLElement>(".pane")?.dataset.slice && performance.now()).then((h) => h.jsonValue() as Promise<number>);

// resident is the memory of all processes of the browser, proportional shares of what they have in common, in MiB.
function resident(): number {
  const children = (pid: number): number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number).flatMap((c) => [c, ...children(c)]);
  const root = browser.process()!.pid!;
  const share = (pid: number) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  return [root, ...children(root)].reduce((sum, pid) => sum + share(pid), 0) / 1024;
}

test("time to the first image", async () => {
  const cold: number[] = [], warm: number[] = [];
  for (let i = 0; i < 5; i++) {
    const context = await browser.createBrowserContext(); // nothing kept
    const page = await context.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    await page.goto(`${server.url}/study/${jobs[i]}`);
    cold.push(await drawn(page));
    await page.goto(`${server.url}/study/${jobs[i + 1]}`); // the program kept, another study
    warm.push(await drawn(page));
    await context.close();
  }
  report("first image, nothing kept, median of 5", `${median(cold).toFixed(0)} ms`);
  report("first image, program kept, median of 5", `${median(warm).toFixed(0)} ms`);
});

test("scrolling", async () => {
  const { page } = await open(browser, `${server.url}/study/${jobs[0]}`);
  await settled(page);
  await page.keyboard.press("Home");
  await settled(page, 1);
  const times = await page.evaluate(async (n) => {
    const panes = [...document.querySelectorAll<HTMLElement>(".pane")];
    const times = [];
    for (let slice = 2; slice <= n + 1; slice++) {
      const start = performance.now();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
      while (panes.some((p) => Number(p.dataset.slice) !== slice)) await new Promise(requestAnimationFrame);
      times.push(performance.now() - start);
    }
    return times;
  }, Math.min(50, slices - 1));
  report("scrolling all panes, one after another", `${(1000 * times.length / times.reduce((a, b) => a + b)).toFixed(0)} slices/s, median ${median(times).toFixed(0)} ms, worst ${Math.max(...times).toFixed(0)} ms a slice`);
  await page.close();
});

test("memory", async () => {
  const { page } = await open(browser, "about:blank");
  report("memory of the browser, no page", `${resident().toFixed(0)} MiB`);
  for (const [i, job] of jobs.entries()) {
    await page.goto(`${server.url}/study/${job}`);
    await settled(page);
    for (let k = 0; k < slices; k += 10) {
      await page.keyboard.press("ArrowDown");
      await new Promise((r) => setTimeout(r, 20));
    }
    await page.keyboard.press("End");
    await settled(page, slices);
    if (i === 0 || i === studies - 1) {
      const { JSHeapUsedSize = 0 } = await page.metrics();
      report(`memory of the browser after ${i + 1} of ${studies} studies of ${slices} slices`, `${resident().toFixed(0)} MiB, of it ${(JSHeapUsedSize / 2 ** 20).toFixed(0)} MiB scripts`);
    }
  }
}, 600_000);
