// The series of a job, read off the names of the files that it made: dicom/NAME/0001.dcm, where the number is the slice's place in
// the scan. Series of one scan lie at the same places, so a number is a position.
import type { Artifact } from "../api";
import type { Slice } from "./dicom";
import { depth, parallel, type Plane } from "./geometry";

export type Kind = "method" | "reference" | "uncertainty" | "error" | "difference" | "study" | "blind"; // study: another one of the same study; blind: a method that is not named

export interface Series {
  id: string; // "ccdf", "reference", "ccdf-uncertainty", "error/ccdf", "difference/unet/ccdf"
  kind: Kind;
  title: string;
  of: string[]; // the stored series that it is computed from; itself when it is stored
  numbers: number[]; // of its slices, ascending
  places?: Map<number, Plane>; // where its slices lie, as soon as that is known
}

// Place is a slice and where it lies.
export type Place = Plane & { number: number };

const titles: Record<string, string> = {
  "zero-filled": "Zero-filled", tv: "Total variation", unet: "U-Net", "unet-dc": "U-Net, data-consistent", ccdf: "CCDF", "score-pocs": "Score-POCS",
};
const order = ["zero-filled", "tv", "unet", "unet-dc", "ccdf", "score-pocs"];
const uncertain = "-uncertainty";

export const methodTitle = (name: string) => titles[name] ?? name;

// secondsASlice is the time a method took, whether milliseconds or minutes.
export const secondsASlice = (m: { seconds_per_slice: number }) => String(Number(m.seconds_per_slice.toPrecision(3)));

const rank = (id: string) => {
  if (id === "reference") return 100;
  if (id.endsWith(uncertain)) return 200;
  const i = order.indexOf(id);
  return i < 0 ? order.length : i;
};

function stored(id: string, numbers: number[]): Series {
  if (id === "reference") return { id, kind: "reference", title: "Reference", of: [id], numbers };
  if (id.endsWith(uncertain)) {
    return { id, kind: "uncertainty", title: `Uncertainty of ${methodTitle(id.slice(0, -uncertain.length))}`, of: [id], numbers };
  }
  return { id, kind: "method", title: methodTitle(id), of: [id], numbers };
}

// seriesOf lists the stored series of a job and those that are computed from them here: the error of each method where there is a
// reference, and the difference of U-Net and CCDF.
export function seriesOf(results: Artifact[]): Series[] {
  const numbers = new Map<string, number[]>();
  for (const { name } of results) {
    const [, id, number] = /^dicom\/([^/]+)\/(\d+)\.dcm$/.exec(name) ?? [];
    if (id && number) numbers.set(id, [...(numbers.get(id) ?? []), Number(number)]);
  }
  const found = [...numbers].map(([id, list]) => stored(id, list.sort((a, b) => a - b)));
  found.sort((a, b) => rank(a.id) - rank(b.id) || a.id.localeCompare(b.id));
  const by = new Map(found.map((series) => [series.id, series]));
  const computed: Series[] = [];
  if (by.has("reference")) {
    for (const { id, title, kind, numbers } of found) {
      if (kind === "method") computed.push({ id: "error/" + id, kind: "error", title: `Error of ${title}`, of: [id, "reference"], numbers });
    }
  }
  const [unet, ccdf] = [by.get("unet"), by.get("ccdf")];
  if (unet && ccdf) {
    computed.push({ id: "difference/unet/ccdf", kind: "difference", title: "U-Net against CCDF", of: ["unet", "ccdf"], numbers: ccdf.numbers });
  }
  return [...found, ...computed];
}

// nearest is the index of the number in an ascending list that lies closest to a position.
export function nearest(numbers: number[], position: number): number {
  let best = 0;
  numbers.forEach((n, i) => {
    if (Math.abs(n - position) < Math.abs((numbers[best] ?? 0) - position)) best = i;
  });
  return best;
}

// step is the number that lies some slices on from the one nearest to a position, within the list.
export const step = (numbers: number[], position: number, by: number) =>
  numbers[Math.min(numbers.length - 1, Math.max(0, nearest(numbers, position) + by))] ?? position;

// later is the number of the same slice some times on, around the end, of a series that has as many slices at each of its times; undefined
// where it has not.
export function later(numbers: number[], number: number, times: number, by: number): number | undefined {
  const stack = numbers.length / times;
  return Number.isInteger(stack) ? numbers[(numbers.indexOf(number) + (by % times) * stack + numbers.length) % numbers.length] : undefined;
}

// match is the slice of a series that lies where a slice of another does; undefined when the two are not parallel or nobody knows.
export function match(series: Series, from: Series, number: number): number | undefined {
  if (series.kind !== "study" && from.kind !== "study") return series.numbers[nearest(series.numbers, number)];
  const there = from.places?.get(number);
  const [one] = series.places?.values() ?? [];
  if (!there || !one || !parallel(one, there)) return undefined;
  const depths = series.numbers.map((n) => depth(series.places!.get(n)!, one));
  return series.numbers[nearest(depths, depth(there, one))];
}

// away is how many millimetres a slice lies from the one that it is shown beside: 0 within half the distance of slices of the finer series.
export function away(series: Series, shown: Place, from: Series, beside: Place): number {
  if (series.kind !== "study" && from.kind !== "study" && shown.number === beside.number) return 0;
  const known = [series, from].flatMap(({ places }) => gap([...(places?.values() ?? [])]));
  const apart = Math.abs(depth(shown, beside) - depth(beside, beside));
  return apart <= Math.min(...(known.length ? known : [0])) / 2 + 0.1 ? 0 : apart;
}

// gap is the least distance of planes that do not lie in one place, in mm; none where there are no two of them.
function gap(planes: Plane[]): number[] {
  const depths = planes.map((p) => depth(p, planes[0]!)).sort((a, b) => a - b);
  const gaps = depths.slice(1).map((d, i) => d - depths[i]!).filter((d) => d > 0.1);
  return gaps.length ? [Math.min(...gaps)] : [];
}

// first lists the series that the panes show when the page opens: what a reader compares.
export function first(series: Series[], panes: number): Series[] {
  const wanted = ["zero-filled", "unet", "ccdf", "reference", "error/ccdf", "ccdf-uncertainty"];
  const chosen = wanted.flatMap((id) => series.filter((s) => s.id === id));
  const rest = series.filter((s) => !chosen.includes(s) && s.kind !== "study");
  return [...chosen, ...rest].slice(0, panes);
}

// marking says of a series what nobody should overlook, by the description that closer gave it, in which ", of" is followed by that of its source.
export function marking({ kind }: Pick<Series, "kind">, s: Pick<Slice, "series">): string {
  const [made = ""] = s.series.split(", of ");
  if (kind === "blind") return "RESEARCH · blinded, may be AI";
  if (kind === "reference") return "RESEARCH · reference";
  if (kind === "study" && !made.startsWith("RESEARCH ")) return "not made by closer";
  return `RESEARCH · ${/\bAI\b/.test(made) || kind === "difference" ? "AI" : "no AI"}${/, denoised\b/.test(made) ? ", denoised" : ""}`;
}
