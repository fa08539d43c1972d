// How each series was made, in one panel: method, steps, seed, acceleration, data consistency, networks.
import type { MethodReport } from "../api";
import { element } from "../element";
import { dialog } from "./dialog";
import { undersampling } from "./mask";
import { notes } from "./report";
import type { Room } from "./room";
import { methodTitle, secondsASlice } from "./series";

const rows: [string, (m: MethodReport) => string][] = [
  ["sampler", (m) => m.sampler || "–"],
  ["steps", (m) => String(m.steps || "–")],
  ["starts from", (m) => m.initial || "–"],
  ["start", (m) => (m.t0 ? `t₀ ${m.t0} of ${m.num_scales}` : m.sigma_start ? `σ ${m.sigma_start}` : "–")],
  ["seed", (m) => (m.sampler ? String(m.seed ?? 0) : "–")],
  ["samples averaged", (m) => String(m.samples || (m.sampler ? 1 : "–"))],
  ["network evaluations a slice", (m) => String(m.nfe)],
  ["DC residual, of ‖y‖", (m) => m.dc_residual.rms.toExponential(1)],
  ["DC residual, worst sample of the largest", (m) => m.dc_residual.max.toExponential(1)],
  ["networks", (m) => (m.models ?? []).map((n) => `${n.name} ${n.sha256.slice(0, 12)}`).join(", ") || "none"],
  ["device", (m) => m.device || "–"],
  ["seconds a slice", secondsASlice],
];

export async function facts(room: Room): Promise<void> {
  const r = await room.report();
  if (!r) {
    dialog("How the series were made", element("p", {}, "The job is not done: its report is not there yet."), ...room.panes.map((p) => element("p", {}, p.slice?.story ?? "")));
    return;
  }
  dialog(
    "How the series were made",
    element("p", {}, `${undersampling(r)} ${r.input.coils} coil${r.input.coils === 1 ? "" : "s"}, protocol ${r.protocol}. ${r.input.simulated ? "The k-space was simulated from images, not measured." : ""}`),
    ...notes(r),
    element("table", {},
      element("thead", {}, element("tr", {}, element("td"), ...r.methods.map((m) => element("th", { scope: "col" }, methodTitle(m.name))))),
      element("tbody", {}, ...rows.map(([title, value]) => element("tr", {}, element("th", { scope: "row" }, title), ...r.methods.map((m) => element("td", {}, value(m))))))),
    element("p", { className: "quiet" }, room.active.slice?.story ?? ""),
    element("p", { className: "quiet" }, room.active.slice?.comments ?? ""),
  );
}
