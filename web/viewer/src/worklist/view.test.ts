import { expect, test } from "vitest";
import { decisions, type Review } from "../api";
import { everything, type View } from "./jobs";
import { query, sentence, defaults } from "./recipe";
import { searchOf, viewOf } from "./view";

test("an address keeps a view, and a strange one is harmless", () => {
  const views: View[] = [everything, { text: "×4 a&b=c", state: "failed", by: "psnr", descending: false }, { ...everything, by: "state" }];
  for (const view of views) expect(viewOf(searchOf(view))).toEqual(view);
  expect(searchOf(everything)).toBe("");
  expect(viewOf("?state=<b>&by=constructor&order=")).toEqual(everything);
});

test("a recipe is said as it is sent", () => {
  expect(query(defaults)).toBe("method=zero-filled&method=unet&method=ccdf&mask=gaussian1d&accel=4&acs=0.08");
  expect(sentence(defaults)).toBe("×4, 8 % centre, gaussian1d · zero-filled, unet, ccdf");
  const acquired = { ...defaults, mask: "none", methods: ["tv"] };
  expect([query(acquired), sentence(acquired)]).toEqual(["method=tv&mask=none", "as acquired · tv"]);
  expect(query({ ...acquired, denoised: true })).toBe("method=tv&mask=none"); // it is ccdf's
  const denoised = { ...acquired, methods: ["tv", "ccdf"], denoised: true };
  expect([query(denoised), sentence(denoised)]).toEqual(["method=tv&method=ccdf&mask=none&sampler=denoised", "as acquired · tv, ccdf, denoised"]);
});

test("the latest decision on a series is the current one", () => {
  const review = (id: string, job: string, method: string, verdict: "accepted" | "rejected"): Review => ({ id, job, user: "u", time: "", decision: { method, verdict } });
  const preference = { id: "p", job: "a", user: "u", time: "", preference: { left: "x", right: "y", trial: 0, preferred: "x" } };
  const current = decisions([review("1", "a", "x", "accepted"), preference, review("2", "a", "y", "accepted"), review("3", "a", "x", "rejected"), review("4", "b", "x", "accepted")]);
  expect([...current].map(([job, m]) => [job, ...[...m.values()].map((r) => r.id)])).toEqual([["a", "3", "2"], ["b", "4"]]);
});
