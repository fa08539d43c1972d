// Pushing from the worklist over a connection that is slow and breaks.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Browser, HTTPRequest, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drop, waitText } from "./page";
import { files, launch, open, Server } from "./server";
import { Wire } from "./wire";

let server: Server, wire: Wire, browser: Browser, page: Page, scan: string, sent: HTTPRequest[];

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start("--workers", "0"), launch()]);
  scan = await server.phantom("head", "--matrix", "64", "--slices", "8");
  wire = await Wire.to(server.url);
  ({ page } = await open(browser, wire.url));
  sent = [];
  page.on("request", (request) => sent.push(request));
  await waitText(page, ".nothing", "No scans yet");
});

afterAll(async () => {
  await browser?.close();
  wire?.close();
  await server?.stop();
});

const slow = () => page.emulateNetworkConditions({ upload: 100_000, download: 1e6, latency: 0 }); // bytes a second
const began = () => page.waitForFunction(() => (document.querySelector<HTMLProgressElement>(".uploads progress")?.value ?? 0) > 100_000);

test("an upload goes on where it was after the page was closed", async () => {
  const size = readFileSync(scan).length;
  await slow();
  await drop(page, scan, "head.h5");
  await began();
  await page.reload(); // and all that it knew is gone
  await page.emulateNetworkConditions(null);
  await waitText(page, ".nothing", "No scans yet");
  sent.length = 0;
  await drop(page, scan, "head.h5");
  await waitText(page, ".uploads .taken", "is taken");
  const asked = sent.find((r) => r.method() === "HEAD")!;
  const offset = Number(asked.response()!.headers()["upload-offset"]);
  expect(offset).toBeGreaterThan(0);
  expect(offset).toBeLessThan(size);
  expect(sent.filter((r) => r.method() === "PATCH").map((r) => r.headers()["upload-offset"])).toEqual([String(offset)]);
  expect(sent.some((r) => r.method() === "POST")).toBe(false);
  await waitText(page, "tbody .state", "queued");
});

test("an upload outlasts a broken connection", async () => {
  const other = await server.phantom("broken", "--matrix", "64", "--slices", "8", "--seed", "3");
  await slow();
  await drop(page, other, "other.h5");
  await began();
  wire.cut();
  await page.emulateNetworkConditions(null);
  wire.mend();
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 2);
  expect(await page.$(".uploads .refused")).toBeNull();
});

test("the list says when it cannot be live, and catches up", async () => {
  wire.cut();
  await waitText(page, ".connection", "Not connected");
  const other = await server.phantom("other", "--matrix", "64", "--slices", "1", "--seed", "2");
  const answer = await fetch(`${server.url}/api/v1/scans?method=tv`, { method: "POST", body: readFileSync(other), headers: { "Content-Type": "application/x-hdf5" } });
  expect(answer.status).toBe(201);
  wire.mend();
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 3 && document.querySelector(".connection")!.textContent === "");
});

test("a DICOM file is pushed whole, as the server asks", async () => {
  const done = await Server.start();
  try {
    const { out } = await done.push(scan, "--method", "zero-filled", "--slices", "0:1");
    const image = files(out, "reference")[0]!;
    await drop(page, image, "IM0000");
    await waitText(page, ".uploads .refused", "made by closer");
    execFileSync("dcmodify", ["-nb", "-i", "(0008,0070)=a scanner", image]);
    sent.length = 0;
    await drop(page, image, "IM0001");
    await waitText(page, ".uploads .taken", "is taken");
    expect(sent.filter((r) => r.method() === "POST").map((r) => new URL(r.url()).pathname)).toEqual(["/api/v1/scans"]);
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 4);
  } finally {
    await done.stop();
  }
});
