// What the worklist shows of all jobs: which ones, in which order. Pure functions of what the API said.
import type { Job, Report, Review, State } from "../api";

export type Column = "pushed" | "state" | "acceleration" | "psnr";

export interface View {
  text: string; // words that a job must have, in any order
  state: State | "all";
  by: Column;
  descending: boolean;
}

export const everything: View = { text: "", state: "all", by: "pushed", descending: true };

// Figures are what is known of a job from its report.
export type Figures = Pick<Report, "input"> & { psnr: Map<string, number | undefined> }; // dB by method; undefined without a reference

export const figuresOf = (report: Report): Figures => ({
  input: report.input, psnr: new Map(report.methods.map((m) => [m.name, m.volume?.psnr])),
});

// Own is the acceleration that a scan came with, for which a recipe's is ignored: null when it came whole, undefined while nobody knows.
export type Own = number | null | undefined;

export const own = ({ mask }: Pick<Report, "mask">): Own => (mask?.kind === "acquired" ? mask.accel_measured : null);

function acceleration({ recipe }: Job, own: Own): string {
  if (typeof own === "number") return `×${own.toFixed(2)}, as acquired`;
  return recipe.mask === "none" ? "as acquired" : `×${recipe.accel}`;
}

// spoken says also whether the acceleration is only asked for yet.
export const spoken = (job: Job, own: Own): string => acceleration(job, own) + (own === undefined && job.recipe.mask !== "none" ? " asked for" : "");

// maskOf names the mask that undersampled a scan; the scan's own has no name.
export const maskOf = ({ recipe }: Job, own: Own): string => (typeof own === "number" || recipe.mask === "none" ? "" : (recipe.mask ?? ""));

// Known is what is known of jobs besides themselves.
export interface Known {
  figures: Map<string, Figures>; // by job
  came: Map<string, Own>; // by scan: the report of any of its jobs tells
  decided: Map<string, Map<string, Review>>; // by job and method
}

// words are what the search looks in.
function words(job: Job, { figures, came, decided }: Known): string {
  const verdicts = [...(decided.get(job.id)?.values() ?? [])].map((r) => r.decision!.verdict);
  const open = job.state === "done" && verdicts.length === 0 ? "unreviewed" : "";
  const own = came.get(job.scan);
  return [
    job.scan, job.id, job.state, job.error, acceleration(job, own), maskOf(job, own), ...(job.recipe.methods ?? []), figures.get(job.id)?.input.acquisition, ...verdicts, open,
  ].join(" ").toLowerCase();
}

const order: State[] = ["running", "queued", "failed", "canceled", "done"];

const best = (figures?: Figures) => Math.max(-Infinity, ...[...(figures?.psnr.values() ?? [])].filter((v) => v !== undefined));

const ascending: Record<Column, (a: Job, b: Job, known: Known) => number> = {
  pushed: (a, b) => Date.parse(a.created) - Date.parse(b.created),
  state: (a, b) => order.indexOf(a.state) - order.indexOf(b.state),
  acceleration: (a, b, { came }) => factor(a, came.get(a.scan)) - factor(b, came.get(b.scan)),
  psnr: (a, b, { figures }) => compare(best(figures.get(a.id)), best(figures.get(b.id))),
};

const factor = ({ recipe }: Job, own: Own) => own ?? (recipe.mask === "none" ? 1 : (recipe.accel ?? 1));
const compare = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1); // also of infinities

// select returns the jobs of a view in its order; equal ones newest first.
export function select(jobs: Iterable<Job>, view: View, known: Known): Job[] {
  const wanted = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...jobs].filter((job) => {
    const text = wanted.length > 0 ? words(job, known) : "";
    return (view.state === "all" || job.state === view.state) && wanted.every((word) => text.includes(word));
  });
  const sign = view.descending ? -1 : 1;
  return found.sort((a, b) => sign * ascending[view.by](a, b, known) || ascending.pushed(b, a, known) || alphabetical(a.id, b.id));
}

const alphabetical = (a: string, b: string) => (a < b ? -1 : 1);

// count says how many jobs are in each state, and in all.
export function count(jobs: Iterable<Job>): Record<State | "all", number> {
  const n = { all: 0, queued: 0, running: 0, done: 0, failed: 0, canceled: 0 };
  for (const job of jobs) {
    n.all++;
    n[job.state]++;
  }
  return n;
}

// progressOf says in words how far a running job is.
export function progressOf({ progress: p }: Job): string {
  if (!p.slices) return "opening the scan";
  const parts = [`${p.method ?? ""} ${p.slices_done} of ${p.slices} slices`.trim()];
  if (p.steps > 1) parts.push(`step ${p.step} of ${p.steps}`);
  if (p.eta_seconds > 0) parts.push(`${duration(p.eta_seconds)} left`);
  return parts.join(" · ");
}

// fraction is how much of a running job is done, from 0 to 1; steps count within the slice.
export function fraction({ progress: p }: Job): number {
  if (!p.slices) return 0;
  return Math.min(1, (p.slices_done + (p.steps > 0 ? Math.min(1, p.step / p.steps) : 0)) / p.slices);
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`.replace(" 60 s", " 59 s").replace(" 0 s", "");
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export function bytes(n: number): string {
  const unit = n < 1e3 ? 0 : Math.min(3, Math.floor(Math.log10(n) / 3));
  return `${unit ? (n / 1e3 ** unit).toFixed(1) : n} ${["B", "kB", "MB", "GB"][unit]}`;
}
