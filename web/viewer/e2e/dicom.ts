// A reader of the server's DICOM files that shares nothing with the viewer's.
import { readFileSync } from "node:fs";

export interface Image {
  rows: number;
  columns: number;
  spacing: number; // millimetres from column to column
  center: number;
  width: number;
  pixels: Uint16Array;
}

export function readImage(path: string): Image {
  const data = readFileSync(path);
  const values = new Map<string, Buffer>();
  for (let at = 132; at + 8 <= data.length; ) {
    const tag = data.readUInt16LE(at).toString(16).padStart(4, "0") + data.readUInt16LE(at + 2).toString(16).padStart(4, "0");
    if (tag.startsWith("fffe")) { // an item of a sequence, whose elements are read as all others
      at += 8;
      continue;
    }
    const long = ["OB", "OW", "OD", "OF", "SQ", "UT", "UN", "UC", "UR"].includes(data.toString("latin1", at + 4, at + 6));
    const length = long ? data.readUInt32LE(at + 8) : data.readUInt16LE(at + 6);
    const start = at + (long ? 12 : 8);
    const inside = data.toString("latin1", at + 4, at + 6) === "SQ";
    if (!inside) values.set(tag, data.subarray(start, start + length));
    at = inside ? start : start + length;
  }
  const value = (tag: string) => values.get(tag) ?? Buffer.alloc(0);
  const raw = value("7fe00010");
  return {
    rows: value("00280010").readUInt16LE(), columns: value("00280011").readUInt16LE(),
    spacing: Number(value("00280030").toString("latin1").split("\\")[1]),
    center: Number(value("00281050")), width: Number(value("00281051")),
    pixels: Uint16Array.from({ length: raw.length / 2 }, (_, i) => raw.readUInt16LE(2 * i)),
  };
}

// drawn is the grey value of the linear VOI function, PS3.3 C.11.2.1.2, for an output of 0 to 255.
export function drawn(stored: number, center: number, width: number): number {
  return Math.min(255, Math.max(0, ((stored - (center - 0.5)) / (width - 1) + 0.5) * 255));
}
