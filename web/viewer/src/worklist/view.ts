// A view of the worklist as the query of its address.
import { everything, type Column, type View } from "./jobs";

export const states = ["all", "running", "queued", "done", "failed", "canceled"] as const;

// viewOf reads a view from the query of an address; what it does not know it leaves as it is by default.
export function viewOf(search: string): View {
  const q = new URLSearchParams(search);
  const state = states.find((s) => s === q.get("state")) ?? everything.state;
  const by = (["pushed", "state", "acceleration", "psnr"] as Column[]).find((c) => c === q.get("by")) ?? everything.by;
  return { text: q.get("q") ?? "", state, by, descending: q.has("order") ? q.get("order") !== "ascending" : everything.descending };
}

export function searchOf(view: View): string {
  const q = new URLSearchParams();
  if (view.text) q.set("q", view.text);
  if (view.state !== everything.state) q.set("state", view.state);
  if (view.by !== everything.by) q.set("by", view.by);
  if (!view.descending) q.set("order", "ascending");
  return q.size ? "?" + q : "";
}
