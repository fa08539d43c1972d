// The HTTP API as /openapi.yaml describes it: every call of the page goes through request, which asks for a key where one is needed.
import { login } from "./login";

export type State = "queued" | "running" | "done" | "failed" | "canceled";

// runs says that a job is not over.
export const runs = ({ state }: { state: State }) => state === "queued" || state === "running";

export interface Artifact {
  name: string; // "report.json", "dicom/ccdf/0001.dcm", …
  sha256: string;
  size: number; // bytes
  content_type: string;
}

export interface Progress {
  method?: string;
  slices_done: number; // over all methods
  slices: number; // over all methods; 0 until the input was opened
  step: number; // within the slice
  steps: number;
  eta_seconds: number; // 0 when unknown
}

export interface Recipe {
  methods?: string[];
  mask?: string;
  accel?: number;
  [parameter: string]: unknown;
}

export interface Job {
  id: string;
  scan: string;
  recipe: Recipe;
  state: State;
  attempt: number;
  progress: Progress;
  code?: string;
  error?: string;
  results?: Artifact[]; // not in lists of scans, nor in events
  created: string;
  started?: string;
  finished?: string;
}

export interface Scan {
  id: string;
  sha256: string;
  size: number; // bytes
  received: string;
  state: State;
  jobs: Job[]; // newest first
}

export interface Receipt {
  scan: string;
  job: string;
  sha256: string;
}

export interface Metrics {
  psnr: number; // dB
  ssim: number;
  nmse: number;
}

export interface MethodReport {
  name: string;
  initial?: string;
  sampler?: string;
  t0?: number;
  num_scales?: number;
  sigma_start?: number;
  steps?: number;
  nfe: number;
  seed?: number;
  samples?: number;
  device?: string;
  models?: { name: string; sha256: string }[];
  volume?: Metrics; // absent without a reference
  dc_residual: { rms: number; max: number };
  held_out_error?: number; // absent where nothing was held out
  seconds_per_slice: number;
  slices: ({ index: number } & Partial<Metrics>)[];
}

export interface Report {
  input: {
    acquisition: string; format: string; slices: number; coils: number; matrix: [number, number]; image: [number, number];
    pixel_spacing_mm?: [number, number]; simulated: boolean;
  };
  mask: { kind: string; mode: string; accel_nominal: number; accel_measured: number; acs_fraction: number; lines: number; width: number; seed: number; columns: string; points?: string; each?: string } | null;
  protocol: string;
  reference: string; // "none" without one
  methods: MethodReport[];
  notes?: string[];
  software: { version: string; commit: string; onnxruntime: string };
}

// Problem is an answer that is not the wanted one (RFC 9457), or none at all: then status is 0.
export class Problem extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

// messageOf is what to tell the user of anything that was thrown.
export const messageOf = (problem: unknown): string => (problem instanceof Error ? problem.message : String(problem));

// request fetches a path and throws a Problem unless the answer is a success.
export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new Problem(0, "The server does not answer.");
  }
  if (response.ok) return response;
  if (response.status === 401) {
    await login();
    return request(path, options);
  }
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.detail || response.statusText);
}

const json = async <T>(path: string, options?: RequestInit): Promise<T> => (await request(path, options)).json();
const api = "/api/v1";

export const jobPath = (id: string) => `${api}/jobs/${id}`;
export const listScans = async () => (await json<{ scans: Scan[] }>(`${api}/scans`)).scans;
export const getScan = (id: string) => json<Scan>(`${api}/scans/${id}`);
export const getJob = (id: string) => json<Job>(jobPath(id));
export const getReport = (id: string) => json<Report>(`${jobPath(id)}/report.json`);
export const cancelJob = (id: string) => json<Job>(jobPath(id), { method: "DELETE" });

// artifact is the path of one file that a job made.
export const artifact = (job: string, name: string) => `${jobPath(job)}/artifacts/${name.split("/").map(encodeURIComponent).join("/")}`;

const post = <T>(path: string, body: unknown) =>
  json<T>(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

export type Role = "read" | "push" | "review" | "admin";

export interface Session {
  user: string; // "anonymous" where the server has no keys
  roles: Role[];
}

export const getSession = () => json<Session>(`${api}/session`);
export const logout = () => request(`${api}/session`, { method: "DELETE" });

export type Verdict = "accepted" | "rejected";

// Comparison shows two methods to a reader who is not told which is which; Preference is the answer.
export interface Comparison {
  left: string;
  right: string;
  trial: number; // how many of these the user has answered before
}

export interface Preference extends Comparison {
  preferred: string; // left's or right's method, or "neither"
}

export interface Review {
  id: string;
  job: string;
  user: string;
  time: string;
  reason?: string;
  decision?: { method: string; verdict: Verdict };
  preference?: Preference;
}

export const reviewsCSV = `${api}/reviews.csv`;
export const listReviews = async (job?: string) =>
  (await json<{ reviews: Review[] }>(job ? `${jobPath(job)}/reviews` : `${api}/reviews`)).reviews;
export const decide = (job: string, method: string, verdict: Verdict, reason: string) =>
  post<Review>(`${jobPath(job)}/decisions`, { method, verdict, reason });
export const nextComparison = (job: string, methods: [string, string]) =>
  json<Comparison>(`${jobPath(job)}/comparison?${new URLSearchParams(methods.map((m) => ["method", m]))}`);
export const prefer = (job: string, answer: Preference, reason: string) => post<Review>(`${jobPath(job)}/preferences`, { ...answer, reason });

// decisions are the verdicts that no later one superseded, by job and method.
export function decisions(reviews: Review[]): Map<string, Map<string, Review>> {
  const jobs = new Map<string, Map<string, Review>>();
  for (const r of reviews) {
    if (!r.decision) continue;
    if (!jobs.has(r.job)) jobs.set(r.job, new Map());
    jobs.get(r.job)!.set(r.decision.method, r);
  }
  return jobs;
}
