// What a reader does with a page and sees on it.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "puppeteer-core";

// waitText waits until an element says the words.
export const waitText = (page: Page, selector: string, wanted: string) =>
  page.waitForFunction((s, w) => [...document.querySelectorAll<HTMLElement>(s)].some((e) => e.innerText.includes(w)), { timeout: 60_000 }, selector, wanted);

// drop gives the page a file as a file manager does.
export const drop = (page: Page, path: string, name: string) =>
  page.evaluate((data, name) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, { lastModified: 1 }));
    for (const type of ["dragenter", "dragover", "drop"]) document.querySelector("main")!.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }, readFileSync(path).toString("base64"), name);

// tabTo presses Tab until what has the focus says the words.
export async function tabTo(page: Page, words: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((w) => (document.activeElement as HTMLElement | null)?.innerText?.trim() === w, words)) return;
  }
  throw new Error(`Tab does not come to ${words}`);
}

// keep takes a picture of the page into e2e/pictures, to be looked at.
export async function keep(page: Page, name: string): Promise<void> {
  const pictures = join(import.meta.dirname, "pictures");
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, name + ".png") as `${string}.png` });
}
