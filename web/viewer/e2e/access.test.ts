import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "puppeteer-core";
import { expectAccessible } from "./axe";
import { settled } from "./panes";
import { launch, open, Server } from "./server";

let server: Server, browser: Browser, job: string;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  ({ job } = await server.push(await server.phantom("head", "--matrix", "64", "--slices", "3"), "--method", "zero-filled", "--method", "tv"));
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test.each([[1280, 800], [820, 1180]])("the worklist has no finding of axe at %i×%i", async (width, height) => {
  const { page } = await open(browser, server.url, width, height);
  await page.waitForSelector(`a[href*="${job}"]`);
  await expectAccessible(page);
});

test.each([[1280, 800], [820, 1180]])("the reading page has no finding of axe at %i×%i", async (width, height) => {
  const { page } = await open(browser, `${server.url}/study/${job}`, width, height);
  await settled(page);
  await expectAccessible(page);
});

test.each([["keys", "?"], ["facts", "f"], ["report", "t"]])("the dialog of %s has no finding of axe, and returns the focus", async (_, key) => {
  const { page } = await open(browser, `${server.url}/study/${job}`);
  await settled(page);
  await page.focus(".pane");
  await page.keyboard.press(key as "?");
  await page.waitForSelector("dialog[open]");
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("dialog[open]"));
  expect(await page.evaluate(() => document.activeElement?.className)).toContain("pane");
});

test("what fails is said accessibly", async () => {
  const { page } = await open(browser, `${server.url}/study/${"0".repeat(32)}`);
  await page.waitForSelector("[role=alert]");
  await expectAccessible(page);
});
