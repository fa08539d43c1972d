import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Job } from "./api";
import { follow } from "./feed";
import { follow as followJob } from "./reading/live";

// Source stands for the browser's EventSource; the test says what comes.
class Source extends EventTarget {
  static readonly CLOSED = 2;
  static all: Source[] = [];
  readyState = 1;
  constructor(readonly url: string) {
    super();
    Source.all.push(this);
  }
  close(): void {
    this.readyState = Source.CLOSED;
  }
  job(job: Partial<Job>): void {
    this.dispatchEvent(Object.assign(new Event("job"), { data: JSON.stringify(job) }));
  }
  fail(readyState: number): void {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }
}

let answers: Response[];
beforeEach(() => {
  vi.useFakeTimers();
  Source.all = [];
  answers = [];
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("fetch", async () => answers.shift() ?? Response.json({ user: "anonymous", roles: [] }));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a stream that the browser gave up is opened anew until it is stopped", async () => {
  const connected: boolean[] = [];
  const stop = follow("/events", () => undefined, (yes) => connected.push(yes));
  Source.all[0]!.fail(0); // the browser tries again by itself
  await vi.advanceTimersByTimeAsync(10_000);
  expect(Source.all.length).toBe(1);
  for (let n = 1; n < 4; n++) {
    Source.all.at(-1)!.fail(Source.CLOSED);
    await vi.advanceTimersByTimeAsync(3000);
    expect(Source.all.length).toBe(n + 1);
  }
  Source.all.at(-1)!.dispatchEvent(new Event("open"));
  expect(connected).toEqual([false, false, false, false, true]);
  stop();
  Source.all.at(-1)!.fail(Source.CLOSED);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(Source.all.length).toBe(4);
});

test("the reader is told of a job that nobody hears of any more, and of how it ended", async () => {
  const running: Partial<Job> = { id: "j", state: "running", recipe: { methods: ["unet", "ccdf"] }, progress: { method: "ccdf", slices_done: 12, slices: 18, step: 0, steps: 0, eta_seconds: 93.2 } };
  const said: string[] = [];
  const changed: Job[] = [];
  followJob("j", (job) => changed.push(job), (text) => said.push(text));
  answers = [Response.json(running)];
  Source.all[0]!.job(running);
  await vi.advanceTimersByTimeAsync(0);
  Source.all[0]!.fail(0);
  expect(said).toEqual(["Running: ccdf, 12 of 18 slices, 94 s left", "Not connected: what follows may be old. Trying again … Running: ccdf, 12 of 18 slices"]);
  answers = [Response.json({ ...running, state: "canceled" })];
  Source.all[0]!.job({ ...running, state: "canceled" }); // the browser reached the server again
  Source.all[0]!.fail(0); // which has nothing more to say
  await vi.advanceTimersByTimeAsync(0);
  expect(said.at(-1)).toBe("The job is canceled.");
  expect(changed.map((j) => j.state)).toEqual(["running", "canceled"]);
  expect(Source.all.map((s) => s.readyState)).toEqual([Source.CLOSED]);
});
