// Two scans of one study, of which one is sagittal: what the reading page makes of their geometry.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser, Page } from "puppeteer-core";
import { greys, settled, shown } from "./panes";
import { files, launch, open, read, Server } from "./server";

let server: Server, browser: Browser, page: Page, complaints: string[];
const size = { rows: 64, columns: 64 };
const spacing = 2; // mm
const step = 4; // mm from slice to slice

// series writes slices that lie elsewhere than the phantom's, in a study and frame of reference of the test's.
function series(name: string, slices: string[], orientation: string, position: (k: number) => string): string[] {
  const dir = join(server.dir, name);
  mkdirSync(dir);
  return slices.map((file, k) => {
    const path = join(dir, `${k}.dcm`);
    copyFileSync(file, path);
    const set = { "0020,000d": "2.25.4711", "0020,0052": "2.25.4712", "0020,000e": `2.25.${name === "axial" ? 1 : 2}`, "0008,0018": `2.25.${name === "axial" ? 1 : 2}00${k + 1}`,
      "0020,0037": orientation, "0020,0032": position(k), "0028,0030": `${spacing}\\${spacing}`, "0020,4000": "made for a test" };
    execFileSync("dcmodify", ["-nb", "-imt", ...Object.entries(set).flatMap(([tag, value]) => ["-i", `(${tag})=${value}`]), path]);
    return path;
  });
}

async function store(paths: string[]): Promise<void> {
  const part = (path: string) => Buffer.concat([Buffer.from("--x\r\nContent-Type: application/dicom\r\n\r\n"), read(path), Buffer.from("\r\n")]);
  const body = Buffer.concat([...paths.map(part), Buffer.from("--x--\r\n")]);
  const response = await fetch(`${server.url}/dicom-web/studies`, { method: "POST", body, headers: { "Content-Type": 'multipart/related; type="application/dicom"; boundary=x' } });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

type Attributes = Record<string, { Value: unknown[] }>;

async function instances(): Promise<Attributes[]> {
  const response = await fetch(`${server.url}/dicom-web/studies/2.25.4711/instances?includefield=00200037&includefield=0008103E`);
  return response.ok ? response.json() : [];
}

// done waits for a number of jobs to be done and returns them, newest first.
async function done(n: number): Promise<{ id: string; state: string }[]> {
  for (;;) {
    const { scans } = (await (await fetch(`${server.url}/api/v1/scans`)).json()) as { scans: { jobs: { id: string; state: string }[] }[] };
    const jobs = scans.flatMap((s) => s.jobs);
    if (jobs.some((j) => j.state === "failed")) throw new Error("a job failed");
    if (jobs.length >= n && jobs.every((j) => j.state === "done")) return jobs;
    await new Promise((wait) => setTimeout(wait, 200));
  }
}

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  const { out } = await server.push(await server.phantom("head", "--matrix", "64", "--slices", "3"), "--method", "zero-filled");
  const slices = files(out, "reference");
  await store(series("axial", slices, "1\\0\\0\\0\\1\\0", (k) => `-64\\-64\\${step * (k - 1)}`));
  const axial = (await done(2))[0]!.id; // the newest is first
  await store(series("sagittal", slices, "0\\1\\0\\0\\0\\-1", (k) => `${step * (k - 1)}\\-64\\64`));
  await done(3);
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
  const [axial, other] = await shown(page);
  expect([axial!.slice, other!.slice]).toEqual([3, 2]); // a plane that is not parallel does not follow
  expect(complaints).toEqual([]);
});
