// Pushing files: each with a progress bar, none named anywhere but on this screen.
import { element } from "../element";
import { bytes, duration } from "./jobs";
import { defaults, query, recipeForm } from "./recipe";
import { send } from "./transfer";

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
  const ended = (say: string, className: string) => {
    item.className = className;
    text.textContent = say;
    bar.remove();
    stop.textContent = "Hide";
    again.hidden = className !== "refused";
  };
  let began: { at: number; sent: number } | undefined; // what was there before does not count for the speed
  const abort = send(file, recipe, {
    progress: (sent) => {
      began ??= { at: performance.now(), sent };
      bar.value = sent;
      const rate = ((sent - began.sent) / (performance.now() - began.at)) * 1000; // bytes a second
      const left = rate > 0 && sent < file.size ? `, ${duration((file.size - sent) / rate)} left` : "";
      text.textContent = sent < file.size ? `${bytes(sent)} of ${bytes(file.size)}${left}` : "the server checks it";
    },
    done: (scan) => {
      ended("is taken: it is in the list below", "taken");
      done(scan);
      setTimeout(() => item.contains(document.activeElement) || item.remove(), 10_000);
    },
    failed: (reason) => ended(reason, "refused"),
  });
  stop.addEventListener("click", () => {
    if (!item.className) abort();
    item.remove();
  });
  again.addEventListener("click", () => item.replaceWith(upload(file, recipe, done)));
  return item;
}
