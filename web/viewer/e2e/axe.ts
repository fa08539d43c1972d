// The automated accessibility check.
import axe, { type AxeResults } from "axe-core";
import type { Page } from "puppeteer-core";
import { expect } from "vitest";

// expectAccessible runs axe's rules, WCAG 2.2 AA and good practice, on what the page shows.
export async function expectAccessible(page: Page) {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() => (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run());
  expect(violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html).join("; ")}`)).toEqual([]);
  expect(passes.map((p) => p.id)).toContain("color-contrast");
}
