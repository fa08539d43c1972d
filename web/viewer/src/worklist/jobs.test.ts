import { expect, test } from "vitest";
import type { Job, Report, Review } from "../api";
import { bytes, count, duration, everything, fraction, maskOf, own, progressOf, select, spoken, type Figures, type Own } from "./jobs";

const made = (id: string, change: Partial<Job> = {}): Job => ({
  id, scan: "scan" + id, recipe: { methods: ["unet"], mask: "gaussian1d", accel: 4 }, state: "done", attempt: 1,
  progress: { slices_done: 0, slices: 0, step: 0, steps: 0, eta_seconds: 0 }, created: `2026-11-24T0${id}:00:00Z`, ...change,
});

const jobs = [
  made("1"), made("2", { state: "failed", error: "The mask is too wide." }), made("3", { state: "running", recipe: { methods: ["ccdf"], mask: "random", accel: 8 } }),
  made("4", { recipe: { methods: ["tv"], mask: "none", accel: 4 } }),
];
const psnr = (...values: (number | undefined)[]) => ({ input: { acquisition: "AXT2" }, psnr: new Map(values.map((v, i) => [`m${i}`, v])) }) as unknown as Figures;
const figures = new Map([["1", psnr(20, 40)], ["4", psnr(undefined, 30)]]);
const decided = new Map([["1", new Map([["unet", { decision: { method: "unet", verdict: "rejected" } } as Review]])]]);
const ids = (view: Partial<typeof everything>) => select(jobs, { ...everything, ...view }, { figures, came: new Map(), decided }).map((j) => j.id).join("");

test("the list is newest first, and sorted otherwise by whichever column, ties newest first", () => {
  expect(ids({})).toBe("4321");
  expect(ids({ descending: false })).toBe("1234");
  expect(ids({ by: "acceleration" })).toBe("3214");
  expect(ids({ by: "acceleration", descending: false })).toBe("4213");
  expect(ids({ by: "psnr" })).toBe("1432"); // those without figures last
  expect(ids({ by: "state", descending: false })).toBe("3241");
});

test("the search needs every word, in whatever is known of a job", () => {
  for (const [text, found] of Object.entries({ "wide MASK": "2", "×8": "3", ccdf: "3", axt2: "41", "scan1 failed": "", acquired: "4", unreviewed: "4", rejected: "1", " ": "4321" })) {
    expect([text, ids({ text })]).toEqual([text, found]);
  }
  expect(ids({ state: "done", text: "gaussian" })).toBe("1");
  expect(count(jobs)).toEqual({ all: 4, queued: 0, running: 1, done: 2, failed: 1, canceled: 0 });
});

test("progress is of all slices, and of the steps within one", () => {
  const at = (slices_done: number, slices: number, step: number, steps: number, eta_seconds = 0) =>
    made("5", { state: "running", progress: { method: "ccdf", slices_done, slices, step, steps, eta_seconds } });
  expect(progressOf(at(0, 0, 0, 0))).toBe("opening the scan");
  expect(progressOf(at(3, 12, 5, 20, 61.2))).toBe("ccdf 3 of 12 slices · step 5 of 20 · 1 min 1 s left");
  expect(progressOf(at(3, 12, 0, 1))).toBe("ccdf 3 of 12 slices");
  expect(fraction(at(3, 12, 10, 20))).toBeCloseTo(3.5 / 12);
  expect(fraction(at(0, 0, 0, 0))).toBe(0);
  expect(fraction(at(12, 12, 20, 20))).toBe(1);
});

test("quantities in words", () => {
  expect([0.2, 59.5, 60, 119.8, 3599, 7260].map(duration)).toEqual(["1 s", "60 s", "1 min", "1 min 59 s", "59 min 59 s", "2 h 1 min"]);
  expect([0, 999, 1000, 65_400_000, 8.6e9].map(bytes)).toEqual(["0 B", "999 B", "1.0 kB", "65.4 MB", "8.6 GB"]);
});

test("the acceleration is that of the scan where it came undersampled, and of the recipe where it came whole", () => {
  const came = (mask: object | null) => own({ mask } as Pick<Report, "mask">);
  const acquired = came({ kind: "acquired", accel_measured: 3.8333, accel_nominal: 0 });
  const drawn = came({ kind: "random", accel_measured: 8.1, accel_nominal: 8 });
  const [, , asked, none] = jobs as [Job, Job, Job, Job];
  const says = (job: Job, own?: Own) => [spoken(job, own), maskOf(job, own)];
  expect(says(asked)).toEqual(["×8 asked for", "random"]);
  expect(says(asked, drawn)).toEqual(["×8", "random"]);
  expect(says(asked, acquired)).toEqual(["×3.83, as acquired", ""]);
  expect(says(none)).toEqual(["as acquired", ""]);
  expect(says(none, came(null))).toEqual(["as acquired", ""]);
  expect(says(none, acquired)).toEqual(["×3.83, as acquired", ""]);
  const known = { figures: new Map(), came: new Map([["scan3", acquired], ["scan4", came(null)]]), decided: new Map() };
  const found = (view: Partial<typeof everything>) => select(jobs, { ...everything, ...view }, known).map((j) => j.id).join("");
  expect(found({ by: "acceleration" })).toBe("2134");
  expect(["×8", "random", "×3.83 acquired", "asked"].map((text) => found({ text }))).toEqual(["", "", "3", ""]);
  const another = made("5", { scan: "scan3", state: "queued" }); // of the same scan, which is known by then
  expect(select([another], { ...everything, text: "×3.83" }, known)).toEqual([another]);
  expect(select([...jobs, another], { ...everything, by: "acceleration" }, known).map((j) => j.id).join("")).toBe("21534");
});
