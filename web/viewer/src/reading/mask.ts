// A sampling mask as the report has it, and its picture.
import type { Report } from "../api";
import { element } from "../element";

type Mask = NonNullable<Report["mask"]>;

// columns unpacks a mask: the first column is the highest bit.
export function columns({ columns: packed, width }: Pick<Mask, "columns" | "width">): boolean[] {
  const bits = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  return Array.from({ length: width }, (_, i) => (((bits[i >> 3] ?? 0) >> (7 - (i % 8))) & 1) === 1);
}

export function maskPicture(mask: Mask): HTMLCanvasElement {
  const picture = element("canvas", { className: "mask", width: mask.width, height: 1, role: "img", ariaLabel: `Sampling mask: ${mask.lines} of ${mask.width} columns` });
  const context = picture.getContext("2d")!;
  context.fillStyle = "#fff";
  columns(mask).forEach((on, i) => on && context.fillRect(i, 0, 1, 1));
  return picture;
}
