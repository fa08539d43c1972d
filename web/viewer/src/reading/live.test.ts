import { expect, test } from "vitest";
import type { Job, State } from "../api";
import { progress } from "./live";

const job = (state: State, change: Partial<Job> = {}): Job => ({
  id: "j", scan: "s", recipe: { methods: ["zero-filled", "unet", "ccdf"] }, state, attempt: 1, created: "",
  progress: { method: "unet", slices_done: 3, slices: 9, step: 0, steps: 0, eta_seconds: 0 }, ...change,
});
const results = ["zero-filled", "reference"].map((name) => ({ name: `dicom/${name}/0001.dcm`, sha256: "", size: 0, content_type: "" }));

test("of every job that is not done it is said how far it is, or what is missing and why", () => {
  expect(progress(job("done", { results }))).toBe("");
  expect(progress(job("running", { results }))).toBe("Running: unet, 3 of 9 slices");
  expect(progress(job("queued", { results }))).toBe("The job is queued.");
  expect(progress(job("canceled", { results }))).toBe("The job is canceled. Not made: U-Net, CCDF.");
  expect(progress(job("failed", { results, error: "the disk is full" }))).toBe("The job is failed: the disk is full. Not made: U-Net, CCDF.");
  expect(progress(job("failed", { error: "The mask is too wide." }))).toBe("The job is failed: The mask is too wide."); // as events have it
});
