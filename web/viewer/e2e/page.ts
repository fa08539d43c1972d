// What a reader does with a page and sees on it.
import { readFileSync } from "node:fs";
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
