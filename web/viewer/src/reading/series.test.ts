import { expect, test } from "vitest";
import { away, first, later, marking, match, nearest, secondsASlice, seriesOf, type Kind, type Series } from "./series";
import { numbered } from "./study";

const files = (...names: string[]) => names.map((name) => ({ name, sha256: "", size: 0, content_type: "" }));

test("a job's files are its series, in the order in which they are read", () => {
  const found = seriesOf(files(
    "report.json", "dicom/reference/0002.dcm", "dicom/ccdf/0003.dcm", "dicom/ccdf/0002.dcm", "dicom/ccdf-uncertainty/0002.dcm",
    "dicom/zero-filled/0002.dcm", "dicom/unet/0002.dcm", "dicom/unet/notes.txt", "reconstruction/unet.h5"));
  expect(found.map((s) => s.id)).toEqual([
    "zero-filled", "unet", "ccdf", "reference", "ccdf-uncertainty", "error/zero-filled", "error/unet", "error/ccdf", "difference/unet/ccdf"]);
  expect(found[2]).toMatchObject({ title: "CCDF", kind: "method", numbers: [2, 3] });
  expect(found[4]).toMatchObject({ title: "Uncertainty of CCDF", kind: "uncertainty" });
  expect(first(found, 6).map((s) => s.id)).toEqual(["zero-filled", "unet", "ccdf", "reference", "error/ccdf", "ccdf-uncertainty"]);
});

test("nothing is computed from what is not there", () => {
  expect(seriesOf(files("dicom/ccdf/0001.dcm")).map((s) => s.id)).toEqual(["ccdf"]);
  expect(seriesOf([])).toEqual([]);
});

test("a series shows its slice that is nearest to a position", () => {
  expect(nearest([4, 5, 9], 1)).toBe(0);
  expect(nearest([4, 5, 9], 8)).toBe(2);
  expect(nearest([4, 5, 9], 5)).toBe(1);
  expect(nearest([4, 5, 9], Infinity)).toBe(0);
});

test("the same slice at another time lies a stack away, around the end", () => {
  const numbers = [1, 2, 3, 4, 5, 6];
  expect([1, 5, 6].map((n) => later(numbers, n, 3, 1))).toEqual([3, 1, 2]);
  expect([1, 5, 6].map((n) => later(numbers, n, 3, -1))).toEqual([5, 3, 4]);
  expect(later(numbers, 2, 3, 4)).toBe(4);
  expect(later(numbers, 1, 4, 1)).toBeUndefined();
});

test("series of other scans are matched by where they lie", () => {
  const axial = (depths: number[]) => new Map(depths.map((z, i) => [i + 1, { position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0] }]));
  const make = (kind: Series["kind"], places?: Series["places"]): Series => ({ id: kind, kind, title: "", of: [], numbers: [1, 2, 3], ...(places && { places }) });
  const own = make("method", axial([0, 5, 10]));
  const study = make("study", axial([4, 8, 12]));
  expect([1, 2, 3].map((n) => match(study, own, n))).toEqual([1, 1, 2]); // 10 is as far from 8 as from 12: the earlier one
  expect([1, 2, 3].map((n) => match(own, study, n))).toEqual([2, 3, 3]);
  expect(match(make("reference"), own, 3)).toBe(3); // of one scan: the number is the place
  expect(match(study, make("method"), 1)).toBeUndefined(); // nobody knows where that one lies
  const sagittal = make("study", new Map([[1, { position: [0, 0, 0], orientation: [0, 1, 0, 0, 0, -1] }]]));
  expect(match(sagittal, own, 1)).toBeUndefined();
});

test("times of milliseconds are not told as 0, nor long ones to the hundredth", () => {
  const says = [0.00241, 0.17, 12.463, 553.2, 0].map((s) => secondsASlice({ seconds_per_slice: s }));
  expect(says).toEqual(["0.00241", "0.17", "12.5", "553", "0"]);
});

test("a slice is called away when it lies further than half a slice from what it is shown beside", () => {
  const place = (number: number, z: number) => ({ number, position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0] });
  const make = (kind: Series["kind"], ...places: ReturnType<typeof place>[]): Series =>
    ({ id: kind, kind, title: "", of: [], numbers: places.map((p) => p.number), places: new Map(places.map((p) => [p.number, p])) });
  const own = make("method", place(5, 0), place(6, 5), place(7, 10), place(8, 15));
  const study = make("study", place(1, 0), place(2, 5));
  expect(away(study, place(2, 5), own, place(6, 5))).toBe(0);
  expect(away(study, place(2, 7.5), own, place(6, 5))).toBe(0); // half a slice
  expect(away(study, place(2, 5), own, place(8, 15))).toBe(10);
  expect(away(make("study", place(1, 0), place(2, 20)), place(1, 0), own, place(6, 5))).toBe(5); // the finer series says what is near
  expect(away(make("study", place(1, 3)), place(1, 3), make("study", place(1, 0)), place(1, 0))).toBe(3); // nobody knows how thick slices are
  expect(away(make("reference"), place(6, 5), own, place(6, 5))).toBe(0);
  expect(away(make("reference"), place(6, 5), make("method"), place(8, 15))).toBe(10); // of one scan, but not the same slice
});

test("slices of other scans keep their numbers, if those tell them apart", () => {
  const place = (number: number, z: number) => ({ number, position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0] });
  const at = (...list: ReturnType<typeof place>[]) => numbered(list).map(([n, { position }]) => [n, position[2]]);
  expect(at(place(6, 5), place(5, 10))).toEqual([[5, 10], [6, 5]]);
  for (const none of [1, NaN]) expect(at(place(none, 5), place(none, 0))).toEqual([[1, 0], [2, 5]]); // they are counted as they lie
});

test("a series is marked by what closer says of it, not by what its source is called", () => {
  const of = (kind: Kind, series: string) => marking({ kind }, { series });
  expect(of("method", "RESEARCH CCDF, AI, R 3.98, of T1")).toBe("RESEARCH · AI");
  expect(of("method", "RESEARCH CCDF, AI, denoised, R 3.98, of T1, denoised")).toBe("RESEARCH · AI, denoised");
  expect(of("method", "RESEARCH CCDF, AI, R 3.98, of T1, denoised")).toBe("RESEARCH · AI");
  expect(of("uncertainty", "RESEARCH uncertainty map, from AI")).toBe("RESEARCH · AI");
  expect(of("method", "RESEARCH TV, R 4, of AX FLAIR, AI boosted")).toBe("RESEARCH · no AI");
  expect(of("study", "RESEARCH UNET, AI, R 4, simulated, of FLAIR")).toBe("RESEARCH · AI");
  expect(of("study", "AX T2 FLAIR")).toBe("not made by closer");
  expect(of("difference", "RESEARCH TV, R 4")).toBe("RESEARCH · AI");
  expect(of("reference", "RESEARCH reference from file")).toBe("RESEARCH · reference");
  expect(of("blind", "")).toBe("RESEARCH · blinded, may be AI");
});
