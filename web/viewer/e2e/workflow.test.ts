// A reader's day, by keyboard: log in, push, follow, cancel, find, read, accept, reject, compare blinded.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectAccessible } from "./axe";
import { drop, keep, tabTo, waitText } from "./page";
import { settled } from "./panes";
import { launch, open, Server } from "./server";

const key = "the key of Anna";
let server: Server, browser: Browser, page: Page, complaints: string[], head: string, keys: string;

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), "closer-keys-"));
  const line = (name: string, role: string, secret: string) => `${name} ${role} ${createHash("sha256").update(secret).digest("hex")}\n`;
  writeFileSync(join(keys, "keys"), line("anna", "admin", key) + line("guest", "read", "the key of a guest"));
  [server, browser] = await Promise.all([Server.start("--keys", join(keys, "keys")), launch()]);
  head = await server.phantom("head", "--matrix", "160", "--slices", "3");
  ({ page, complaints } = await open(browser, server.url));
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(keys, { recursive: true, force: true });
});

const text = (selector: string) => page.$$eval(selector, (found) => found.map((e) => (e as HTMLElement).innerText.trim()));
const api = <T>(path: string): Promise<T> => page.evaluate(async (p) => (await fetch("/api/v1" + p)).json(), path);

async function pressShift(letter: "A" | "B") {
  await page.keyboard.down("Shift");
  await page.keyboard.press(letter);
  await page.keyboard.up("Shift");
}

// accessible looks for barriers on the page as it is, and keeps a picture of it.
async function accessible(name: string) {
  await keep(page, name);
  await expectAccessible(page);
}

test("a reader logs in with a key, which no script can read afterwards", async () => {
  await page.waitForSelector("dialog input");
  await accessible("login");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await waitText(page, "dialog .wrong", "does not know this key");
  await page.keyboard.type(key); // over the wrong one, which is selected
  await page.keyboard.press("Enter");
  await waitText(page, ".nothing", "No scans yet");
  await accessible("worklist-empty");
  expect(await text(".who")).toEqual([expect.stringContaining("anna")]);
  const [cookie] = await browser.cookies();
  expect(cookie).toMatchObject({ name: "closer-session", httpOnly: true, sameSite: "Strict" });
  expect(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }))).toBe("{}");
  complaints.length = 0; // the browser tells of the answers 401
});

test("a dropped file is pushed and its job followed until it is done", async () => {
  await page.evaluate(() => {
    const seen = ((window as never as { seen: Set<string> }).seen = new Set());
    new MutationObserver(() => document.querySelectorAll<HTMLElement>("tbody .state").forEach((e) => seen.add(e.innerText))).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await drop(page, head, "Mustermann.h5");
  await waitText(page, ".uploads .taken", "is taken");
  await waitText(page, "tbody .state", "done");
  await waitText(page, "tbody .psnr", "ccdf");
  const seen = await page.evaluate(() => [...(window as never as { seen: Set<string> }).seen].join("\n"));
  expect(seen).toMatch(/running\s+ccdf \d of 9 slices · step \d+ of 10/);
  const [scan] = (await api<{ scans: { jobs: { id: string; progress: unknown }[] }[] }>("/scans")).scans;
  const report = await api<{ methods: { name: string; volume: { psnr: number } }[] }>(`/jobs/${scan!.jobs[0]!.id}/report`);
  expect(await text("tbody .psnr")).toEqual([report.methods.map((m) => `${m.name} ${m.volume.psnr.toFixed(2)}`).join("\n")]);
  expect(await page.evaluate(() => JSON.stringify(localStorage) + document.location.href)).not.toContain("Mustermann");
});

test("what is no scan is refused with a reason, and what fails says why", async () => {
  const junk = join(keys, "junk.h5");
  writeFileSync(junk, "not HDF5");
  await drop(page, junk, "junk.h5");
  await waitText(page, ".uploads .refused", "expected an HDF5 or a DICOM file");
  complaints.length = 0; // of the answer 415
  const pushed = await page.evaluate(async (data) => {
    const body = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    return (await fetch("/api/v1/scans?slices=7:9", { method: "POST", body, headers: { "Content-Type": "application/x-hdf5" } })).status;
  }, readFileSync(head).toString("base64"));
  expect(pushed).toBe(201);
  await waitText(page, "tbody .state", "slices 7:9 were asked for; the scan has 3");
});

test("a job is canceled by key, after being asked again", async () => {
  const long = await server.phantom("long", "--matrix", "96", "--slices", "20");
  await drop(page, long, "long.h5");
  await waitText(page, "tbody .state", "running");
  await page.focus("input[type=search]");
  await tabTo(page, "Cancel");
  await page.keyboard.press("Enter");
  expect(await text("tbody .sure")).toEqual(["Really cancel?"]);
  await page.keyboard.press("Enter");
  await waitText(page, "tbody .state", "canceled");
  await page.focus(".recipe summary");
  await page.keyboard.press("Enter");
  await accessible("worklist");
  await page.setViewport({ width: 800, height: 1100 });
  await accessible("worklist-tablet");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(800);
  await page.setViewport({ width: 1280, height: 800 });
});

test("search and filter", async () => {
  await page.keyboard.press("/");
  await page.keyboard.type("asked zero");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  expect(await text("tbody .state")).toEqual([expect.stringContaining("✕ failed")]);
  expect(page.url()).toContain("?q=asked+zero");
  await page.keyboard.type("xyz");
  await waitText(page, ".nothing", "No job is like that");
  await page.focus(".nothing button");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 3);
});

test("series are accepted and rejected by key, with who and why, and nothing is forgotten", async () => {
  await page.focus("input[type=search]");
  await page.keyboard.type("done");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await tabTo(page, "Read");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".verdict button");
  await settled(page);
  await page.keyboard.press("ArrowRight"); // to U-Net
  await page.keyboard.press("x");
  await page.waitForSelector("dialog[open] input");
  await page.keyboard.press("Enter"); // not without a reason
  expect(await text("dialog[open] h2")).toEqual(["Reject U-Net"]);
  await page.keyboard.type("too smooth");
  await accessible("reject");
  await page.keyboard.press("Enter");
  await waitText(page, ".pane.active .verdict", "✕ rejected");
  await page.keyboard.press("ArrowRight"); // to CCDF
  await page.keyboard.press("y");
  await page.keyboard.press("Enter");
  await waitText(page, ".pane.active .verdict", "✓ accepted");
  await page.keyboard.press("y");
  await page.waitForSelector("dialog[open] .past");
  expect(await text("dialog[open] .past li")).toEqual([expect.stringMatching(/^accepted by anna, /)]);
  await page.keyboard.press("Escape");
  await page.reload();
  await waitText(page, ".verdict", "✓ accepted");
  await accessible("reading-reviewed");
  const csv = await page.evaluate(async () => (await fetch("/api/v1/reviews.csv")).text());
  expect(csv).toMatch(/anna,.*decision,unet,rejected,yes,.*too smooth/);
  expect(csv).toMatch(/anna,.*decision,ccdf,accepted,yes/);
});

