// The other series of the study, of other recipes and of other scans, by DICOMweb.
import { request } from "../api";
import { depth } from "./geometry";
import type { Place, Series } from "./series";

type Attributes = Record<string, { Value?: unknown[] }>;

interface Instance extends Place {
  series: string; // UID
  uid: string;
  title: string;
  frame: string; // UID of the frame of reference
}

const fields = ["0008103E", "00200013", "00200032", "00200037", "00200052"]; // description, number, position, orientation, frame of reference
const path = (study: string) => `/dicom-web/studies/${study}`;
const files = new Map<string, string>(); // "series/number" → path of the instance

// instances lists all of a study.
export async function instances(study: string): Promise<Instance[]> {
  const response = await request(`${path(study)}/instances?${new URLSearchParams(fields.map((f) => ["includefield", f]))}`, { headers: { Accept: "application/dicom+json" } });
  if (response.status === 204) return [];
  return ((await response.json()) as Attributes[]).map((a) => {
    const value = <T>(tag: string) => (a[tag]?.Value ?? []) as T[];
    return {
      series: value<string>("0020000E")[0] ?? "", uid: value<string>("00080018")[0] ?? "", title: value<string>("0008103E")[0] ?? "", frame: value<string>("00200052")[0] ?? "",
      number: Number(value("00200013")[0]), position: value<number>("00200032"), orientation: value<number>("00200037"),
    };
  });
}

// others makes series of the instances in a frame of reference that belong to none of the job's own, and tells the job's own where their
// slices lie. own are the UIDs of the job's stored series.
export function others(study: string, all: Instance[], frame: string, own: Map<string, Series>, series: Series[]): Series[] {
  const placed = all.filter((i) => i.frame === frame && i.position.length === 3 && i.orientation.length === 6);
  const by = Map.groupBy(placed, (i) => i.series);
  for (const [uid, s] of own) {
    const places = new Map(by.get(uid)?.map((i) => [i.number, i]));
    for (const computed of series) if (computed.of[0] === s.id) computed.places = places;
    by.delete(uid);
  }
  return [...by].map(([uid, list]): Series => {
    const places = numbered(list);
    for (const [n, { uid: instance }] of places) files.set(`${uid}/${n}`, `${path(study)}/series/${uid}/instances/${instance}`);
    return { id: uid, kind: "study", title: list[0]!.title, of: [uid], numbers: places.map(([n]) => n), places: new Map(places) };
  });
}

// numbered gives the slices of a series their DICOM instance numbers, ascending; where those do not tell them apart, 1, 2, … by depth.
export function numbered<I extends Place>(list: I[]): [number, I][] {
  if (list.every((i) => Number.isInteger(i.number)) && new Set(list.map((i) => i.number)).size === list.length) {
    return list.map((i): [number, I] => [i.number, i]).sort(([a], [b]) => a - b);
  }
  return list.toSorted((a, b) => depth(a, list[0]!) - depth(b, list[0]!)).map((i, k) => [k + 1, i]);
}

// fetchInstance brings the file of a slice of such a series.
export async function fetchInstance(series: string, number: string): Promise<ArrayBuffer> {
  const file = files.get(`${series}/${number}`);
  if (!file) throw new Error("The study has no such slice.");
  return (await request(file, { headers: { Accept: "application/dicom" } })).arrayBuffer();
}
