// A slow network: what a page asks for waits until the test lets it through.
import type { HTTPRequest, Page } from "puppeteer-core";

export class Gate {
  private held: HTTPRequest[] = [];
  private shut: RegExp | undefined;

  static async at(page: Page): Promise<Gate> {
    const gate = new Gate();
    await page.setRequestInterception(true);
    page.on("request", (r) => (gate.shut?.test(r.url()) ? gate.held.push(r) : void r.continue()));
    return gate;
  }

  // close holds the requests to addresses like these.
  close(addresses: RegExp): void {
    this.shut = addresses;
  }

  // open lets through what waits, and gives the page time to draw it.
  async open(): Promise<number> {
    const { held } = this;
    [this.shut, this.held] = [undefined, []];
    await Promise.all(held.map((r) => r.continue()));
    await new Promise((drawn) => setTimeout(drawn, 500));
    return held.length;
  }
}
