// The report: the table of metrics, PSNR over the slices, the mask.
import { jobPath, type Report } from "../api";
import { element } from "../element";
import { dialog } from "./dialog";
import { maskPicture, sampling } from "./mask";
import { plot } from "./plot";
import type { Room } from "./room";
import { methodTitle, secondsASlice } from "./series";

// notes are what the reader should know of the results.
export const notes = (r: Report) => (r.notes ?? []).map((note) => element("p", { className: "research" }, note));

export async function showReport(room: Room): Promise<void> {
  const r = await room.report();
  if (!r) {
    dialog("Report", element("p", {}, "The job is not done: its report is not there yet."));
    return;
  }
  const number = (value: number | undefined, digits: number) => element("td", {}, value === undefined ? "–" : value.toFixed(digits));
  const heldOut = r.methods.some((m) => m.held_out_error !== undefined);
  const titles = ["Method", "PSNR, dB", "SSIM", "NMSE", "NFE", "s/slice", "DC residual", ...(heldOut ? ["Held-out error"] : [])];
  const table = element("table", {},
    element("thead", {}, element("tr", {}, ...titles.map((t) => element("th", { scope: "col" }, t)))),
    element("tbody", {}, ...r.methods.map((m) => element("tr", {},
      element("th", { scope: "row" }, methodTitle(m.name)), number(m.volume?.psnr, 2), number(m.volume?.ssim, 4), number(m.volume?.nmse, 5),
      number(m.nfe, 0), element("td", {}, secondsASlice(m)), element("td", {}, m.dc_residual.rms.toExponential(1)),
      ...(heldOut ? [number(m.held_out_error, 4)] : [])))));
  const lines = r.methods.map((m) => ({ name: methodTitle(m.name), points: m.slices.flatMap((s) => (s.psnr === undefined ? [] : [[s.index + 1, s.psnr] as [number, number]])) }));
  const sampled = sampling(r);
  const path = `${jobPath(room.job.id)}/report.html`;
  dialog("Report",
    ...(r.input.simulated ? [element("p", { className: "research" }, "k-space was simulated from images: these figures say nothing about clinical quality.")] : []),
    ...notes(r),
    element("p", {}, r.reference === "none" ? "The scan has no reference: there are no metrics." : `Against the reference ${r.reference}, as fastMRI's evaluation computes them.`),
    table,
    ...(heldOut ? [element("p", {}, "Held-out error: the distance from acquired samples that no method was given. 0 predicts them exactly, 1 is no better than nothing.")] : []),
    ...(lines.some((l) => l.points.length) ? [element("h3", {}, "PSNR of each slice, dB (range: maximum of the volume)"), plot(lines)] : []),
    ...(sampled ? [element("h3", {}, `Sampled: ${sampled.says}`), maskPicture(sampled)] : []),
    element("p", {}, element("a", { href: path, target: "_blank" }, "The whole report")));
}
