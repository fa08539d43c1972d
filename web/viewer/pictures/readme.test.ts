// The pictures of README that show what the networks make: `make pictures`. Everybody in them is a phantom.
import { join, resolve } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { settled } from "../e2e/panes";
import { launch, open, Server } from "../e2e/server";

const pictures = resolve(import.meta.dirname, "../../../doc/pictures");
const recipe = ["--accel", "4", "--acs", "0.08", "--mask", "gaussian1d"];
let server: Server, browser: Browser;

beforeAll(async () => void ([server, browser] = await Promise.all([Server.start(), launch()])));

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const save = (page: Page, name: string, height?: number) =>
  page.screenshot({ path: join(pictures, name + ".png") as `${string}.png`, ...(height && { clip: { x: 0, y: 0, width: page.viewport()!.width, height } }) });

test("the report", async () => {
  const scan = await server.phantom("flair", "--contrast", "flair", "--slices", "3");
  const { out } = await server.push(scan, ...recipe, "--slices", "1:2", "--method", "zero-filled", "--method", "tv", "--method", "unet", "--method", "ccdf");
  const { page } = await open(browser, `file://${join(out, "report.html")}`, 1200, 900);
  const errors = await page.$$eval("img", (images) => Math.max(...images.slice(0, 10).map((i) => i.getBoundingClientRect().bottom)));
  await save(page, "report", Math.ceil(errors) + 20);
  await page.close();
}, 600_000);

test("reading", async () => {
  const scan = await server.phantom("t2", "--slices", "4");
  const { job } = await server.push(scan, ...recipe, "--samples", "4");
  const { page } = await open(browser, `${server.url}/study/${job}`, 1280, 800);
  await settled(page);
  const { x, y, width, height } = (await (await page.$(".pane .stage"))!.boundingBox())!;
  await page.mouse.move(x + 0.6 * width, y + 0.6 * height);
  await settled(page);
  await save(page, "reading");

  await page.keyboard.press("t");
  await page.waitForSelector("dialog[open] canvas.mask");
  await save(page, "reading-report");
  await page.keyboard.press("Escape");

  await page.select("select[aria-label=Layout]", "1×2");
  for (const [pane, series] of ["ccdf", "ccdf-uncertainty"].entries()) await page.select(`select[aria-label="Series of pane ${pane + 1}"]`, series);
  await page.click(".pane:nth-child(1) .stage");
  await page.keyboard.press("u");
  await page.mouse.move(5, 5);
  await settled(page);
  await save(page, "uncertainty");
}, 1_200_000);
