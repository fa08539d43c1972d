import { expect, test } from "vitest";
import type { Job, Review, Scan } from "../../api";
import { available, commands } from "../commands";
import { imageId } from "../images";
import type { Room } from "../room";
import { seriesOf } from "../series";
import { blinded, unanswered } from "./blind";

const series = seriesOf(["unet", "ccdf", "reference", "ccdf-uncertainty"].map((name) => ({ name: `dicom/${name}/0001.dcm`, sha256: "", size: 0, content_type: "" })));

test("a blinded room has the two series on their sides, and no name of a method", () => {
  const found = blinded(series, { left: "ccdf", right: "unet", trial: 0 });
  expect(found.map((s) => imageId("job", s, 1))).toEqual(["closer:job/blind/ccdf/1", "closer:job/blind/unet/1"]); // what is fetched, not what is seen
  const seen = found.flatMap(({ id, title, kind }) => [id, title, kind]);
  expect(seen).toEqual(["A", "A", "blind", "B", "B", "blind"]);
});

test("a blinded room has no command that tells, and each key one meaning", () => {
  const of = (blind: boolean) => available({ blind: blind ? {} : undefined } as Room);
  const titles = of(true).map((c) => c.title);
  for (const title of ["Report", "How the series were made", "Uncertainty over CCDF", "Where U-Net and CCDF disagree", "Accept the series of the pane"]) {
    expect(titles).not.toContain(title);
    expect(of(false).map((c) => c.title)).toContain(title);
  }
  expect(titles).toContain("A is better");
  for (const list of [of(true), of(false)]) {
    const keys = list.flatMap((c) => c.keys);
    expect(keys.filter((k, i) => keys.indexOf(k) !== i)).toEqual([]);
  }
  expect(of(true).length + of(false).length).toBeGreaterThan(commands.length);
});

test("the next scan is the newest with both series that the user has not compared", () => {
  const job = (id: string, methods: string[], state = "done") => ({ id, state, recipe: { methods } }) as Job;
  const scans = [
    { jobs: [job("4", ["unet", "ccdf"], "running"), job("3", ["unet"])] }, { jobs: [job("2", ["tv", "ccdf", "unet"])] }, { jobs: [job("1", ["unet", "ccdf"])] },
  ] as Scan[];
  const answer = (job: string, user: string, left: string, right: string) => ({ job, user, preference: { left, right, trial: 0, preferred: "neither" } }) as Review;
  expect(unanswered(scans, [], "u", ["unet", "ccdf"])).toBe("2");
  expect(unanswered(scans, [answer("2", "u", "ccdf", "unet")], "u", ["unet", "ccdf"])).toBe("1");
  expect(unanswered(scans, [answer("2", "v", "ccdf", "unet"), answer("2", "u", "tv", "unet")], "u", ["unet", "ccdf"])).toBe("2");
  expect(unanswered(scans, [answer("2", "u", "ccdf", "unet"), answer("1", "u", "ccdf", "unet")], "u", ["unet", "ccdf"])).toBeUndefined();
});
