// One slice, from the DICOM file that the server wrote: Explicit VR Little Endian, 16 bit, one frame (dicomio).
import { parseDicom, type DataSet } from "dicom-parser";

export interface Slice extends Header {
  pixels: Uint16Array; // rows × columns, stored values
  brightest: number; // of them
}

export interface Header {
  rows: number;
  columns: number;
  spacing: [number, number]; // mm between rows, between columns
  position: [number, number, number]; // mm, of the first pixel
  orientation: number[]; // direction cosines of a row, then of a column
  slope: number; // value of one stored step, in the units of the input
  window: Window; // the default one, in stored values
  study: string;
  frame: string; // UID of the frame of reference
  number: number;
  repetition: string; // which of how many, where the file says so
  te: string; // echo time in ms, "" where the file does not say
  b: number | undefined; // diffusion weighting in s/mm²
  uid: string; // of the series
  series: string; // its description
  comments: string;
  story: string; // how the series was made
  patient: { name: string; id: string; birth: string; sex: string };
  date: string; // of the study, YYYYMMDD or ""
  description: string; // of the study
}

// Window is the stored or real values that are drawn black and white.
export interface Window {
  low: number;
  high: number;
}

// linear turns the centre and width of the linear VOI function (PS3.3 C.11.2.1.2) into what it draws black and white.
export const linear = (center: number, width: number): Window => ({ low: center - 0.5 - (width - 1) / 2, high: center - 0.5 + (width - 1) / 2 });

// grey is the value that is drawn for a stored one, 0 to 255.
export const grey = (stored: number, { low, high }: Window) => Math.round(255 * Math.min(1, Math.max(0, (stored - low) / (high - low))));

const utf8 = new TextDecoder();

export function readSlice(file: ArrayBuffer): Slice {
  const set = parseDicom(new Uint8Array(file));
  const header = readHeader(set);
  const at = set.elements["x7fe00010"];
  const length = 2 * header.rows * header.columns;
  if (set.uint16("x00280100") !== 16 || !at || at.length !== length || !length) throw new Error("The image is not one of 16 bit a pixel.");
  const start = set.byteArray.byteOffset + at.dataOffset;
  const pixels = new Uint16Array(set.byteArray.buffer.slice(start, start + length) as ArrayBuffer);
  return { ...header, pixels, brightest: pixels.reduce((a, b) => Math.max(a, b), 0) };
}

function readHeader(set: DataSet): Header {
  const text = (tag: string) => {
    const e = set.elements[tag];
    return e ? utf8.decode(set.byteArray.subarray(e.dataOffset, e.dataOffset + e.length)).replace(/[\0 ]+$/, "") : "";
  };
  const numbers = (tag: string, absent: number[]) => (text(tag) ? text(tag).split("\\").map(Number) : absent);
  const [center = 0.5, width = 2] = [...numbers("x00281050", [0.5]), ...numbers("x00281051", [2])];
  return {
    rows: set.uint16("x00280010") ?? 0, columns: set.uint16("x00280011") ?? 0,
    spacing: numbers("x00280030", [1, 1]) as [number, number],
    position: numbers("x00200032", [0, 0, 0]) as [number, number, number], orientation: numbers("x00200037", [1, 0, 0, 0, 1, 0]),
    slope: set.elements["x00409096"]?.items?.[0]?.dataSet?.double("x00409225") ?? 1,
    window: linear(center, width),
    study: text("x0020000d"), frame: text("x00200052"), number: Number(text("x00200013")), repetition: text("x00200100") && ["x00200100", "x00200105"].map(text).filter(Boolean).join("/"), te: text("x00180081"), b: set.double("x00189087"), uid: text("x0020000e"), series: text("x0008103e"),
    comments: text("x00204000"), story: text("x00082111"),
    patient: { name: text("x00100010").replace(/\^+/g, " ").trim(), id: text("x00100020"), birth: text("x00100030"), sex: text("x00100040") },
    date: text("x00080020"), description: text("x00081030"),
  };
}

// difference is |a − b| in steps of b, and says of itself what a does.
export function difference(a: Slice, b: Slice): Slice {
  if (a.pixels.length !== b.pixels.length) throw new Error("The images differ in size.");
  const scale = a.slope / b.slope;
  let brightest = 0;
  const pixels = Uint16Array.from(b.pixels, (stored, i) => {
    const d = Math.min(65535, Math.round(Math.abs((a.pixels[i] ?? 0) * scale - stored)));
    brightest = Math.max(brightest, d);
    return d;
  });
  return { ...a, slope: b.slope, window: b.window, pixels, brightest };
}
