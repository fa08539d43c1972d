// The automated accessibility check.
import axe from "axe-core";
import type { Page } from "puppeteer-core";

// findings are what axe calls serious or critical on the page as it is now, with the elements.
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (window as never as { axe: typeof import("axe-core") }).axe.run();
    return violations.filter((v) => v.impact === "serious" || v.impact === "critical").flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary}`));
  });
}
