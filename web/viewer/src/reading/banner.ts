// Whom the images show, and what nobody should overlook.
import { getReport, type Job } from "../api";
import { element } from "../element";
import { maskOf, own, spoken, type Own } from "../worklist/jobs";
import type { Slice } from "./dicom";

const date = (dicom: string) => dicom.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3");

// how says how the series was made, unless the reader must not know.
export function banner(s: Slice, how: boolean): Node[] {
  const { name, id, birth, sex } = s.patient;
  const field = (label: string, value: string) => element("span", {}, element("span", { className: "quiet" }, label + " "), value || "unknown");
  return [
    element("a", { href: "/" }, "Worklist"),
    element("h1", { className: "patient" }, name || "unnamed"), field("ID", id), field("born", date(birth)), field("sex", sex),
    field("study", [date(s.date), s.description].filter(Boolean).join(" ")),
    element("strong", { className: "research" }, "RESEARCH · not for diagnostic use"),
    element("span", { className: "comments", hidden: !how }, how ? s.comments.replace("Not for diagnostic use. ", "") : ""),
  ];
}

// recipes chooses among the jobs of a scan.
export function recipes(jobs: Job[], shown: string): HTMLElement {
  const title = (j: Job, came: Own) => [spoken(j, came), maskOf(j, came), (j.recipe.methods ?? []).join("+"), j.state === "done" ? "" : j.state].filter(Boolean).join(" ");
  const options = jobs.map((j) => element("option", { value: j.id, selected: j.id === shown }, title(j, undefined)));
  const done = jobs.find((j) => j.state === "done"); // any of them knows how the scan came
  if (done) getReport(done.id).then((report) => options.forEach((o, i) => (o.text = title(jobs[i]!, own(report)))), () => undefined);
  const select = element("select", {}, ...options);
  select.addEventListener("change", () => location.assign("/study/" + select.value));
  return element("label", {}, "Recipe ", select);
}
