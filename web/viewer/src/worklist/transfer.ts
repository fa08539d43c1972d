// Sending one file as one scan: HDF5 resumable (tus), for it is large; DICOM in one request, for a server may have to see it whole
// before it keeps any of it.
import { DetailedError, Upload } from "tus-js-client";
import { login } from "../login";

export interface Outcome {
  progress(sent: number): void; // bytes
  done(scan: string): void;
  failed(reason: string): void;
}

// send starts at once and returns what stops it.
export const send = (file: File, recipe: string, out: Outcome): (() => void) => (/\.(h5|hdf5)$/i.test(file.name) ? resumable : whole)(file, recipe, out);

// problemOf is what an answer of the server says is wrong.
function problemOf(body: string | undefined): string {
  try {
    return JSON.parse(body ?? "").detail;
  } catch {
    return "The server does not answer.";
  }
}

// An upload of the same file and recipe goes on where it was, also after the page was closed. The name of a file may be that of a
// patient, so that it is not kept.
const fingerprint = (file: File, recipe: string) => Promise.resolve(`closer ${file.size} ${file.lastModified} ${recipe}`);

const passes = [0, 409, 423, 429]; // no answer, a lock of the connection before, too much at a time

function resumable(file: File, recipe: string, out: Outcome): () => void {
  const upload = new Upload(file, {
    endpoint: "/api/v1/uploads",
    metadata: { recipe, filetype: "application/x-hdf5" },
    fingerprint: (f) => fingerprint(f, recipe),
    chunkSize: 64 << 20, // what a proxy between may hold back
    retryDelays: [500, 1000, 3000, 5000, 10000],
    removeFingerprintOnSuccess: true,
    onProgress: out.progress,
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      return passes.includes(status) || status >= 500;
    },
    onSuccess: ({ lastResponse }) => out.done(lastResponse.getHeader("Closer-Scan") ?? ""),
    onError: (error) => {
      const response = error instanceof DetailedError ? error.originalResponse : undefined;
      if (response?.getStatus() === 401) return void login().then(start);
      out.failed(problemOf(response?.getBody()));
    },
  });
  const start = async () => {
    const [previous] = await upload.findPreviousUploads();
    if (previous) upload.resumeFromPreviousUpload(previous);
    upload.start();
  };
  void start();
  return () => void upload.abort(true).catch(() => {}); // what arrived is forgotten in a week, if not now
}

function whole(file: File, recipe: string, out: Outcome): () => void {
  const request = new XMLHttpRequest(); // fetch tells nothing of its progress
  const start = () => {
    request.open("POST", `/api/v1/scans?${recipe}`);
    request.send(file.slice()); // without the type that the system thinks it is: the server looks
  };
  request.upload.addEventListener("progress", (event) => out.progress(event.loaded));
  request.addEventListener("error", () => out.failed(problemOf(undefined)));
  request.addEventListener("load", () => {
    if (request.status === 401) void login().then(start);
    else if (request.status < 300) out.done(JSON.parse(request.responseText).scan);
    else out.failed(problemOf(request.responseText));
  });
  start();
  return () => request.abort();
}