test("two methods are compared without being named", async () => {
  await settled(page);
  await pressShift("B");
  await page.waitForSelector("dialog[open] select");
  await tabTo(page, "Begin");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await waitText(page, ".answers", "Which is better?");
  await settled(page);
  expect(await page.$$eval(".pane select", (all) => all.map((s) => s.selectedOptions[0]!.text))).toEqual(["A", "B"]);
  await accessible("blinded");
  const revealed = await page.evaluate(() => {
    const attributes = [...document.querySelectorAll("*")].flatMap((e) => ["title", "aria-label"].map((name) => e.getAttribute(name) ?? ""));
    return [document.title, location.href, document.body.innerText, ...attributes].join("\n");
  });
  expect(revealed).not.toMatch(/u-?net|ccdf|zero-filled|diffus/i);
  for (const silent of ["f", "t", "u", "d", "x", "y"] as const) await page.keyboard.press(silent);
  expect(await page.$("dialog")).toBeNull();
  await pressShift("A");
  await page.waitForSelector("dialog[open] input");
  await page.keyboard.type("edges");
  await page.keyboard.press("Enter");
  await waitText(page, "dialog[open]", "There is no further scan");
  const { reviews } = await api<{ reviews: { user: string; reason: string; preference?: { left: string; right: string; preferred: string; trial: number } }[] }>("/reviews");
  const { user, reason, preference } = reviews.at(-1)!;
  expect([user, reason, preference!.trial, preference!.preferred]).toEqual(["anna", "edges", 0, preference!.left]);
  expect([preference!.left, preference!.right].sort()).toEqual(["ccdf", "unet"]);
  await tabTo(page, "Leave");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await waitText(page, ".verdict", "✓ accepted");
  expect(complaints).toEqual([]);
});

test("who logs out sees nothing until the next login", async () => {
  await page.goto(server.url);
  await waitText(page, ".who", "anna");
  await tabTo(page, "Log out");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.waitForSelector("dialog input");
  expect(await page.$("tbody tr")).toBeNull();
});

test("who may only read is offered nothing else", async () => {
  await page.keyboard.type("the key of a guest");
  await page.keyboard.press("Enter");
  await waitText(page, ".who", "guest");
  await waitText(page, "tbody .review", "✕ unet rejected\n✓ ccdf accepted");
  await drop(page, head, "head.h5");
  expect(await page.$(".push")).toBeNull();
  const [address] = await page.$$eval(".actions a", (links) => links.map((a) => (a as HTMLAnchorElement).href));
  await page.goto(address!);
  await waitText(page, ".verdict", "✓ accepted");
  await settled(page);
  expect(await page.$(".verdict button")).toBeNull();
  await page.keyboard.press("y");
  expect(await page.$("dialog")).toBeNull();
});
