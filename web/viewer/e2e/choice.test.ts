// What a pane shows while the network is slow and the reader is not.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { drawn, readImage } from "./dicom";
import { Gate } from "./gate";
import { expectDrawn, greys, settled } from "./panes";
import { files, launch, open, Server } from "./server";

let server: Server, browser: Browser, page: Page, gate: Gate, out: string, job: string, complaints: string[];
const series = "select[aria-label='Series of pane 1']";

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  const methods = ["zero-filled", "unet", "unet-dc", "ccdf"].flatMap((m) => ["--method", m]);
  const scan = await server.phantom("head", "--matrix", "64", "--slices", "3");
  ({ job, out } = await server.push(scan, ...methods, "--steps", "2", "--samples", "2"));
  await server.push(scan, "--method", "zero-filled", "--accel", "8");
});

// Each test begins with the first six series in the page's memory; data-consistent U-Net is not one of them.
beforeEach(async () => {
  await page?.close();
  ({ page, complaints } = await open(browser, `${server.url}/study/${job}`));
  await settled(page);
  await page.select("select[aria-label=Layout]", "1×2");
  await page.keyboard.press("n"); // pixels, without interpolation
  await settled(page, 2);
  gate = await Gate.at(page);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

// says is what stands in and around the first pane.
const says = () =>
  page.$eval(".pane", (pane) => {
    const text = (selector: string) => [...pane.querySelectorAll(selector)].map((e) => e.textContent).join();
    const seen = (selector: string) => [...pane.querySelectorAll(selector)].some((e) => e.checkVisibility({ visibilityProperty: true }));
    return { label: text(".pane-label"), corner: text(".corner"), waiting: text(".waiting"), name: pane.ariaLabel, verdicts: seen(".verdict button"), image: seen("canvas") };
  });

test("from the choice of a series until its image is there the pane is empty and says so", async () => {
  await page.waitForSelector(".pane:first-child .verdict button");
  gate.close(/dicom\/unet-dc\//);
  await page.select(series, "unet-dc");
  await new Promise((pause) => setTimeout(pause, 300));
  const title = "U-Net, data-consistent";
  expect(await says()).toEqual({ label: "", corner: "", waiting: `Loading ${title} …`, name: `Pane 1: ${title}, loading`, verdicts: false, image: false });
  expect(await gate.open()).toBe(1);
  await settled(page, 2);
  expect(await says()).toMatchObject({ label: "RESEARCH · AI", waiting: "", name: `Pane 1: ${title}, slice 2`, verdicts: true, image: true });
  await expectDrawn(page, 0, readImage(files(out, "unet-dc")[1]!));
});

test("a series that cannot be fetched leaves the pane empty and says why, and is shown as soon as it can", async () => {
  await page.setOfflineMode(true);
  await page.select(series, "unet-dc");
  await page.waitForFunction(() => document.querySelector(".pane .trouble")!.textContent!.startsWith("This slice cannot be shown: "));
  expect(await says()).toMatchObject({ label: "", corner: "", waiting: "", name: "Pane 1: U-Net, data-consistent, not shown", verdicts: false, image: false });
  await page.setOfflineMode(false);
  await page.focus(".pane:first-child");
  await page.keyboard.press("ArrowDown");
  await settled(page, 3);
  expect(await page.$eval(".pane .trouble", (e) => e.textContent)).toBe("");
  await expectDrawn(page, 0, readImage(files(out, "unet-dc")[2]!));
});

test("an image has the size for which it was drawn, whatever the header of its pane has", async () => {
  for (const id of ["reference", "unet-dc"]) {
    await page.select(series, id);
    await page.waitForSelector(`.pane[data-series=${id}]`);
    const [drawn, seen] = await page.$eval(".pane canvas", (c) => [(c as HTMLCanvasElement).height, c.clientHeight]);
    expect(seen, id).toBe(drawn);
  }
});

test("the newest choice stays, whatever comes late", async () => {
  gate.close(/dicom\/unet-dc\/|\/instances\/[^?]*$/);
  await page.select(series, "unet-dc");
  await page.waitForFunction(() => /R 8/.test(document.querySelector(".pane select")!.textContent!));
  await page.select(series, await page.$eval(series, (s) => [...(s as HTMLSelectElement).options].find((o) => /R 8/.test(o.text))!.value)); // of another job
  expect(await says()).toMatchObject({ label: "", corner: "", verdicts: false, image: false });
  await page.select(series, "ccdf");
  await page.waitForSelector(".pane[data-series=ccdf]");
  expect(await gate.open()).toBe(2);
  expect(await says()).toMatchObject({ name: "Pane 1: CCDF, slice 2", verdicts: true, image: true });
  await expectDrawn(page, 0, readImage(files(out, "ccdf")[1]!));
});

test("a slice of the series before that comes late is not drawn in the new one", async () => {
  gate.close(/dicom\/unet-dc\/000[13]/);
  await page.select(series, "unet-dc");
  await page.waitForSelector(".pane[data-series=unet-dc]");
  const stage = (await (await page.$(".pane .stage"))!.boundingBox())!;
  await page.keyboard.press("s"); // the tool that scrolls by dragging
  await page.mouse.move(stage.x + 100, stage.y + 100);
  await page.mouse.down();
  await page.mouse.move(stage.x + 100, stage.y + 300, { steps: 10 });
  await page.mouse.up();
  await new Promise((pause) => setTimeout(pause, 300));
  await page.select(series, "ccdf");
  await page.waitForSelector(".pane[data-series=ccdf]");
  expect(await gate.open()).toBeGreaterThan(0);
  await settled(page, 3);
  await expectDrawn(page, 0, readImage(files(out, "ccdf")[2]!));
});

test("the wipe leaves nothing of another slice while its own is on the way, and the newest choice stays", async () => {
  const at: [number, number][] = [[40, 10], [45, 15], [50, 22]];
  const wiped = async (id?: string, slice = 3) => {
    const image = id && readImage(files(out, id)[slice - 1]!);
    const seen = await greys(page, 0, { rows: 64, columns: 64 }, at, true);
    for (const [k, [column, row]] of at.entries()) {
      expect(seen[k]![3], `${id} at ${column}, ${row}`).toBe(image ? 255 : 0);
      if (image) expect(Math.abs(seen[k]![0]! - drawn(image.pixels[row * image.columns + column]!, image.center, image.width))).toBeLessThanOrEqual(1);
    }
  };
  const compare = "select[aria-label='Compare with']";
  await page.select(compare, "unet-dc");
  await page.focus(".pane:first-child");
  await page.keyboard.press("e");
  await page.waitForNetworkIdle({ idleTime: 300 });
  await wiped("unet-dc", 2);
  gate.close(/dicom\/unet-dc\//);
  await page.keyboard.press("ArrowDown");
  await settled(page, 3);
  await wiped();
  await page.select(compare, "ccdf");
  await settled(page, 3);
  await wiped("ccdf");
  expect(await gate.open()).toBe(1);
  await wiped("ccdf");
  expect(complaints).toEqual([]);
});
