// The HTTP API as /openapi.yaml describes it: every call of the page goes through request, which sends the key.

export type State = "queued" | "running" | "done" | "failed" | "canceled";

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
  seconds_per_slice: number;
  slices: ({ index: number } & Partial<Metrics>)[];
}

export interface Report {
  input: {
    acquisition: string; format: string; slices: number; coils: number; matrix: [number, number]; image: [number, number];
    pixel_spacing_mm?: [number, number]; simulated: boolean;
  };
  mask: { kind: string; mode: string; accel_nominal: number; accel_measured: number; acs_fraction: number; lines: number; width: number; seed: number; columns: string } | null;
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

// The key lives as long as the tab: it is kept where only pages of this server and this tab read it.
const stored = "closer-key";
export const key = {
  get: () => sessionStorage.getItem(stored) ?? "",
  set: (value: string) => (value ? sessionStorage.setItem(stored, value) : sessionStorage.removeItem(stored)),
};

// request fetches a path and throws a Problem unless the answer is a success.
export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  if (key.get()) headers.set("Authorization", "Bearer " + key.get());
  let response: Response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new Problem(0, "The server does not answer.");
  }
  if (response.ok) return response;
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

// pushScan sends a file as one scan with the default recipe.
export const pushScan = (file: File) =>
  json<Receipt>(`${api}/scans`, {
    method: "POST", body: file, headers: { "Content-Type": /\.h5$/i.test(file.name) ? "application/x-hdf5" : "application/dicom" },
  });
