// Pushing files: resumable (tus), each with a progress bar, none named anywhere but on this screen.
import { DetailedError, Upload } from "tus-js-client";
import { login } from "../login";
import { element } from "../element";
import { bytes, duration } from "./jobs";
import { defaults, query, recipeForm } from "./recipe";

// An upload of the same file and recipe goes on where it was, also after the page was closed. The name of a file may be that of a
// patient, so that it is not kept.
const fingerprint = (file: File, recipe: string) => Promise.resolve(`closer ${file.size} ${file.lastModified} ${recipe}`);

const media = (file: File) => (/\.h5$/i.test(file.name) ? "application/x-hdf5" : "application/dicom");

// problemOf is the sentence in an answer of the server.
function problemOf(error: Error | DetailedError): string {
  const body = error instanceof DetailedError ? error.originalResponse?.getBody() : undefined;
  try {
    return JSON.parse(body ?? "").detail;
  } catch {
    return "The server does not answer.";
  }
}

// pushing returns the panel to push from, and takes files that are dropped anywhere on the page.
export function pushing(done: (scan: string) => void): HTMLElement {
  const input = element("input", { type: "file", multiple: true, id: "files", className: "hidden-input" });
  const list = element("ul", { className: "uploads" });
  let recipe = query(defaults);
  const take = (files: FileList | null | undefined) => list.append(...[...(files ?? [])].map((file) => upload(file, recipe, done)));
  input.addEventListener("change", () => {
    take(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  const panel = element(
    "section", { className: "push", ariaLabel: "Push scans" },
    element("p", {}, input, element("label", { htmlFor: "files", className: "button" }, "Push scans…"), " or drop fastMRI .h5 and DICOM files anywhere on this page"),
    recipeForm((r) => (recipe = query(r))), list,
  );
  let depth = 0; // of the elements that the pointer entered and has not left
  const over = (event: DragEvent, change: number) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    depth = change ? Math.max(0, depth + change) : depth;
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", (event) => over(event, 1));
  document.addEventListener("dragleave", (event) => over(event, -1));
  document.addEventListener("dragover", (event) => over(event, 0));
  document.addEventListener("drop", (event) => {
    over(event, -depth);
    take(event.dataTransfer?.files);
  });
  return panel;
}

// upload starts at once and is drawn as an item of the list.
function upload(file: File, recipe: string, done: (scan: string) => void): HTMLLIElement {
  const bar = element("progress", { max: file.size, value: 0, ariaLabel: `upload of ${file.name}` });
  const text = element("span", { role: "status" }, "starting");
  const stop = element("button", {}, "Stop");
  const again = element("button", { hidden: true }, "Try again");
  const item = element("li", {}, element("span", { className: "name" }, file.name), bar, text, stop, again);
  let began = 0;
  let first = 0; // bytes that were there when this began
  const ended = (say: string, className: string) => {
    item.className = className;
    text.textContent = say;
    bar.remove();
  };
  const tus = new Upload(file, {
    endpoint: "/api/v1/uploads",
    metadata: { recipe, filetype: media(file) },
    fingerprint: (f) => fingerprint(f, recipe),
    chunkSize: 64 << 20, // what a proxy between may hold back
    retryDelays: [500, 1000, 3000, 5000, 10000],
    removeFingerprintOnSuccess: true,
    onProgress: (sent, total) => {
      if (!began) [began, first] = [performance.now(), sent];
      bar.value = sent;
      const rate = (sent - first) / (performance.now() - began) * 1000; // bytes a second
      const left = rate > 0 && sent < total ? `, ${duration((total - sent) / rate)} left` : "";
      text.textContent = sent < total ? `${bytes(sent)} of ${bytes(total)}${left}` : "the server checks it";
    },
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      return status === 0 || status === 409 || status === 423 || status === 429 || status >= 500;
    },
    onSuccess: ({ lastResponse }) => {
      stop.textContent = "Hide";
      ended("is taken: it is in the list below", "taken");
      done(lastResponse.getHeader("Closer-Scan") ?? "");
      setTimeout(() => item.contains(document.activeElement) || item.remove(), 10_000);
    },
    onError: async (error) => {
      if (error instanceof DetailedError && error.originalResponse?.getStatus() === 401) {
        await login();
        return void start();
      }
      ended(problemOf(error), "refused");
      stop.textContent = "Hide";
      again.hidden = false;
    },
  });
  const start = async () => {
    const [previous] = await tus.findPreviousUploads();
    if (previous) tus.resumeFromPreviousUpload(previous);
    tus.start();
  };
  stop.addEventListener("click", () => {
    if (stop.textContent === "Stop") void tus.abort(true).catch(() => {}); // what arrived is forgotten in a week, if not now
    item.remove();
  });
  again.addEventListener("click", () => {
    item.replaceWith(upload(file, recipe, done));
  });
  void start();
  return item;
}
