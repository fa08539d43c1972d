// A sampling mask as the report has it, and its picture.
import type { Report } from "../api";
import { element } from "../element";

// unpack returns the first n of a bit map: the first is the highest bit.
export function unpack(packed: string, n: number): boolean[] {
  const bits = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  return Array.from({ length: n }, (_, i) => (((bits[i >> 3] ?? 0) >> (7 - (i % 8))) & 1) === 1);
}

// sampling is what was acquired, row by row: one row of whole columns, one for each slice where these differ, or every sample where both axes
// are phase encode.
export function sampling({ mask, input }: Pick<Report, "mask" | "input">): { acquired: boolean[]; width: number; says: string } | undefined {
  if (!mask) return undefined;
  const { width, points, each } = mask;
  const acquired = points ? unpack(points, width * input.matrix[0]) : each ? rows(each, width) : unpack(mask.columns, width);
  return { acquired, width, says: `${acquired.filter(Boolean).length} of ${acquired.length} ${points ? "samples" : `phase-encode columns${each ? " of all slices" : ""}`}` };
}

// rows unpacks bit maps of n that each begin in a byte of their own.
function rows(packed: string, n: number): boolean[] {
  const stride = 8 * Math.ceil(n / 8);
  return unpack(packed, 8 * atob(packed).length).filter((_, i) => i % stride < n);
}

// undersampling says how a scan was undersampled; of a mask that came with it no more is known than what it has.
export function undersampling(r: Pick<Report, "mask" | "input">): string {
  if (!r.mask) return "Fully sampled.";
  const { kind, mode, accel_measured, accel_nominal, acs_fraction, seed } = r.mask;
  const how = kind === "acquired" ? "as acquired" : `${accel_nominal} nominal; mask ${[kind, mode].filter(Boolean).join(" ")}, ACS ${acs_fraction}, seed ${seed}`;
  return `${sampling(r)!.says}: acceleration ${accel_measured.toFixed(2)} measured, ${how}.`;
}

export function maskPicture({ acquired, width, says }: NonNullable<ReturnType<typeof sampling>>): HTMLCanvasElement {
  const height = acquired.length / width;
  const picture = element("canvas", { className: height > 1 ? "mask points" : "mask", width, height, role: "img", ariaLabel: `Sampling mask: ${says}` });
  const context = picture.getContext("2d")!;
  context.fillStyle = "#fff";
  acquired.forEach((on, i) => on && context.fillRect(i % width, Math.floor(i / width), 1, 1));
  return picture;
}
