import { expect, test } from "vitest";
import { difference, grey, linear, type Slice } from "./dicom";
import { affine, coplanar, crossing, letters, parallel, pixel, scaleBar, world } from "./geometry";
import { heat } from "./paint";
import { ticks } from "./plot";
import { sampling, undersampling, unpack } from "./mask";
import { preset, scaled } from "./window";

test("the linear window is PS3.3 C.11.2.1.2", () => {
  const [center, width] = [2048, 4096];
  const window = linear(center, width);
  for (const x of [0, 1, 100, 2047, 2048, 4095]) {
    const y = ((x - (center - 0.5)) / (width - 1) + 0.5) * 255;
    expect(Math.abs(grey(x, window) - Math.min(255, Math.max(0, y)))).toBeLessThanOrEqual(0.5);
  }
  expect([grey(-5, window), grey(9999, window)]).toEqual([0, 255]);
});

test("a window in units of the input fits series of other scales and gains", () => {
  expect(scaled({ low: 10, high: 30 }, 0.5, 4)).toEqual({ low: 5, high: 15 });
  expect(preset(1, { low: 0, high: 8 })).toEqual({ low: 0, high: 4 });
});

const image = (pixels: number[], slope: number, series: string) => ({ pixels: Uint16Array.from(pixels), slope, series, window: { low: 0, high: slope } }) as Slice;

test("the difference of two series is in steps of the second and speaks for the first", () => {
  const d = difference(image([10, 0, 65535], 2, "AI"), image([5, 7, 0], 1, "reference"));
  expect([...d.pixels]).toEqual([15, 7, 65535]); // the last would be 131070: it is cut at what 16 bits hold
  expect(d).toMatchObject({ slope: 1, brightest: 65535, series: "AI", window: { low: 0, high: 1 } });
  expect(() => difference(image([1], 1, ""), image([1, 2], 1, ""))).toThrow("differ in size");
});

test("pixels lie where orientation and spacing put them", () => {
  const plane = { position: [1, 2, 3], orientation: [0, 1, 0, 0, 0, -1], spacing: [2, 0.5] as [number, number] };
  expect(world(4, 3, plane)).toEqual([1, 4, -3]);
  const image = { ...plane, rows: 5, columns: 6 };
  expect(pixel(world(4, 3, plane), image)).toEqual({ column: 4, row: 3 });
  expect(pixel(world(3.6, 2.6, plane), image)).toEqual({ column: 4, row: 3 });
  expect(pixel(world(-0.6, 3, plane), image)).toBeUndefined();
  expect(pixel(world(4, 4.6, plane), image)).toBeUndefined();
  expect(affine([10, 20], [10, 22], [7, 20])).toEqual([0, 2, -3, 0, 10, 20]);
});

test("directions are named by the patient's sides, the nearest first", () => {
  expect(letters([1, 0, 0])).toBe("L");
  expect(letters([-1, 0, 0])).toBe("R");
  expect(letters([0, -0.8, 0.6])).toBe("AH");
  expect(letters([0.1, 0.1, -0.98])).toBe("F");
});

test("scale bars and ticks are round", () => {
  expect([0.7, 1, 4, 49, 120].map(scaleBar)).toEqual([0.5, 1, 2, 20, 100]);
  expect(ticks(23, 30)).toEqual([24, 26, 28, 30]);
  expect(ticks(5, 5)).toEqual([5]);
});

test("heat grows lighter", () => {
  const light = (f: number) => heat(f).reduce((a, b) => a + b);
  for (let f = 0.05; f <= 1; f += 0.05) expect(light(f)).toBeGreaterThan(light(f - 0.05));
});

const bits = (...bytes: number[]) => btoa(String.fromCharCode(...bytes));

test("a mask's first column is its highest bit", () => {
  expect(unpack(bits(0b10100000, 0b01000000), 10)).toEqual([true, false, true, false, false, false, false, false, false, true]);
});

test("a mask has one row of columns, or every sample where both axes are phase encode", () => {
  const report = (points?: string) => ({ input: { matrix: [2, 5] }, mask: { width: 5, columns: bits(0b10100000), ...(points && { points }) } }) as Parameters<typeof sampling>[0];
  expect(sampling(report())).toEqual({ acquired: [true, false, true, false, false], width: 5, says: "2 of 5 phase-encode columns" });
  expect(sampling(report(bits(0b10000001, 0b01000000)))).toEqual({ acquired: [true, false, false, false, false, false, false, true, false, true], width: 5, says: "3 of 10 samples" });
  const two = report();
  two.mask!.each = bits(0b10100000, 0b01001000);
  expect(sampling(two)).toEqual({
    acquired: [true, false, true, false, false, false, true, false, false, true], width: 5, says: "4 of 10 phase-encode columns of all slices" });
  expect(sampling({ ...report(), mask: null })).toBeUndefined();
});

test("of a mask that came with the scan nothing is said that nobody knows", () => {
  const mask = { width: 5, columns: btoa(String.fromCharCode(0b10100000)), accel_measured: 2.5, accel_nominal: 0, acs_fraction: 0, seed: 0, kind: "acquired", mode: "" };
  const says = (change: object | null) => undersampling({ input: { matrix: [2, 5] }, mask: change && { ...mask, ...change } } as Parameters<typeof undersampling>[0]);
  expect(says(null)).toBe("Fully sampled.");
  expect(says({})).toBe("2 of 5 phase-encode columns: acceleration 2.50 measured, as acquired.");
  expect(says({ kind: "gaussian1d", mode: "exact", accel_nominal: 2, acs_fraction: 0.08, seed: 7 })).toBe(
    "2 of 5 phase-encode columns: acceleration 2.50 measured, 2 nominal; mask gaussian1d exact, ACS 0.08, seed 7.");
});

const axial = (z: number) => ({ position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0], rows: 11, columns: 11, spacing: [1, 1] as [number, number] });
const sagittal = (x: number) => ({ position: [x, 0, 10], orientation: [0, 1, 0, 0, 0, -1], rows: 11, columns: 11, spacing: [1, 1] as [number, number] });

test("an image meets a plane in a line within its edges, or not at all", () => {
  const ends = crossing(axial(3), sagittal(4));
  expect(ends?.sort((a, b) => a[1] - b[1])).toEqual([[4, 0, 3], [4, 10, 3]]);
  expect(crossing(axial(3), sagittal(11))).toBeUndefined();
  expect(crossing(axial(3), axial(4))).toBeUndefined();
});

test("planes are parallel whichever way they are drawn, and coplanar at one depth", () => {
  const turned = { position: [10, 0, 3], orientation: [-1, 0, 0, 0, 1, 0] };
  expect([parallel(axial(3), turned), parallel(axial(3), sagittal(1))]).toEqual([true, false]);
  expect([coplanar(axial(3), turned), coplanar(axial(4), turned), coplanar(axial(3), sagittal(1))]).toEqual([true, false, false]);
});
